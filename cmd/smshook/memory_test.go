package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0:        maxPercent,
		1 << 20:  maxPercent,
		12 << 20: 400,
		20 << 20: 200,
		30 << 20: 100,
		40 << 20: 50,
		60 << 20: minPercent,
		1 << 40:  minPercent,
	} {
		require.Equal(t, want, percentFor(inUse), "%d bytes in use", inUse)
	}
}
