package call

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func TestEchoesInAName(t *testing.T) {
	s := scrubber{
		message:     providers.Message{To: providers.NewSecret("+447700900123"), Code: providers.NewSecret("028687")},
		credentials: []providers.Secret{providers.NewSecret("0123456789abcdef0123456789abcdee")},
	}
	for name, want := range map[string]bool{
		"SM00000000000000000000000000000001":   false,
		"SMabcdef0123456789abcdef0123456789":   false,
		"17b0fe8e-a689-4d05-8fe5-d66826bf6c83": false,
		"SM00000000000000000000447700900123":   true,
		"SM00000000000000000000000000447700":   true,
		"SM00000000000000000000321009007744":   true,
		"SM00000000000000000000000000028687":   true,
		"SM00000000000000000000000000786820":   true,
		"SM00000000000000000000303238363837":   true,
		"17b0fe8e-a689-4d05-8fe5-02868700bf6c": true,
		"17b0fe8e-a028-6870-8fe5-d66826bf6c83": true,
		"SM0123456789abcdef0123456789abcdee":   true,
		"SM0123456789ABCDEF0123456789ABCDEE":   true,
		"wamid.NDQ3NzAwOTAwMTIz":               true,
		"wamid.something":                      false,
	} {
		require.Equal(t, want, s.echoesIn(name), name)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		scrubber{message: s.message}.echoesIn("SM00000000000000000000000000000001")
	}))
}
