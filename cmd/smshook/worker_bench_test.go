package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkSQLHook measures one worker in a process of its own, with a real Postgres.
func BenchmarkSQLHook(b *testing.B) {
	b.Run("from the commit to the provider", func(b *testing.B) {
		s := newSQLHook(b, 0)
		s.serve()
		auth := s.auth(1)[0]
		s.ready(auth)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for b.Loop() {
			<-tick.C
			_, refused := s.send(auth)
			require.Empty(b, refused)
		}
		s.all()
		waits, _ := s.waits()
		b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "ms-p99")
	})
	for _, delay := range []time.Duration{0, 300 * time.Millisecond} {
		b.Run(fmt.Sprintf("providers of %s", delay), func(b *testing.B) {
			s := newSQLHook(b, delay, "SMSHOOK_CONCURRENCY=2048", "SMSHOOK_LOG_LEVEL=info")
			p := s.serve()
			auth := s.auth(16)
			s.ready(auth[0])
			begun := time.Now()
			var all sync.WaitGroup
			share := max(b.N/len(auth), 1)
			for _, conn := range auth {
				all.Go(func() {
					for range share {
						if _, refused := s.send(conn); refused != "" {
							b.Error(refused)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(share*len(auth))/time.Since(begun).Seconds(), "committed/s")
			s.all()
			b.ReportMetric(float64(share*len(auth))/time.Since(begun).Seconds(), "sent/s")
			b.ReportMetric(float64(s.most), "active")
			b.ReportMetric(peak(b, p.command.Process.Pid), "MB-peak")
			_, doubles := s.waits()
			b.ReportMetric(float64(doubles), "doubles")
		})
	}
}

// peak is the most memory that a process has had, in MB.
func peak(b *testing.B, pid int) (megabytes float64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &megabytes); err == nil {
			return megabytes / 1024
		}
	}
	return 0
}
