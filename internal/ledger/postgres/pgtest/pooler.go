package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var errNoPooler = errors.New("no pgbouncer is installed here: tests that need one are skipped; `.ci/debian postgresql pgbouncer` installs it")

// Pooler puts a pgbouncer before the database, in a pool mode of it ("transaction" or "session"), which connects as a role. It returns the
// address of the database there. https://www.pgbouncer.org/config.html
func (d *Database) Pooler(tb testing.TB, mode, role, password string) string {
	tb.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // Debian's place, which is not in every PATH
		if _, err := os.Stat(program); err != nil {
			if os.Getenv("CI") == "true" {
				tb.Fatal(errNoPooler)
			}
			tb.Skip(errNoPooler)
		}
	}
	address, err := d.pooler(tb, program, mode, role, password)
	if err != nil {
		tb.Fatal(err)
	}
	return (&Database{d.Name, &cluster{address: address}}).URL(role, password)
}

func (d *Database) pooler(tb testing.TB, program, mode, role, password string) (string, error) {
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return "", err
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	port, err := freePort()
	if err != nil {
		return "", err
	}
	host, server, err := net.SplitHostPort(d.cluster.address)
	if err != nil {
		return "", err
	}
	settings := fmt.Sprintf("[databases]\n%s = host=%s port=%s user=%s password='%s'\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nauth_type = any\n"+
		"pool_mode = %s\nunix_socket_dir =\nmax_client_conn = 100\ndefault_pool_size = 10\nlogfile = %s/log\n", d.Name, host, server, role, password, port, mode, dir)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return "", err
	}
	owner, err := unprivileged(dir)
	if err != nil {
		return "", err
	}
	var output bytes.Buffer
	running := exec.Command(program, file)
	running.SysProcAttr, running.Dir, running.Stdout, running.Stderr = owner, dir, &output, &output
	if err := running.Start(); err != nil {
		return "", err
	}
	tb.Cleanup(func() {
		_ = running.Process.Kill()
		_ = running.Wait()
	})
	address := "127.0.0.1:" + port
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, dialErr := net.Dial("tcp", address); dialErr == nil {
			return address, conn.Close()
		}
	}
	return "", fmt.Errorf("pgbouncer doesn't answer: %s", output.Bytes())
}
