package phone

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		in              string
		possible, valid string // the errors; all numbers pass the check shape
	}{
		{"+447400123456", "", ""},
		{"447400123456", "", ""},
		{"+12015550123", "", ""},
		{"+15005550006", "", ""}, // Twilio's magic number
		{"+2250707070707", "", ""},
		{"+525512345678", "", ""},
		{"+2290197123456", "", ""},
		{"+3906123456", "", ""}, // the zero is part of the number
		{"+80012345678", "", ""},
		{"15555550100", "", "is in no range that its country is known to use"},
		{"+447700900123", "", "is in no range that its country is known to use"},
		{"+22997123456", "", "is in no range that its country is known to use"},
		{"+5215512345678", "has a length that its country doesn't use", "has a length that its country doesn't use"},
		{"+22507070707", "has a length that its country doesn't use", "has a length that its country doesn't use"},
		{"+1333363128", "has a length that its country doesn't use", "has a length that its country doesn't use"},
		{"+1612341244428", "has a length that its country doesn't use", "has a length that its country doesn't use"},
		{"+44740012345678", "has a length that its country doesn't use", "has a length that its country doesn't use"},
		{"+12345678", "has a length that its country doesn't use", "has a length that its country doesn't use"}, // without its area code
		{"+4407400123456", "is not written as its country is called from abroad", "is not written as its country is called from abroad"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			for check, want := range map[Check]string{Shape: "", Possible: tt.possible, Valid: tt.valid} {
				n, err := check.Parse(tt.in)
				if want != "" {
					require.EqualError(t, err, want, check)
					require.Zero(t, n.CallingCode())
					continue
				}
				require.NoError(t, err, check)
				require.Equal(t, "+"+strings.TrimPrefix(tt.in, "+"), n.E164().Reveal())
			}
		})
	}
	for _, check := range []Check{Shape, Possible, Valid} {
		var read Check
		require.NoError(t, read.UnmarshalText([]byte(check.String())))
		require.Equal(t, check, read)
		for _, in := range []string{"+٤٤٧٧٠٠٩٠٠١٢٣", "tel:+447400123456", "+447400123456;ext=5", "1-800-FLOWERS", "07400123456", "12", ""} {
			_, err := check.Parse(in)
			require.Error(t, err, in)
		}
	}
	require.EqualError(t, new(Check).UnmarshalText([]byte("strict")), "want shape, possible or valid")
}

func TestType(t *testing.T) {
	for e164, want := range map[string]string{
		"+447400123456":  "mobile",
		"+12015550123":   "fixed_line_or_mobile",
		"+442079460000":  "fixed_line",
		"+449098790000":  "premium_rate",
		"+15005550006":   "personal_number",
		"+18005550199":   "toll_free",
		"+447700900123":  "",
		"+1333363128":    "",
		"+80012345678":   "toll_free",
		"+5215512345678": "",
	} {
		n, err := Parse(e164)
		require.NoError(t, err)
		require.Equal(t, want, n.Type(), e164)
		require.True(t, want == "" || IsType(want))
	}
	require.False(t, IsType(""))
	require.False(t, IsType("unknown"))
}

func TestCallingCodeAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { callingCodeOf("447400123456") }))
	n, err := Parse("+919876543210")
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { n.Country() }), "nor does a country that shares its calling code with no other")
}

func BenchmarkCheck(b *testing.B) {
	for _, check := range []Check{Shape, Possible, Valid} {
		b.Run(check.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := check.Parse("447400123456"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	n, _ := Parse("447400123456")
	b.Run("type", func(b *testing.B) {
		for b.Loop() {
			n.Type()
		}
	})
}
