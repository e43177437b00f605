package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// A disk that is full keeps no message back, and the file is not damaged. When there is room again, the file has all that the memory knows: after
// kill -9, no repeat is sent. The disk is a file system in memory of 16 MB, which only root may make.
func TestTheDiskIsFull(t *testing.T) {
	forCI(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("a small disk can't be made here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	env := serveEnv(twilio.URL, "SMSHOOK_STORE=sqlite:"+filepath.Join(disk, "smshook.db"), "SMSHOOK_LIMIT_PHONE=off")
	caller := auth(t, hookSecret)
	const calls = 50
	ids := map[int]string{}
	var slowest time.Duration
	call := func(p *soakProcess, n int) {
		if ids[n] == "" {
			ids[n] = providers.NewUUID()
		}
		seen, err := caller.Call(t.Context(), p.url+server.HookPath, fmt.Appendf(nil,
			`{"metadata":{"uuid":"%s"},"user":{"id":"user-%d"},"sms":{"otp":"028687","phone":"1555%07d"}}`, ids[n], n, n))
		require.NoError(t, err)
		require.Equal(t, ok, userLine(seen))
		slowest = max(slowest, seen.Took)
	}
	stop := func(p *soakProcess) {
		caller.HTTP.CloseIdleConnections()
		require.NoError(t, p.command.Process.Kill())
		_ = p.command.Wait() // it was killed
	}

	p := startProcess(t, env...)
	for n := range calls {
		call(p, n)
	}
	before := slowest
	fill, err := os.Create(filepath.Join(disk, "fill"))
	require.NoError(t, err)
	for block := make([]byte, 4096); err == nil; {
		_, err = fill.Write(block)
	}
	require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
	require.NoError(t, fill.Close())
	for n := calls; n < 10*calls; n++ {
		call(p, n)
	}
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), "the store can't be written") },
		10*time.Second, 10*time.Millisecond, "the disk was full")
	require.NoError(t, os.Remove(fill.Name()))
	time.Sleep(3 * time.Second) // it is tried again meanwhile
	call(p, 10*calls)
	require.Len(t, twilio.Requests(), 10*calls+1)
	t.Logf("the slowest call took %v before, %v while the disk was full", before, slowest)
	require.Less(t, slowest-before, 200*time.Millisecond)
	stop(p)

	p = startProcess(t, env...)
	require.Contains(t, strings.SplitAfter(p.stderr.String(), "\n")[0], fmt.Sprintf(`"messages":%d`, 10*calls+1))
	for n := range 10*calls + 1 {
		call(p, n)
	}
	require.Empty(t, twilio.Requests(), "repeats")
	stop(p)
}
