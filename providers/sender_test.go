package providers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSendersOf(t *testing.T) {
	for from, want := range map[string][]string{
		"":                 nil,
		"+15555550100":     {"+15555550100"},
		"15555550100":      {"15555550100", "+15555550100"},
		"55555":            {"55555"},
		"Shop":             {"Shop"},
		"05555550100":      {"05555550100"},
		"1555555010012345": {"1555555010012345"},
	} {
		require.Equal(t, want, SendersOf(from), from)
	}
}
