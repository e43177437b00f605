package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// files returns the content of the database and of what SQLite keeps beside it.
func files(t *testing.T, path string) map[string][]byte {
	names, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	all := map[string][]byte{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		all[strings.TrimPrefix(name, path)] = content
	}
	return all
}

// other opens a database beside smshook.
func other(t testing.TB, path string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// everything returns all rows of all tables as text.
func everything(t *testing.T, db *sql.DB) string {
	var tables []string
	rows, err := db.Query("select name from sqlite_schema where type = 'table'")
	require.NoError(t, err)
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.Subset(t, tables, []string{"hashing", "messages", "contents", "counters"})
	var all strings.Builder
	for _, table := range tables {
		rows, err := db.Query("select * from " + table)
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			targets := make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			require.NoError(t, rows.Scan(targets...))
			for _, value := range values {
				fmt.Fprintf(&all, "%s %v %s\n", table, value, value)
			}
		}
		require.NoError(t, rows.Err())
	}
	return all.String()
}

// No code, text, whole number, account or address is in the file in clear at any time, and once the code has expired, not even
// sealed.
func TestNothingIsInTheFileInClear(t *testing.T) {
	const (
		code, number, user = "91827364", "447700900142", "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c77"
		text               = "Your Acme code is " + code
		address            = uint64(0xcb007107)
	)
	hidden := []string{code, number, number[2:], user, "Acme code", "2026-05-06T07:08:09", fmt.Sprint(address), "a long random text"}
	path := filepath.Join(t.TempDir(), "smshook.db")
	clock := time.Now().Truncate(time.Microsecond)
	o := options(path, func() time.Time { return clock })
	l, err := sqlite.Open(o)
	require.NoError(t, err)
	d := desk{l, &clock}
	d.send("4fe7b0a2-16c5-4a0e-8e04-000000000001", "a", "SM1", func(c *ledger.Call) {
		c.Message.To, c.Message.National = providers.NewSecret("+"+number), providers.NewSecret(number[2:])
		c.Message.Text, c.Message.Code = providers.NewSecret(text), providers.NewSecret(code)
		c.Flow = ledger.Flow{User: user, Number: number}
		c.LastSignIn, c.Stored = "2026-05-06T07:08:09Z", "2026-05-06T07:08:09Z"
		c.Charges = append(c.Charges, policy.Charge{Rule: policy.PerIP, Limit: policy.Limit{Most: 9, Per: time.Hour}, Key: address})
		c.Charges[0].Key = 447700900142
	})
	d.report("a", "SM1", providers.StateSent)
	search := func(when string) {
		found := files(t, path)
		require.NotEmpty(t, found[""])
		for suffix, content := range found {
			for _, h := range hidden {
				require.False(t, bytes.Contains(content, []byte(h)), "%s: %q is in smshook.db%s", when, h, suffix)
			}
		}
		rows := everything(t, other(t, path))
		require.Contains(t, rows, "SM1")
		for _, h := range hidden {
			require.NotContains(t, rows, h, when)
		}
	}
	search("in the log")
	var sealed []byte
	require.NoError(t, other(t, path).QueryRow("select sealed from contents").Scan(&sealed))
	require.True(t, bytes.Contains(files(t, path)["-wal"], sealed), "the search finds what is there")

	clock = clock.Add(time.Minute)
	require.Eventually(t, func() bool { return !strings.Contains(everything(t, other(t, path)), "contents ") }, 10*time.Second, 50*time.Millisecond)
	search("expired")
	require.NoError(t, l.Close())
	search("closed")
	_, err = other(t, path).Exec("vacuum")
	require.NoError(t, err)
	search("after VACUUM")
	for suffix, content := range files(t, path) {
		require.False(t, bytes.Contains(content, sealed[len(sealed)-16:]), "what was sealed is gone from smshook.db%s too", suffix)
	}
}

func TestTheFileIsForItsUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	clock := time.Now()
	l := open(t, options(path, func() time.Time { return clock }))
	desk{l, &clock}.send("1", "a", "SM1")
	for suffix := range files(t, path) {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), suffix)
	}
	require.Len(t, files(t, path), 3, "the log and its index")
}

// What can't be used is refused in words that help, and stays as it is.
func TestFilesThatCantBeUsed(t *testing.T) {
	query := func(statements string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db := other(t, path)
			_, err := db.Exec(statements)
			require.NoError(t, err)
			require.NoError(t, db.Close())
		}
	}
	ours := func(t *testing.T, path string) {
		clock := time.Now()
		l, err := sqlite.Open(options(path, time.Now))
		require.NoError(t, err)
		for i := range 100 {
			desk{l, &clock}.send(fmt.Sprint(i), "a", fmt.Sprint("SM", i), func(c *ledger.Call) { c.Charges, c.Flow.User = nil, fmt.Sprint(i) })
		}
		require.NoError(t, l.Close())
	}
	for _, tt := range []struct {
		name  string
		make  func(*testing.T, string)
		want  string
		check bool // Check sees it too
	}{
		{"text", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600))
		}, "the file is not one of smshook's; nothing in it was changed: name another file, or none that exists", true},
		{"a short text", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
		}, "the file is not one of smshook's; nothing in it was changed: name another file, or none that exists", true},
		{"another program's database", query("create table messages (id text)"),
			"the file is not one of smshook's; nothing in it was changed: name another file, or none that exists", true},
		{"another program's database with a log", query("pragma journal_mode = wal; create table messages (id text)"),
			"the file is not one of smshook's; nothing in it was changed: name another file, or none that exists", true},
		{"a newer schema", func(t *testing.T, path string) {
			ours(t, path)
			query("pragma user_version = 3; pragma wal_checkpoint(truncate)")(t, path)
		},
			"the file was written by a newer version of smshook; nothing in it was changed: start that version, or name another file", true},
		{"a folder", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, "smshook may not read and write the file: give it to smshook's user (65532 in the image)", true},
		{"damaged", func(t *testing.T, path string) {
			ours(t, path)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			for i := 4096; i < len(content); i++ {
				content[i] = 0x5a
			}
			require.NoError(t, os.WriteFile(path, content, 0o600))
		}, "the file is damaged: move it away, with the files -wal and -shm beside it, and start again; what it remembers is then forgotten", false},
		{"cut off", func(t *testing.T, path string) { ours(t, path); require.NoError(t, os.Truncate(path, 4096)) },
			"the file is damaged: move it away, with the files -wal and -shm beside it, and start again; what it remembers is then forgotten", false},
		{"without its tables", func(t *testing.T, path string) { ours(t, path); query("drop table counters")(t, path) },
			"the file is damaged: move it away, with the files -wal and -shm beside it, and start again; what it remembers is then forgotten", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "smshook.db")
			tt.make(t, path)
			info, err := os.Stat(path)
			require.NoError(t, err)
			var before []byte
			if !info.IsDir() {
				before, err = os.ReadFile(path)
				require.NoError(t, err)
			}
			_, err = sqlite.Check(path)
			require.Equal(t, tt.check, err != nil)
			_, err = sqlite.Open(options(path, time.Now))
			require.EqualError(t, err, tt.want)
			if !info.IsDir() {
				require.Equal(t, before, files(t, path)[""], "it was not changed")
			}
		})
	}
}

func TestFoldersThatCantBeUsed(t *testing.T) {
	const want = "the folder of the file doesn't exist, or smshook may not write to it: mount a volume there that its user (65532 in the image) may write to"
	for _, path := range []string{filepath.Join(t.TempDir(), "missing", "smshook.db"), "/proc/smshook.db"} { // /proc takes no files, also from root
		_, err := sqlite.Open(options(path, time.Now))
		require.EqualError(t, err, want)
		_, err = sqlite.Check(path)
		require.EqualError(t, err, want)
	}
}

// The image's user has no rights but in the volume.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	folder, err := os.MkdirTemp("", "smshook")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	binary, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	copied := filepath.Join(folder, "test")
	require.NoError(t, os.WriteFile(copied, binary, 0o755))
	require.NoError(t, os.Chmod(folder, 0o755))
	data := filepath.Join(folder, "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	run := func() string {
		process := exec.Command(copied)
		process.Dir = "/"
		process.Env = []string{childCase + "=none", childPath + "=" + filepath.Join(data, "smshook.db"), childTime + "=0"}
		process.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		out, err := process.StderrPipe()
		require.NoError(t, err)
		said, err := process.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, process.Start())
		line := make([]byte, 4096)
		n, _ := said.Read(line)
		if n == 0 {
			n, _ = out.Read(line)
		}
		require.NoError(t, process.Process.Kill())
		_ = process.Wait() // it was killed
		return string(line[:n])
	}
	for _, mode := range []os.FileMode{0o700, 0o755} {
		require.NoError(t, os.Chmod(data, mode))
		require.Contains(t, run(), "the folder of the file doesn't exist, or smshook may not write to it")
	}
	require.NoError(t, os.Chown(data, 65532, 65532))
	require.Equal(t, "done\n", run())
}

func TestCheckMakesNoFile(t *testing.T) {
	folder := t.TempDir()
	exists, err := sqlite.Check(filepath.Join(folder, "smshook.db"))
	require.NoError(t, err)
	require.False(t, exists)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSynchronous(t *testing.T) {
	for full, want := range map[bool]int{false: 1, true: 2} {
		o := options(filepath.Join(t.TempDir(), "smshook.db"), time.Now)
		o.Full = full
		setting, err := open(t, o).Synchronous()
		require.NoError(t, err)
		require.Equal(t, want, setting)
	}
}
