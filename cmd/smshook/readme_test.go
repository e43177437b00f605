package main

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages returns the Markdown files of the repository, by path.
func pages(t *testing.T) map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		found[filepath.Clean(path)] = string(text)
		return err
	})
	require.NoError(t, err)
	require.Contains(t, found, filepath.Clean("../../README.md"))
	return found
}

var (
	fenced   = regexp.MustCompile("(?ms)^ *```.*?^ *```[^\n]*$")
	linked   = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unnamed  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors are those that GitHub makes of a page's headings.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, h := range headings.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		all[strings.ReplaceAll(unnamed.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, page := range all {
		for _, found := range linked.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
			link := found[1] + found[2]
			u, err := url.Parse(link)
			require.NoError(t, err, "%s: %s", path, link)
			if u.Scheme != "" {
				continue
			}
			target := path
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(path), u.Path)
				_, err := os.Stat(target)
				require.NoError(t, err, "%s: %s", path, link)
			}
			if u.Fragment != "" {
				require.True(t, anchors(all[target])[u.Fragment], "%s: %s has no such heading", path, link)
			}
		}
	}
}

func TestTheREADMEIsShort(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(readme), "\n"), 250)
	providers, err := filepath.Glob("../../providers/*/*.go")
	require.NoError(t, err)
	for _, file := range providers {
		folder := filepath.Base(filepath.Dir(file))
		if folder == "all" || folder == "call" || folder == "console" || folder == "providertest" || folder == "spoken" {
			continue // no provider of messages
		}
		require.Contains(t, string(readme), "providers/"+folder+"/README.md")
	}
}
