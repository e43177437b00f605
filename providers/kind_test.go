package providers_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

var kinds = map[providers.Kind]string{
	providers.Unknown:   "unknown",
	providers.Temporary: "temporary",
	providers.Account:   "account",
	providers.Rejected:  "rejected",
	providers.Channel:   "channel",
	providers.Recipient: "recipient",
}

func TestKind(t *testing.T) {
	for kind, name := range kinds {
		require.Equal(t, name, kind.String())
		read := providers.Kind(99)
		require.NoError(t, read.UnmarshalText([]byte(name)))
		require.Equal(t, kind, read)
	}
	var zero providers.Kind
	require.Equal(t, providers.Unknown, zero, "who says nothing is taken for the cautious Kind")
	require.Equal(t, "Kind(6) Kind(-1)", fmt.Sprint(providers.Kind(len(kinds)), " ", providers.Kind(-1)))
}

const wantKind = "want one of unknown, temporary, account, rejected, channel, recipient"

func TestKindUnreadable(t *testing.T) {
	for _, text := range []string{"", "Unknown", " account", "account ", "hunter2", "Kind(1)", "1"} {
		kind := providers.Channel
		require.EqualError(t, kind.UnmarshalText([]byte(text)), wantKind)
		require.Equal(t, providers.Channel, kind, "it is left alone")
	}
}

func TestCodes(t *testing.T) {
	for _, test := range []struct {
		text string
		want providers.Codes
	}{
		{"21610=account", providers.Codes{"21610": providers.Account}},
		{"21610=account,30007=temporary", providers.Codes{"21610": providers.Account, "30007": providers.Temporary}},
		{" 21610 = account ,\n\t30007= temporary ", providers.Codes{"21610": providers.Account, "30007": providers.Temporary}},
		{"a/b.c-d=recipient", providers.Codes{"a/b.c-d": providers.Recipient}},
		{"1=unknown,1=channel", providers.Codes{"1": providers.Channel}},
	} {
		codes := providers.Codes{"old": providers.Rejected}
		require.NoError(t, codes.UnmarshalText([]byte(test.text)), test.text)
		require.Equal(t, test.want, codes, test.text)
	}
}

func TestCodesUnreadable(t *testing.T) {
	for _, test := range []struct {
		text  string
		entry int
	}{
		{"", 1},
		{"hunter2", 1},
		{"=account", 1},
		{" =account", 1},
		{"21610=", 1},
		{"21610=hunter2", 1},
		{"21610=Account", 1},
		{"21610=account=temporary", 1},
		{"21610=account,", 2},
		{"21610=account,,30007=temporary", 2},
		{"21610=account;30007=temporary", 1},
		{"21610=account,30007=temporary,hunter2=hunter2", 3},
	} {
		codes := providers.Codes{"old": providers.Rejected}
		err := codes.UnmarshalText([]byte(test.text))
		// The text is all of it: an operator's secret in the wrong variable isn't quoted.
		require.EqualError(t, err, fmt.Sprintf("entry %d: want CODE=KIND, with KIND one of %s", test.entry, wantKind[len("want one of "):]))
		require.Equal(t, providers.Codes{"old": providers.Rejected}, codes, "they are left alone")
	}
}

func TestOfReceipt(t *testing.T) {
	codes := providers.Codes{"50": providers.Rejected, "0": providers.Unknown, "131026": providers.Channel}
	for _, otherwise := range []providers.Kind{providers.Temporary, providers.Recipient} {
		for _, test := range []struct {
			given, code string
			kind        providers.Kind
		}{
			{"50", "50", providers.Rejected},
			{"0", "0", providers.Unknown},
			{"131026", "131026", providers.Channel}, // of another form, and in the table
			{"51", "51", otherwise},
			{"482913", "", otherwise},
			{"+447700900123", "", otherwise},
			{"50\n", "", otherwise},
			{"", "", otherwise},
		} {
			code, kind := codes.OfReceipt(test.given, providers.ErrorCode, otherwise)
			require.Equal(t, test.code, code, test.given)
			require.Equal(t, test.kind, kind, test.given)
		}
	}
}

func TestError(t *testing.T) {
	cause := errors.New("answer 400: no")
	for _, test := range []struct {
		err  *providers.Error
		want string
	}{
		{&providers.Error{Kind: providers.Rejected, Code: "21408", Err: cause}, "rejected (code 21408): answer 400: no"},
		{&providers.Error{Kind: providers.Rejected, Err: cause}, "rejected: answer 400: no"},
		{&providers.Error{Err: cause}, "unknown: answer 400: no"},
	} {
		require.EqualError(t, test.err, test.want)
		require.ErrorIs(t, test.err, cause)
	}
	// An Error made without a cause is a mistake, but it must not bring the log down.
	require.NotPanics(t, func() { _ = (&providers.Error{Kind: providers.Account}).Error() })
}
