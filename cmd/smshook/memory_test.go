package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0:         maxPercent,
		1 << 20:   maxPercent,
		6 << 20:   400,
		12 << 20:  200,
		24 << 20:  100,
		48 << 20:  50,
		128 << 20: minPercent,
		1 << 40:   minPercent,
	} {
		require.Equal(t, want, percentFor(inUse), "%d bytes in use", inUse)
	}
}
