package postgres

import (
	"maps"
	"slices"
	"sync"
)

// claims are those that this replica was handed and that have not ended. It may be used concurrently.
type claims struct {
	mu    sync.Mutex
	known map[int64]struct{}
}

func (c *claims) add(claim int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[int64]struct{}{}
	}
	c.known[claim] = struct{}{}
}

func (c *claims) remove(claim int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, claim)
}

func (c *claims) all() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.AppendSeq(make([]int64, 0, len(c.known)), maps.Keys(c.known))
}
