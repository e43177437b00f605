package providertest

import (
	"bufio"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// Codes reads a table of a provider's codes, which was written from the documentation separately from codes.go, to compare the two. A line
// has a code, or the first and the last of several (200-299), its class by the documentation, its Kind, and a remark, with tabs between
// them. A line that begins with # is a comment.
func Codes(t testing.TB, name string) providers.Codes {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	codes := providers.Codes{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		require.GreaterOrEqual(t, len(fields), 4, line)
		require.NotContains(t, fields, "", line)
		var kind providers.Kind
		require.NoError(t, kind.UnmarshalText([]byte(fields[2])), line)
		require.Contains(t, kindsOf[fields[1]], kind, line)
		for _, code := range expand(t, fields[0]) {
			require.NotContains(t, codes, code, "twice")
			codes[code] = kind
		}
	}
	require.NoError(t, lines.Err())
	return codes
}

// kindsOf are the Kinds that a class of the documentation may become.
var kindsOf = map[string][]providers.Kind{
	"R-stop": {providers.Recipient},
	"R-bad":  {providers.Recipient},
	"R-chan": {providers.Channel},
	"A":      {providers.Account, providers.Rejected}, // Account if it is wrong for every number
	"T":      {providers.Temporary},
	"T-to":   {providers.Rejected},                     // throttled for this number alone
	"M":      {providers.Unknown, providers.Temporary}, // Unknown only where there is no answer
}

var several = regexp.MustCompile(`^([0-9]+)-([0-9]+)$`)

// expand returns the codes of a field such as 190 or 200-299.
func expand(t testing.TB, field string) []string {
	t.Helper()
	ends := several.FindStringSubmatch(field)
	if ends == nil {
		return []string{field}
	}
	first, err := strconv.Atoi(ends[1])
	require.NoError(t, err)
	last, err := strconv.Atoi(ends[2])
	require.NoError(t, err)
	var list []string
	for code := first; code <= last; code++ {
		list = append(list, strconv.Itoa(code))
	}
	return list
}
