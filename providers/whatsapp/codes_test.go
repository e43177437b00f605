package whatsapp

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// testdata/codes.tsv was written from the documentation, apart from codes.go, for a reviewer to hold against it.
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
		require.Len(t, fields, 4, line)
		class, name := fields[1], fields[2]
		var kind providers.Kind
		require.NoError(t, kind.UnmarshalText([]byte(name)), line)
		require.Contains(t, kindsOf[class], kind, line)
		for _, code := range expand(t, fields[0]) {
			require.NotContains(t, want, code, "twice")
			want[code] = kind
		}
	}
	require.NoError(t, lines.Err())
	require.Equal(t, want, codes)
}

// expand returns the codes of a field such as 190 or 200-299.
func expand(t *testing.T, field string) []string {
	t.Helper()
	first, last, isRange := strings.Cut(field, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.Atoi(first)
	require.NoError(t, err)
	to, err := strconv.Atoi(last)
	require.NoError(t, err)
	var list []string
	for code := from; code <= to; code++ {
		list = append(list, strconv.Itoa(code))
	}
	return list
}

// kindsOf are the Kinds that a class of the documentation may become.
var kindsOf = map[string][]providers.Kind{
	"R-bad":  {providers.Recipient},
	"R-chan": {providers.Channel},
	"A":      {providers.Account, providers.Rejected},   // Account if it is wrong for every number
	"T":      {providers.Temporary, providers.Rejected}, // Rejected if it counts one recipient's messages
	"M":      {providers.Temporary},                     // it was answered
}
