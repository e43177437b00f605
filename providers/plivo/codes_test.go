package plivo

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// testdata/codes.tsv was written from Plivo's documentation, apart from codes.go, for a reviewer to hold against it.
func TestCodes(t *testing.T) {
	file, err := os.Open("testdata/codes.tsv")
	require.NoError(t, err)
	defer file.Close()
	want := providers.Codes{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		require.Len(t, fields, 5, line)
		code, class, name := fields[0], fields[1], fields[2]
		var kind providers.Kind
		require.NoError(t, kind.UnmarshalText([]byte(name)), line)
		require.Contains(t, kindsOf[class], kind, line)
		require.Contains(t, []string{"page", "support", "second"}, fields[3], line)
		require.NotContains(t, want, code, "twice")
		want[code] = kind
	}
	require.NoError(t, lines.Err())
	require.Equal(t, want, codes)
}

// kindsOf are the Kinds that a class of the documentation may become.
var kindsOf = map[string][]providers.Kind{
	"R-stop": {providers.Recipient},
	"R-bad":  {providers.Recipient},
	"R-chan": {providers.Channel},
	"A":      {providers.Account, providers.Rejected}, // Account if it is wrong for every number
	"T":      {providers.Temporary},
	"M":      {providers.Unknown, providers.Temporary}, // Unknown only where there is no answer
}
