package vonage

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// The lists were written from Vonage's documentation, apart from codes.go, for a reviewer to hold against it.
func TestCodes(t *testing.T) {
	for name, codes := range map[string]providers.Codes{
		"testdata/codes-sms.tsv":      smsCodes,
		"testdata/codes-receipts.tsv": receiptCodes,
		"testdata/codes-messages.tsv": messagesCodes,
	} {
		require.Equal(t, list(t, name), codes, name)
	}
}

func list(t *testing.T, name string) providers.Codes {
	t.Helper()
	file, err := os.Open(name)
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
		code, class, name := fields[0], fields[1], fields[2]
		var kind providers.Kind
		require.NoError(t, kind.UnmarshalText([]byte(name)), line)
		require.Contains(t, kindsOf[class], kind, line)
		require.NotContains(t, want, code, "twice")
		want[code] = kind
	}
	require.NoError(t, lines.Err())
	return want
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

// The tables are looked into one by one, but an operator overrides them all by one.
func TestCodesDoNotMeet(t *testing.T) {
	for code := range messagesCodes {
		require.NotContains(t, smsCodes, code)
		require.NotContains(t, receiptCodes, code)
	}
	for code := range smsCodes {
		require.NotContains(t, receiptCodes, code)
	}
	require.NotContains(t, messagesCodes, alreadySent, "it is no failure")
	for code, kind := range parameterCodes {
		require.Contains(t, messagesCodes, code)
		require.NotEqual(t, messagesCodes[code], kind, "one that means the same needs no second entry")
	}
}
