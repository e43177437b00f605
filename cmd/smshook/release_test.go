package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const repository = "../.."

// readYAML reads a file into a struct that has each of its fields.
func readYAML(t *testing.T, name string, into any) {
	text, err := os.ReadFile(filepath.Join(repository, name))
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(into), name)
}

// Workflows call actions by their commit, since a tag can be moved. The comment has the tag.
func TestWorkflows(t *testing.T) {
	type workflow struct {
		Name        string
		On          yaml.Node
		Permissions map[string]string
		Concurrency yaml.Node
		Jobs        map[string]struct {
			RunsOn      string `yaml:"runs-on"`
			Container   string
			Timeout     int `yaml:"timeout-minutes"`
			Permissions map[string]string
			Steps       []struct {
				Uses, Run string
				With, Env map[string]string
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(repository, ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	module, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	require.NoError(t, err)
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)[1]
	for _, file := range files {
		var w workflow
		readYAML(t, filepath.Join(".github", "workflows", filepath.Base(file)), &w)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"contents": "read"}, w.Permissions, "a job asks for more")
		for name, job := range w.Jobs {
			require.NotZero(t, job.Timeout, name)
			if job.Container != "" {
				require.Equal(t, "golang:"+string(goVersion)+"-bookworm", job.Container, "go.mod needs this version")
			}
			for _, step := range job.Steps {
				if step.Uses != "" {
					require.Regexp(t, `^[\w./-]+@[0-9a-f]{40}$`, step.Uses)
					require.Regexp(t, regexp.QuoteMeta(step.Uses)+` # v\d+\.\d+\.\d+\n`, string(text))
				}
				if program, found := strings.CutPrefix(step.Run, ".ci/"); found {
					info, err := os.Stat(filepath.Join(repository, ".ci", program))
					require.NoError(t, err)
					require.NotZero(t, info.Mode()&0o100, step.Run)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") {
					require.Equal(t, "false", step.With["persist-credentials"], "later steps don't need the token")
				}
			}
		}
	}
}

// The files of a release exist, and the version and the tags are those of the Dockerfile and of `make build`.
func TestGoreleaser(t *testing.T) {
	var release struct {
		Version     int
		ProjectName string `yaml:"project_name"`
		Before      struct{ Hooks []string }
		Builds      []struct {
			Main                                    string
			Env, Flags, Tags, Ldflags, Goos, Goarch []string
			ModTimestamp                            string `yaml:"mod_timestamp"`
		}
		Archives []struct {
			Formats   []string
			Overrides yaml.Node `yaml:"format_overrides"`
			Files     []yaml.Node
		}
		Checksum struct {
			NameTemplate string `yaml:"name_template"`
		}
		Sboms   []struct{ Artifacts string }
		Dockers []struct {
			ID         string
			Images     []string
			Tags       []string
			Platforms  []string
			BuildArgs  map[string]string `yaml:"build_args"`
			ExtraFiles []string          `yaml:"extra_files"`
			SBOM       bool
		} `yaml:"dockers_v2"`
		Changelog struct{ Disable bool }
		Release   struct {
			Draft      bool
			Prerelease string
		}
	}
	readYAML(t, ".goreleaser.yaml", &release)
	require.Len(t, release.Builds, 1)
	build := release.Builds[0]
	require.Equal(t, []string{"linux", "darwin", "windows"}, build.Goos)
	require.Equal(t, []string{"amd64", "arm64"}, build.Goarch)
	require.Equal(t, []string{"CGO_ENABLED=0"}, build.Env, "static")
	dockerfile, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	require.NoError(t, err)
	require.Contains(t, string(dockerfile), "-X main.release=$VERSION")
	require.Contains(t, build.Ldflags[0], "-X main.release=v{{ .Version }}")
	for _, tag := range build.Tags {
		require.Contains(t, string(dockerfile), tag)
	}
	for _, file := range release.Archives[0].Files {
		if file.Kind == yaml.ScalarNode {
			require.FileExists(t, filepath.Join(repository, file.Value))
		}
	}
	for _, image := range release.Dockers {
		require.Equal(t, []string{"linux/amd64", "linux/arm64"}, image.Platforms)
		for name := range image.BuildArgs {
			require.Regexp(t, `(?m)^ARG .*\b`+name+`\b`, string(dockerfile))
		}
		for line := range strings.Lines(string(dockerfile)) { // the files that it copies are in the context
			words := strings.Fields(line)
			if len(words) < 3 || words[0] != "COPY" || strings.HasPrefix(words[1], "--") {
				continue
			}
			for _, source := range words[1 : len(words)-1] {
				require.Contains(t, image.ExtraFiles, source)
			}
		}
	}
	require.FileExists(t, filepath.Join(repository, release.Before.Hooks[0]))
}

func TestGoreleaserCheck(t *testing.T) {
	program, err := exec.LookPath("goreleaser")
	if err != nil {
		t.Skip("goreleaser is missing: the workflow CI runs this check too")
	}
	command := exec.Command(program, "check")
	command.Dir = repository
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
