package phone

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in, e164, masked, country string
		code                      int
	}{
		{"15555219508", "+15555219508", "+1555****508", "", 1},        // in the form of Auth
		{"+1333363128", "+1333363128", "+133****128", "", 1},          // Supabase's published example
		{"+1612341244428", "+1612341244428", "+1612******428", "", 1}, // also published, and too long for its country
		{"+447700900123", "+447700900123", "+4477*****123", "", 44},   // reserved for films
		{"447400123456", "+447400123456", "+4474*****456", "GB", 44},
		{"+15005550006", "+15005550006", "+1500****006", "US", 1}, // Twilio's magic number
		{"+5215512345678", "+5215512345678", "+5215******678", "MX", 52},
		{"+22997123456", "+22997123456", "+2299****456", "BJ", 229}, // old form
		{"+2290197123456", "+2290197123456", "+2290******456", "BJ", 229},
		{"+919876543210", "+919876543210", "+9198*****210", "IN", 91},
		{"+77011234567", "+77011234567", "+7701****567", "KZ", 7},
		{"+80012345678", "+80012345678", "+8001****678", "", 800}, // of no country
		{"+3906123456", "+3906123456", "+390****456", "IT", 39},
		{"2901234", "+2901234", "+****234", "", 290},           // the shortest
		{"5321234567", "+5321234567", "+532****567", "CU", 53}, // perhaps a national number without its calling code
	} {
		t.Run(tt.in, func(t *testing.T) {
			n, err := Parse(tt.in)
			require.NoError(t, err)
			require.Equal(t, []any{tt.e164, tt.masked, tt.country, tt.code}, []any{n.E164().Reveal(), n.Masked(), n.Country(), n.CallingCode()})
		})
	}
}

func TestNational(t *testing.T) {
	for in, want := range map[string]string{
		"+447700900123": "7700900123", "15555219508": "5555219508", "+2290197123456": "0197123456", "+3906123456": "06123456",
		"+4407700900123": "07700900123", "2901234": "1234", "+77011234567": "7011234567",
	} {
		n, err := Parse(in)
		require.NoError(t, err)
		require.Equal(t, want, n.National().Reveal())
	}
}

func TestParseRefuses(t *testing.T) {
	const other = "contains something other than digits"
	for _, tt := range []struct{ in, want string }{
		{"", "has 0 digits, too few for a number with its calling code"},
		{"+", "has 0 digits, too few for a number with its calling code"},
		{"12", "has 2 digits, too few for a number with its calling code"},
		{"123456", "has 6 digits, too few for a number with its calling code"},
		{"1234567890123456", "has 16 digits, too many"},
		{"07700900123", "starts with 0: it is not in international form"},
		{"+0012345678", "starts with 0: it is not in international form"},
		{"+999123456789", "starts with no country's calling code"},
		{"+2101234567", "starts with no country's calling code"},
		{"+44 7700 900123", other},
		{"++447700900123", other},
		{"tel:+447700900123", other},
		{"+447700900123;ext=5", other},
		{"1-800-FLOWERS", other},
		{"+٤٤٧٧٠٠٩٠٠١٢٣", other},
		{"+447700900123\n", other},
	} {
		_, err := Parse(tt.in)
		require.EqualError(t, err, tt.want, "%q", tt.in)
	}
}

func TestCountriesAndCallingCodes(t *testing.T) {
	const another = "want a country's ISO code in capitals, such as GB"
	for code, want := range map[string]string{
		"GB": "", "US": "", "IN": "", "XK": "",
		"gb": another, "XX": another, "001": another, "": another,
		"UK": "UK is not the ISO code of Great Britain, want GB",
		"EL": "EL is not the ISO code of Greece, want GR",
	} {
		require.Equal(t, want, NoCountry(code), code)
	}
	require.True(t, IsCallingCode(44))
	require.False(t, IsCallingCode(999))
	require.False(t, IsCallingCode(4))
}

func TestPrintingMasksANumber(t *testing.T) {
	n, err := Parse("+447700900123")
	require.NoError(t, err)
	for _, printed := range []string{
		fmt.Sprint(n), fmt.Sprintf("%s %d %x %q %#v %+v", n, n, n, n, n, n),
		fmt.Sprintf("%+v", struct{ Number Number }{n}), fmt.Sprintf("%+v", struct{ n *Number }{&n}), fmt.Sprintf("%+v", struct{ n Number }{n}),
	} {
		require.NotContains(t, printed, "00900")
		require.NotContains(t, printed, fmt.Sprintf("%x", "00900"))
	}
	require.Equal(t, "", Number{}.Masked())
}

// FuzzParse looks for a text that causes a panic, or that is accepted though it is no number.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"15555219508", "+447700900123", "12", "+999", "١٢٣", "440000000000", "+440074001234567"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			if len(s) > 5 && strings.Contains(err.Error(), s) {
				t.Fatalf("the error quotes the number: %v", err)
			}
			return
		}
		e164 := n.E164().Reveal()
		if e164 != "+"+strings.TrimPrefix(s, "+") || len(e164) < 8 || len(e164) > 16 {
			t.Fatalf("%q became %q", s, e164)
		}
		n.Country()
		n.Type()
		if readings := n.Readings(); len(readings) > 4*maxDigits || readings[0].E164().Reveal() != e164 {
			t.Fatalf("%q has %d readings", s, len(readings))
		}
		possible, err := Possible.Parse(s)
		if err == nil && possible.E164().Reveal() != e164 {
			t.Fatalf("%q is another number after the check: %q", s, possible.E164().Reveal())
		}
		if _, validErr := Valid.Parse(s); validErr == nil && err != nil {
			t.Fatalf("%q is valid and not possible", s)
		}
		if masked := n.Masked(); len(masked) != len(e164) || strings.Count(masked, "*") < 4 {
			t.Fatalf("%q is masked as %q", s, masked)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("447700900123"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCountry(b *testing.B) {
	n, _ := Parse("447700900123")
	for b.Loop() {
		n.Country()
	}
}
