package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/providertest"
)

// A client opens more connections than the process has file descriptors, and sends nothing. Codes are still sent, although the connection
// to the provider needs a descriptor too.
func TestSilentConnectionsLeaveDescriptors(t *testing.T) {
	const most = 128
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	command, stderr := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" serve`, most), os.Args[0]), new(buffer)
	command.Env, command.Stderr = append(serveEnv(twilio.URL), wholeProgram+"=1"), stderr
	require.NoError(t, command.Start())
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	base := "http://" + (&program{stderr: stderr}).addr(t)
	address, err := url.Parse(base)
	require.NoError(t, err)

	for range 2 * most {
		conn, err := net.Dial("tcp", address.Host)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	seen, err := auth(t, hookSecret).Call(t.Context(), base+server.HookPath, hook.Example())
	require.NoError(t, err)
	require.True(t, seen.OK(), "%+v\n%s", seen, stderr.String())
	require.Equal(t, 1, seen.Attempts)
	require.Less(t, seen.Took, 2*time.Second, "the call must not wait until the silent connections are closed: they would be opened again")
	twilio.Next()
}
