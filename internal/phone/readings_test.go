package phone

import (
	"strconv"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

func readings(t testing.TB, e164 string) []string {
	n, err := Parse(e164)
	require.NoError(t, err)
	var list []string
	for _, reading := range n.Readings() {
		require.Equal(t, n.CallingCode(), reading.CallingCode())
		list = append(list, reading.E164().Reveal())
	}
	return list
}

func TestReadings(t *testing.T) {
	for _, tt := range []struct {
		name, number string
		others       []string
	}{
		{"in international form", "+447400123456", nil},
		{"a zero that is part of the number", "+3906123456", nil},
		{"a zero that is part of the number, ten digits", "+2250707070707", nil},
		{"of no country", "+80012345678", nil},
		{"reserved for films", "+447700900123", nil},
		{"a form that is no longer used", "+5215512345678", nil},
		{"a trunk zero", "+4407400123456", []string{"+447400123456"}},
		{"two trunk zeros", "+44007400123456", []string{"+4407400123456", "+447400123456"}},
		{"three trunk zeros", "+440007400123456", []string{"+44007400123456", "+4407400123456", "+447400123456"}},
		{"a trunk prefix of another digit", "+789001234567", []string{"+79001234567"}},
		{"two such trunk prefixes", "+1119002345678", []string{"+19002345678"}},
		{"a trunk prefix and a network's code", "+55015119876543", []string{"+5515119876543"}},
		{"a digit too many", "+4474001234567", []string{"+447400123456"}},
		{"three digits too many", "+447400123456789", []string{"+447400123456"}},
		{"a trunk zero and a digit too many", "+44074001234567", []string{"+4474001234567", "+447400123456"}},
		{"two trunk zeros and a digit too many", "+440074001234567", []string{"+44074001234567", "+4474001234567", "+447400123456"}},
		{"a zero that is part of the number, and digits too many", "+390612345678901", []string{
			"+3906123456789", "+390612345678", "+39061234567", "+3906123456", "+390612345", "+39061234", "+39612345678901"}},
		{"a zero and digits that are also a network's code", "+57032112345677", []string{"+5732112345677", "+573211234567", "+572112345677"}},
		{"where numbers have no fixed length", "+49900123456712", []string{"+499001234567"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, append([]string{tt.number}, tt.others...), readings(t, tt.number))
		})
	}
}

// A number of each type and country is found in each of its spellings, but where a spelling is another number that is known.
func TestReadingsFindEveryKindOfNumber(t *testing.T) {
	if providertest.RaceDetector {
		t.Skip("one goroutine does it all, and slowly")
	}
	spellings, other, longest := 0, 0, 0
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := range types {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil || !phonenumbers.IsValidNumber(example) {
				continue
			}
			e164 := phonenumbers.Format(example, phonenumbers.E164)
			code := strconv.Itoa(int(example.GetCountryCode()))
			national := e164[len("+")+len(code):]
			for _, before := range []string{"", "0", "00"} {
				for _, behind := range []string{"", "7", "123"} {
					spelled := "+" + code + before + national + behind
					n, err := Parse(spelled)
					if err != nil {
						continue // too long
					}
					spellings++
					list := readings(t, spelled)
					if n.Type() != "" && spelled != e164 && len(list) == 1 {
						other++
						continue
					}
					require.LessOrEqual(t, len(list), 24)
					longest = max(longest, len(list))
					require.Contains(t, list, e164, "%s %s", region, spelled)
				}
			}
		}
	}
	t.Logf("%d spellings, of which %d are known numbers themselves; %d readings at most", spellings, other, longest)
	require.Greater(t, spellings, 5000)
	require.Less(t, other, spellings/10)
}

func BenchmarkReadings(b *testing.B) {
	for name, e164 := range map[string]string{"international form": "+447400123456", "respelled": "+440074001234567", "reserved for films": "+447700900123"} {
		b.Run(name, func(b *testing.B) {
			n, err := Parse(e164)
			require.NoError(b, err)
			for b.Loop() {
				n.Readings()
			}
		})
	}
}
