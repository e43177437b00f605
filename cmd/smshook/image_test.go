package main

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImage does the steps of the Dockerfile without Docker. It copies the files of the COPY lines that .dockerignore allows, runs the RUN
// lines, and tries the result. It doesn't use the base images.
func TestImage(t *testing.T) {
	if os.Getenv("CI") == "" {
		t.Skip("CI is not set, and this builds the whole program")
	}
	image := &imageBuild{root: t.TempDir(), files: contextFiles(t)}
	dockerfile, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	for line := range strings.Lines(strings.ReplaceAll(string(dockerfile), "\\\n", "")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			image.step(t, line)
		}
	}
	require.NotEmpty(t, image.program)

	binary := filepath.Join(image.root, image.program)
	info, err := buildinfo.ReadFile(binary)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	require.Equal(t, "timetzdata", settings["-tags"], "an empty image has no time zones")
	executable, err := elf.Open(binary)
	require.NoError(t, err)
	defer executable.Close()
	for _, part := range executable.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "an empty image has no dynamic linker")
	}
	command := exec.Command(binary, "version")
	version, err := command.Output()
	require.NoError(t, err)
	require.Contains(t, string(version), "v1.2.3")
	command = exec.Command(binary, "demo")
	command.Dir = t.TempDir()
	shown, err := command.CombinedOutput()
	require.NoError(t, err, "%s", shown)
}

// imageBuild is the state of a build.
type imageBuild struct {
	root    string   // the file system of the first stage
	files   []string // the build context, as paths in the repository
	stage   int
	workdir string
	in      map[string]bool // files that the last stage has from the first
	program string          // that the image starts
}

func (b *imageBuild) step(t *testing.T, line string) {
	instruction, rest, _ := strings.Cut(line, " ")
	words := strings.Fields(rest)
	switch instruction {
	case "FROM":
		b.stage++
		b.in = map[string]bool{}
		if b.stage == 1 {
			module, err := os.ReadFile("../../go.mod")
			require.NoError(t, err)
			_, version, _ := strings.Cut(string(module), "\ngo ")
			minor := strings.Join(strings.SplitN(strings.Fields(version)[0], ".", 3)[:2], ".")
			require.Contains(t, line, "golang:"+minor+"-", "go.mod needs Go %s", minor)
		}
	case "WORKDIR":
		b.workdir = rest
		require.NoError(t, os.MkdirAll(filepath.Join(b.root, rest), 0o755))
	case "COPY":
		if from, ok := strings.CutPrefix(words[0], "--from="); ok {
			require.Equal(t, "build", from)
			words = slices.DeleteFunc(words[1:], func(word string) bool { return strings.HasPrefix(word, "--chown=") })
			b.fromBuild(t, words[0], words[1])
			return
		}
		target := words[len(words)-1]
		for _, source := range words[:len(words)-1] {
			b.copy(t, source, target)
		}
	case "RUN":
		command := exec.Command("sh", "-ec", strings.ReplaceAll(rest, "-o /", "-o "+b.root+"/"))
		command.Dir = filepath.Join(b.root, b.workdir)
		command.Env = append(os.Environ(), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH, "VERSION=v1.2.3", "GOWORK=off")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, output)
	case "HEALTHCHECK":
		_, text, _ := strings.Cut(rest, "CMD ")
		var command []string
		require.NoError(t, json.Unmarshal([]byte(text), &command))
		require.True(t, b.in[command[0]], line)
		require.NoError(t, exec.Command(filepath.Join(b.root, command[0]), append([]string{"help"}, command[1:]...)...).Run(), line)
	case "ENTRYPOINT":
		var command []string
		require.NoError(t, json.Unmarshal([]byte(rest), &command))
		require.True(t, b.in[command[0]], line)
		b.program = command[0]
	case "ARG", "USER", "EXPOSE": // they change no files
	default:
		t.Fatalf("this test can't do: %s", line)
	}
}

// copy copies a file or a folder. If the build context has nothing of it, that is an error, as it is for Docker.
func (b *imageBuild) copy(t *testing.T, source, target string) {
	found := false
	for _, name := range b.files {
		inside := strings.TrimPrefix(name, source+"/")
		to := path.Join(target, inside)
		switch {
		case name == source && strings.HasSuffix(target, "/"):
			to = path.Join(target, path.Base(name))
		case name == source:
			to = target
		case inside == name:
			continue
		}
		found = true
		content, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		to = filepath.Join(b.root, b.workdir, to)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, content, 0o644))
	}
	require.True(t, found, "COPY %s: it doesn't exist, or .dockerignore excludes it", source)
}

// fromBuild notes a file of the first stage that the image gets. It must be built, or be in the base image.
func (b *imageBuild) fromBuild(t *testing.T, source, target string) {
	if source != "/etc/ssl/certs/ca-certificates.crt" { // https://packages.debian.org/bookworm/all/ca-certificates/filelist
		_, err := os.Stat(filepath.Join(b.root, source))
		require.NoError(t, err)
	}
	require.Contains(t, []string{source, path.Dir(source) + "/", "/" + path.Base(source)}, target, "the file must have the same name in the image")
	b.in[source] = true
}

// contextFiles returns the build context. The last pattern of .dockerignore that matches a file, or a folder above it, decides.
// https://docs.docker.com/build/concepts/context/#dockerignore-files
func contextFiles(t *testing.T) (files []string) {
	ignore, err := os.ReadFile("../../.dockerignore")
	require.NoError(t, err)
	err = fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if name == ".git" {
				return fs.SkipDir
			}
			return err
		}
		ignored := false
		for pattern := range strings.FieldsSeq(string(ignore)) {
			bare := strings.TrimPrefix(pattern, "!")
			if ignoreMatches(bare, name) {
				ignored = bare == pattern
			}
		}
		if !ignored {
			files = append(files, name)
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

func ignoreMatches(pattern, name string) bool {
	pattern, anywhere := strings.CutPrefix(pattern, "**/")
	parts := strings.Split(name, "/")
	for start := range parts {
		for end := start + 1; end <= len(parts); end++ {
			if matched, _ := path.Match(pattern, strings.Join(parts[start:end], "/")); matched {
				return true
			}
		}
		if !anywhere {
			break
		}
	}
	return false
}
