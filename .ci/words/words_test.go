// Package words holds the repository to one word for each thing. words.txt lists the words that are not used, and why. exceptions.txt
// lists the places where such a word is meant. `make lint` runs the test.
package words

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// word is a line of words.txt.
type word struct {
	text, reason string
	pattern      *regexp.Regexp // for a line as plain returns it
}

// exception is a line of exceptions.txt.
type exception struct{ path, word, part string }

// allLines is the part of an exception that holds for all lines of its file.
const allLines = "*"

func TestRepositoryUsesNoWordOfTheList(t *testing.T) {
	list := readWords(t)
	exceptions := readExceptions(t)
	used := map[exception]bool{}
	for _, path := range texts(t) {
		for _, w := range list { // also in the name of the file
			if w.pattern.MatchString(plain(path)) {
				t.Errorf("%s: the file's name has %q: %s", path, w.text, w.reason)
			}
		}
		content, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		for i, line := range strings.Split(string(content), "\n") {
			for _, w := range find(list, line) {
				at := slices.IndexFunc(exceptions, func(e exception) bool {
					return e.path == path && e.word == w.text && (e.part == allLines || strings.Contains(line, e.part))
				})
				if at < 0 {
					t.Errorf("%s:%d: %q: %s\n\t%s", path, i+1, w.text, w.reason, strings.TrimSpace(line))
					continue
				}
				used[exceptions[at]] = true
			}
		}
	}
	for _, e := range exceptions {
		if !used[e] {
			t.Errorf("exceptions.txt: nothing in %s needs the exception for %q, %q: remove it", e.path, e.word, e.part)
		}
	}
}

func TestFind(t *testing.T) {
	list := readWords(t)
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"// The carrier has failed.", []string{"carrier"}},
		{"func (c *Carriers) add() {}", []string{"carrier"}},
		{"type CarrierState string", []string{"carrier"}},
		{"errNoLane = 1", []string{"lane"}},
		{`event.Strs("carrier_ids", ids)`, []string{"carrier"}},
		{"SMSHOOK_CARRIER=1", []string{"carrier"}},
		{"HTTPCarrier", []string{"carrier"}},
		{"// It is kept for  ever, lest it be lost.", []string{"for ever", "lest"}},
		{"const OnTrial = 1", []string{"on trial"}},
		{"// Carrying planes, a bellows and the latest flies", []string{"flight"}},
		{"// An instance's trial is a message that is on its way.", nil},
		{"// The provider accepts the message.", nil},
	} {
		var found []string
		for _, w := range find(list, tt.line) {
			found = append(found, w.text)
		}
		require.Equal(t, tt.want, found, tt.line)
	}
}

// find returns the words of the list that are in a line.
func find(list []word, line string) (found []word) {
	line = plain(line)
	for _, w := range list {
		if w.pattern.MatchString(line) {
			found = append(found, w)
		}
	}
	return found
}

var (
	nextWord   = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
	notLetters = regexp.MustCompile(`[^a-z]+`)
)

// plain returns the words of a line in small letters, with a space around each. Identifiers are cut into their words.
func plain(line string) string {
	line = nextWord.ReplaceAllString(line, "$1$3 $2$4")
	return " " + notLetters.ReplaceAllString(strings.ToLower(line), " ") + " "
}

// texts returns the paths of all files that people write and read, except those of this package.
func texts(t *testing.T) (paths []string) {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		switch {
		case relative == ".git" || relative == "bin" || relative == ".ci/words":
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case entry.Type().IsRegular() && isText(relative):
			paths = append(paths, relative)
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, paths, "README.md")
	return paths
}

func isText(path string) bool {
	switch filepath.Ext(path) {
	case ".go", ".md", ".yml", ".yaml", ".sql", ".templ", ".conf":
		return true
	}
	return slices.Contains([]string{".ci/run", ".ci/debian", ".env.example", "Caddyfile", "Dockerfile", "Makefile"}, path)
}

// readWords reads words.txt.
func readWords(t *testing.T) (list []word) {
	for _, fields := range readTable(t, "words.txt", 3) {
		pattern, err := regexp.Compile(" (?:" + fields[1] + ") ")
		require.NoError(t, err, fields[0])
		list = append(list, word{fields[0], fields[2], pattern})
	}
	return list
}

// readExceptions reads exceptions.txt.
func readExceptions(t *testing.T) (list []exception) {
	for _, fields := range readTable(t, "exceptions.txt", 4) {
		list = append(list, exception{fields[0], fields[1], fields[2]})
	}
	return list
}

// readTable reads a file with some columns, separated by tabs. Empty lines and lines that start with # are comments.
func readTable(t *testing.T, file string, columns int) (rows [][]string) {
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, line := range strings.Split(string(content), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		require.Len(t, fields, columns, file+":"+strconv.Itoa(i+1))
		rows = append(rows, fields)
	}
	return rows
}
