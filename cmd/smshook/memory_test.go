package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0:         maxPercent,
		1 << 20:   maxPercent,
		4 << 20:   400,
		8 << 20:   200,
		16 << 20:  100,
		32 << 20:  50,
		128 << 20: minPercent,
		1 << 40:   minPercent,
	} {
		require.Equal(t, want, percentFor(inUse), "%d bytes in use", inUse)
	}
}
