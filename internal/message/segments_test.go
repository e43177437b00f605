package message

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		unicode    bool
		segments   int
	}{
		{"nothing", "", false, 1},
		{"160 letters", strings.Repeat("a", 160), false, 1},
		{"161 letters", strings.Repeat("a", 161), false, 2},
		{"306 letters", strings.Repeat("a", 306), false, 2},
		{"307 letters", strings.Repeat("a", 307), false, 3},
		{"the whole basic table", gsmBasic, false, 1},
		{"the whole extension table", gsmExtension, false, 1},
		{"80 euros take two septets each", strings.Repeat("€", 80), false, 1},
		{"81 euros", strings.Repeat("€", 81), false, 2},
		{"a euro is not split: 152 + 2, 152", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 151), false, 2},
		{"a euro is not split: one more", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), false, 3},
		{"a backtick is in no table", "`", true, 1},
		{"a small c with cedilla is in no table", "ç", true, 1},
		{"70 units", strings.Repeat("я", 70), true, 1},
		{"71 units", strings.Repeat("я", 71), true, 2},
		{"134 units", strings.Repeat("я", 134), true, 2},
		{"135 units", strings.Repeat("я", 135), true, 3},
		{"35 emoji", strings.Repeat("😀", 35), true, 1},
		{"36 emoji", strings.Repeat("😀", 36), true, 2},
		{"an emoji is not split: 33 in a segment", strings.Repeat("😀", 66), true, 2},
		{"an emoji is not split: one more", strings.Repeat("😀", 67), true, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unicode, segments := Count(tt.text)
			require.Equal(t, []any{tt.unicode, tt.segments}, []any{unicode, segments})
		})
	}
}

// count is another way to the same result: it makes the segments and counts them.
func count(text string) (unicode bool, segments int) {
	characters := strings.Split(string([]rune(text)), "")
	unit := func(c string) int { return 1 + strings.Count(gsmExtension, c) }
	single, multi := 160, 153
	for _, c := range characters {
		if !strings.Contains(gsmBasic+gsmExtension, c) {
			unicode = true
		}
	}
	if unicode {
		unit = func(c string) int { return len(utf16.Encode([]rune(c))) }
		single, multi = 70, 67
	}
	var units []int // each is the index of its character
	for i, c := range characters {
		for range unit(c) {
			units = append(units, i)
		}
	}
	if len(units) <= single {
		return unicode, 1
	}
	for ; len(units) > 0; segments++ {
		end := min(multi, len(units))
		for end < len(units) && units[end] == units[end-1] {
			end--
		}
		units = units[end:]
	}
	return unicode, segments
}

// FuzzCount looks for a text for which Count and count differ.
func FuzzCount(f *testing.F) {
	for _, text := range []string{"", "Your code is 028687", gsmBasic, gsmExtension, "😀", "\xff", "ж"} {
		f.Add(text, uint16(1))
		f.Add(text, uint16(160))
		f.Add("a"+text, uint16(77))
	}
	f.Fuzz(func(t *testing.T, text string, times uint16) {
		text = strings.Repeat(text, int(times)%400)
		if len(text) > 1<<13 {
			return
		}
		unicode, segments := Count(text)
		if wantUnicode, want := count(text); unicode != wantUnicode || segments != want {
			t.Fatalf("%q: got %t %d, want %t %d", text, unicode, segments, wantUnicode, want)
		}
	})
}

func TestCountAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(10, func() { Count("Your code is 028687"); Count("Код 028687 😀") }))
}

func BenchmarkCount(b *testing.B) {
	for name, text := range map[string]string{"GSM-7": "Your Acme code is 028687", "UCS-2": "Ваш код для Acme: 028687"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Count(text)
			}
		})
	}
}
