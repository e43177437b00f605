package route

import (
	"iter"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const example = "IN: plivo, twilio; BR,MX: whatsapp, twilio; +44: vonage; *: twilio, vonage"

func parse(t testing.TB, text string) Table {
	t.Helper()
	var table Table
	require.NoError(t, table.UnmarshalText([]byte(text)))
	return table
}

// written returns the routes in the form of the setting.
func written(table Table) []string {
	var list []string
	for _, route := range table.Routes() {
		list = append(list, route.String())
	}
	return list
}

func TestTable(t *testing.T) {
	sorted := []string{"BR: whatsapp, twilio", "IN: plivo, twilio", "MX: whatsapp, twilio", "+44: vonage", "*: twilio, vonage"}
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"the example", example, sorted},
		{"no spaces", strings.ReplaceAll(example, " ", ""), sorted},
		{"a semicolon at the end", example + ";", sorted},
		{"a line for each rule", "\n  IN: plivo, twilio;\r\n  BR, MX: whatsapp,\n\ttwilio;\n  +44: vonage;\n  *: twilio, vonage;\n", sorted},
		{"spaces everywhere", strings.NewReplacer(",", " , ", ":", " : ", ";", " ; ").Replace(" " + example + " "), sorted},
		{"non-breaking spaces", "\u00a0IN:\u00a0plivo", []string{"IN: plivo"}},
		{"the rule for all others is not the last", "*: a; IN: b", []string{"IN: b", "*: a"}},
		{"destinations of all kinds in one rule", "*, +7, IN, +999, +44, +1, GB: a1, b", []string{
			"GB: a1, b", "IN: a1, b", "+1: a1, b", "+7: a1, b", "+44: a1, b", "+999: a1, b", "*: a1, b",
		}},
		{"a country and its calling code", "+44: a; GB: b", []string{"GB: b", "+44: a"}},
		{"nothing", "", nil},
		{"space", " \n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, written(parse(t, tt.text))) })
	}
	require.Nil(t, Table{}.Routes())
}

// The errors of UnmarshalText, with N for numbers of characters.
const (
	wantDestination = "want a country such as IN, a calling code such as +44, or *"
	wantCapitals    = "want the country in capital letters"
	wantCallingCode = "want a calling code of one to three digits, such as +44"
	wantColon       = "want a comma or a colon"
	wantInstance    = "want an instance's name, in small letters and digits"
	wantSemicolon   = "want a comma or a semicolon"
	sameDestination = "is at character N already"
	sameInstance    = "this instance is in the rule already"
)

var refused = []struct{ text, want string }{
	{"IN", "at the end: " + wantColon},
	{"IN:", "at the end: " + wantInstance},
	{"IN: ", "at the end: " + wantInstance},
	{"IN: a,", "at the end: " + wantInstance},
	{"IN,", "at the end: " + wantDestination},

	{";", "at character 1: " + wantDestination},
	{"IN: a;;", "at character 7: " + wantDestination},
	{": a", "at character 1: " + wantDestination},
	{",IN: a", "at character 1: " + wantDestination},
	{"IN,,BR: a", "at character 4: " + wantDestination},
	{"IND: a", "at character 1: " + wantDestination},
	{"I: a", "at character 1: " + wantDestination},
	{"I1: a", "at character 1: " + wantDestination},
	{"ÎN: a", "at character 1: " + wantDestination},
	{"IN=a", "at character 1: " + wantDestination},
	{"**: a", "at character 1: " + wantDestination},
	{"44: a", "at character 1: " + wantDestination},
	{"twilio", "at character 1: " + wantDestination},
	{"v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "at character 1: " + wantDestination},

	{"IN: a; br: b", "at character 8: " + wantCapitals},
	{"Br: b", "at character 1: " + wantCapitals},

	{"+: a", "at character 1: " + wantCallingCode},
	{"+0: a", "at character 1: " + wantCallingCode},
	{"+044: a", "at character 1: " + wantCallingCode},
	{"+1876: a", "at character 1: " + wantCallingCode},
	{"+4x: a", "at character 1: " + wantCallingCode},
	{"++44: a", "at character 1: " + wantCallingCode},
	{"+٤٤: a", "at character 1: " + wantCallingCode},
	{"+ 44: a", "at character 1: " + wantCallingCode},

	{"IN BR: a", "at character 4: " + wantColon},
	{"IN; BR: a", "at character 3: " + wantColon},

	{"IN: plivo, 3twilio", "at character 12: " + wantInstance},
	{"IN: plivo,, twilio", "at character 11: " + wantInstance},
	{"IN: Plivo", "at character 5: " + wantInstance},
	{"IN: a_b", "at character 5: " + wantInstance},
	{"IN: plivo, BR: twilio", "at character 12: " + wantInstance},
	{"IN:: a", "at character 4: " + wantInstance},
	{"IN:\u00a0\u2003a, ü", "at character 9: " + wantInstance},
	{"IN:\n😀", "at character 5: " + wantInstance},
	{"IN: \xff\xfe", "at character 5: " + wantInstance},
	{"IN: a, b\x00", "at character 8: " + wantInstance},

	{"IN: a: b", "at character 6: " + wantSemicolon},
	{"IN: a b", "at character 7: " + wantSemicolon},
	{"IN: a\nBR: b", "at character 7: " + wantSemicolon},

	{"IN: a; BR, IN: b", "at character 12: is at character 1 already"},
	{"\u00a0IN,IN: a", "at character 5: is at character 2 already"},
	{"IN, +44: a; BR, +44: b", "at character 17: is at character 5 already"},
	{"*: a; *: b", "at character 7: is at character 1 already"},

	{"IN: a; BR: a, b, a", "at character 18: " + sameInstance},
}

func TestTableRefuses(t *testing.T) {
	for _, tt := range refused {
		table := parse(t, example)
		require.EqualError(t, table.UnmarshalText([]byte(tt.text)), tt.want, "%q", tt.text)
		require.Equal(t, parse(t, example), table, "an error must not change the table")
	}
}

func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		name, text  string
		callingCode int
		country     string
		want        string
		asked       bool
	}{
		{"the route of its country", example, 91, "IN", "plivo twilio", true},
		{"a country of several in a rule", example, 52, "MX", "whatsapp twilio", true},
		{"its country before its calling code", example + "; GB: whatsapp", 44, "GB", "whatsapp", true},
		{"another country of the calling code", example + "; GB: whatsapp", 44, "JE", "vonage", true},
		{"its calling code", example, 44, "GB", "vonage", true},
		{"its calling code, and no country", example, 44, "", "vonage", true},
		{"neither", example, 49, "DE", "twilio vonage", true},
		{"neither, and no country", example, 800, "", "twilio vonage", true},
		{"no calling code", example, 0, "", "twilio vonage", true},
		{"neither, and no rule for all others", "IN: plivo; +44: vonage", 49, "DE", "", true},
		{"no country, and no rule for all others", "IN: plivo; +44: vonage", 0, "", "", true},
		{"no rule names a country", "+44: vonage; *: twilio", 44, "GB", "vonage", false},
		{"no rule names a country, nor this calling code", "+44: vonage; *: twilio", 49, "DE", "twilio", false},
		{"one rule for all", "*: twilio", 49, "DE", "twilio", false},
		{"no rules", "", 49, "DE", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := false
			instances := parse(t, tt.text).Lookup(tt.callingCode, func() string { asked = true; return tt.country })
			require.Equal(t, []any{tt.want, tt.asked}, []any{strings.Join(instances, " "), asked})
			require.Equal(t, tt.want == "", instances == nil)
		})
	}
	require.Nil(t, Table{}.Lookup(44, func() string { panic("asked") }))
}

// Two countries of one rule share their instances in memory. A caller that appends to the one must not change the other.
func TestAppendingToAResultChangesNoOtherRoute(t *testing.T) {
	table := parse(t, "BR,MX: a, b, c") // three, because append has allocated memory for four
	brazil := append(table.Lookup(55, func() string { return "BR" }), "d")
	mexico := append(table.Lookup(52, func() string { return "MX" }), "e")
	require.Equal(t, [][]string{{"a", "b", "c", "d"}, {"a", "b", "c", "e"}}, [][]string{brazil, mexico})
	table.Routes()[0].Instances[0] = "changed"
	require.Equal(t, []string{"BR: a, b, c", "MX: a, b, c"}, written(table))
}

func TestPlacesInTheText(t *testing.T) {
	table := parse(t, "\u00a0IN: plivo, eu1;\n+44,*: plivo;")
	require.Equal(t, []placed[Destination]{
		{2, Destination{Country: "IN"}}, {18, Destination{CallingCode: 44}}, {22, Destination{}},
	}, collect(table.Destinations()))
	require.Equal(t, []placed[string]{{6, "plivo"}, {13, "eu1"}, {25, "plivo"}}, collect(table.Instances()))
	for at, name := range table.Instances() {
		require.Equal(t, placed[string]{6, "plivo"}, placed[string]{at, name})
		break
	}
	require.Empty(t, collect(Table{}.Destinations()))
	require.Empty(t, collect(Table{}.Instances()))
}

func collect[T any](places iter.Seq2[int, T]) []placed[T] {
	var list []placed[T]
	for at, value := range places {
		list = append(list, placed[T]{at, value})
	}
	return list
}

var character = regexp.MustCompile(`character \d+`)

// FuzzTable looks for rules that cause a panic, that change when they are written and read again, or that an error quotes: an error must
// be one of those above, with a number.
func FuzzTable(f *testing.F) {
	known := map[string]bool{}
	for _, want := range []string{
		wantDestination, wantCapitals, wantCallingCode, wantColon, wantInstance, wantSemicolon, sameDestination, sameInstance,
	} {
		known["at the end: "+want] = true
		known["at character N: "+want] = true
	}
	for _, tt := range refused {
		f.Add(tt.text)
	}
	for _, text := range []string{"", example, example + ";", "\u00a0IN:\u2003plivo\n;*:a1", "+1,+7,+999: a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var table Table
		if err := table.UnmarshalText([]byte(text)); err != nil {
			if !known[character.ReplaceAllString(err.Error(), "character N")] {
				t.Fatalf("the error may quote the text: %v", err)
			}
			return
		}
		routes := written(table)
		var again Table
		if err := again.UnmarshalText([]byte(strings.Join(routes, "; "))); err != nil {
			t.Fatalf("%q is refused: %v", routes, err)
		}
		require.Equal(t, table.Routes(), again.Routes())

		runes := []rune(text)
		for at, to := range table.Destinations() {
			require.Equal(t, to.String(), string(runes[at-1:at-1+len(to.String())]))
			require.Equal(t, table.routes[to], table.Lookup(to.CallingCode, func() string { return to.Country }))
		}
		for at, name := range table.Instances() {
			require.Equal(t, name, string(runes[at-1:at-1+len(name)]))
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	table := parse(b, example)
	b.ReportAllocs()
	for b.Loop() {
		if len(table.Lookup(44, func() string { return "GB" })) != 1 {
			b.Fatal("another route")
		}
	}
}
