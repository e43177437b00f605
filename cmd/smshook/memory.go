package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage collector's own default lets the heap grow to twice what is in use. That is too often while little is in use, and too
// much memory once all that is remembered is there. So the heap may grow to a size, and by maxPercent at most.
const (
	heapSize   = 60 << 20 // bytes
	maxPercent = 400
	minPercent = 30
	// limit is what the program doesn't take more of while it can help it, in bytes.
	limit = 256 << 20
)

// collectLess sets the limits of garbage collection. What the operator has set by GOGC or GOMEMLIMIT stands. It is worth a tenth
// of the time of each call.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(maxPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}

// keepRoom goes by what is in use, until ctx ends.
func keepRoom(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := maxPercent
	for {
		select {
		case <-ticker.C:
			metrics.Read(inUse)
			if percent := percentFor(inUse[0].Value.Uint64()); percent < set*9/10 || percent > set*11/10 {
				debug.SetGCPercent(percent)
				set = percent
			}
		case <-ctx.Done():
			return
		}
	}
}

// percentFor is how much the heap may grow, of so many bytes in use.
func percentFor(inUse uint64) int {
	inUse = max(inUse, 1)
	return int(min(maxPercent, max(minPercent, 100*(max(heapSize, inUse)-inUse)/inUse)))
}
