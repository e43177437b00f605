package webhook

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOneFolderAndOneLine shows that a new provider takes no more than the README says: in a copy of this module, a folder
// providers/solomobile, and a line in providers/all/all.go, with its import. All else is as it is.
func TestOneFolderAndOneLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no Go command here")
	}
	const root = "../.."
	copied := t.TempDir()
	for _, folder := range []string{"cmd", "internal", "providers", "testdata"} {
		require.NoError(t, os.CopyFS(filepath.Join(copied, folder), os.DirFS(filepath.Join(root, folder))))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, name), content, 0o600))
	}

	require.NoError(t, os.CopyFS(filepath.Join(copied, "providers", "solomobile"), os.DirFS("testdata/solomobile")))
	list := filepath.Join(copied, "providers", "all", "all.go")
	source, err := os.ReadFile(list)
	require.NoError(t, err)
	const line, imported = `		providers.NewDriver("webhook", `, `	"github.com/smshook/smshook/providers/webhook"`
	require.Contains(t, string(source), line)
	changed := strings.NewReplacer(
		line, `		providers.NewDriver("solomobile", "Solo Mobile", solomobile.New),`+"\n"+line,
		imported, `	"github.com/smshook/smshook/providers/solomobile"`+"\n"+imported,
	).Replace(string(source))
	require.NoError(t, os.WriteFile(list, []byte(changed), 0o600))

	run := func(args ...string) string {
		command := exec.CommandContext(t.Context(), goCommand, args...)
		command.Dir = copied
		// Without paths in what is built, a second run finds it in the cache.
		command.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=-trimpath")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "go %s\n%s", strings.Join(args, " "), out)
		return string(out)
	}
	run("vet", "./providers/...", "./cmd/smshook")
	run("test", "./providers/solomobile", "./providers/all")
	run("test", "-run", "Import|Plan|Named", "./internal/app")
	help := run("run", "./cmd/smshook", "serve", "-h")
	for _, setting := range []string{"Solo Mobile", "SOLOMOBILE_TOKEN (required)", "SOLOMOBILE_CODES"} {
		require.Contains(t, help, setting)
	}
}
