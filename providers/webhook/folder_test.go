package webhook

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A new provider takes no more than the README says: a folder, providers/solomobile, and a line in providers/all/all.go, with its
// import. The Go command builds this module with the two laid over it, so that all other packages come from its cache. The tests that
// walk through folders run in a copy of the module.
func TestNewProviderIsOneFolderAndOneLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no Go command here")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	copied := t.TempDir()
	for _, folder := range []string{"cmd", "internal", "providers"} {
		require.NoError(t, os.CopyFS(filepath.Join(copied, folder), os.DirFS(filepath.Join(root, folder))))
	}
	require.NoError(t, os.CopyFS(filepath.Join(copied, "providers", "solomobile"), os.DirFS("testdata/solomobile")))
	list := filepath.Join("providers", "all", "all.go")
	source, err := os.ReadFile(filepath.Join(root, list))
	require.NoError(t, err)
	const line, imported = `		providers.NewDriver("webhook", `, `	"github.com/smshook/smshook/providers/webhook"`
	require.Contains(t, string(source), line)
	changed := strings.NewReplacer(
		line, `		providers.NewDriver("solomobile", "Solo Mobile", solomobile.New),`+"\n"+line,
		imported, `	"github.com/smshook/smshook/providers/solomobile"`+"\n"+imported,
	).Replace(string(source))
	require.NoError(t, os.WriteFile(filepath.Join(copied, list), []byte(changed), 0o600))

	replace := map[string]string{filepath.Join(root, list): filepath.Join(copied, list)}
	for _, name := range []string{"solomobile.go", "solomobile_test.go"} {
		file := filepath.Join("providers", "solomobile", name)
		replace[filepath.Join(root, file)] = filepath.Join(copied, file)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	built := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(built, "overlay.json"), overlay, 0o600))

	run := func(dir, name string, args ...string) string {
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=-buildvcs=false -overlay="+filepath.Join(built, "overlay.json"))
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
		return string(out)
	}
	tested := []string{"providers/all", "internal/app"}
	run(root, goCommand, "test", "./providers/webhook/testdata/solomobile")
	run(root, goCommand, "test", "-c", "-vet=off", "-o", built+"/", "./"+tested[0], "./"+tested[1])
	run(root, goCommand, "build", "-o", built+"/", "./cmd/smshook")
	for _, pkg := range tested {
		binary := filepath.Join(built, filepath.Base(pkg)+".test")
		only := "."
		if pkg == "internal/app" {
			only = testsIn(t, filepath.Join(copied, pkg, "imports_test.go"))
		}
		run(filepath.Join(copied, pkg), binary, "-test.run", only)
	}
	help := run(copied, filepath.Join(built, "smshook"), "serve", "-h")
	for _, setting := range []string{"Solo Mobile", "SOLOMOBILE_TOKEN (required)", "SOLOMOBILE_CODES"} {
		require.Contains(t, help, setting)
	}
}

// testsIn returns a pattern for the names of all tests in a file.
func testsIn(t *testing.T, file string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	var names []string
	for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, found[1])
	}
	require.NotEmpty(t, names)
	return "^(" + strings.Join(names, "|") + ")$"
}
