package call

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

const (
	testNumber = "+447700900123"
	testCode   = "482913"
	testText   = `Ma & Pa's <shop>: "482913" is your code/clé`
	testSecret = "t0ken+with/odd=chars&"
)

func testScrubber() scrubber {
	return scrubber{message: providers.Message{
		To:   providers.NewSecret(testNumber),
		Code: providers.NewSecret(testCode),
		Text: providers.NewSecret(testText),
	}, credentials: []providers.Secret{providers.NewSecret(testSecret), {}}}
}

const escaped = "[a text that repeats the message, escaped]"

func TestClean(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"nothing of ours, 400, 21211, +15555550100", "nothing of ours, 400, 21211, +15555550100"},

		{"to +447700900123.", "to [secret]."},
		{"to 447700900123.", "to [secret]."},
		{"to=%2B447700900123&", "to=[secret]&"},
		{"to=%2b447700900123&", "to=%2b[secret]&"},
		{"to +44 7700 900123", "to +[number]"},
		{"to +44 (0)7700 900123", "to +[number]"},
		{"to +44 (0) 7700-900-123", "to +[number]"},
		{"to 0044 7700.900.123", "to [number]"},
		{"to 07700 900123, please", "to [number], please"},
		{"to 07700900123", "to [number]"},
		{"to 7700900123", "to [number]"},
		{"07700 900123 400 Bad Request", "[number] Bad Request"}, // one run with what follows it
		{"400 07700900123-1", "[number]"},
		{"to +4477009001XX", "to +[number]XX"},
		{"to XXXXXX900123", "to XXXXXX[number]"},
		{"to XXXX0123", "to XXXX0123"},

		{"code 482913", "code [secret]"},
		{"code 482 913", "code [code]"},
		{"code 482-913", "code [code]"},
		{"code 4-8-2-9-1-3", "code [code]"},
		{"code 00482913", "code 00[secret]"},
		{"code 4, 8, 2, 9, 1, 3", "code [code]"},
		{"code 482,913", "code [code]"},
		{"code 4\u00a08\u200b2\u20139\u00b71_3", "code [code]"},
		{"code 4\t8\n2:9 .. 1 - 3", "code [code]"},
		{"code \uff14\uff18\uff12\uff19\uff11\uff13", "code [secret]"},
		{"code \u0664\u0668\u0662\u0669\u0661\u0663", "code [secret]"},
		{"code \u096a\u096e\u0968\u096f\u0967\u0969", "code [secret]"},
		{"code \u09ea \u09ee\u09e8 \u09ef\u09e7 \u09e9", "code [code]"},
		{"code \U0001d7d2\U0001d7d6\U0001d7d0\U0001d7d7\U0001d7cf\U0001d7d1", "code [secret]"},
		{"code 319284", "code [secret]"},
		{"code 31 92 84", "code [code]"},
		{"to 321009007744", "to [secret]"},
		{"to 32100 900770", "to [number]"},
		{"code 343832393133", "code [secret]"},
		{"code 34:38:32:39:31:33", "co[secret]"},
		{"code 0x34 38 32 39 31 33!", "code 0x[secret]!"},
		{"code 0x34 0x38 0x32 0x39 0x31 0x33!", escaped},
		{"code [0x34, 0x38, 0x32, 0x39, 0x31, 0x33]", escaped},
		{`code \x34\x38\x32\x39\x31\x33`, escaped},
		{"code %2534%2538%2532%2539%2531%2533", escaped},
		{"code %252534%252538%252532%252539%252531%252533", escaped},
		{"to %2537%2537%2530%2530%2539%2530%2530%2531%2532%2533", escaped},
		{"code 482913.0", "code [secret].0"},
		{"code 4.82913e+05", "code [code]e+05"},
		{"code " + reversed(base64.StdEncoding.EncodeToString([]byte("482913"))), "code [secret]"},
		{"to " + reversed(base64.StdEncoding.EncodeToString([]byte("to=07700900123"))), "to =[secret]"},
		{"to 30373730303930303132330a", "to [secret]"},
		{"x" + base64.StdEncoding.EncodeToString([]byte("to=07700900123")), "[secret]="},
		{"abc" + base64.StdEncoding.EncodeToString([]byte("code 482913.")) + "x", "[secret]"},
		{"key " + hex.EncodeToString([]byte("user:"+testSecret)), "key 757365723a[secret]"},
		{`code \u0034\u0038\u0032\u0039\u0031\u0033`, escaped},
		{"code &#52;&#56;&#50;&#57;&#49;&#51;", escaped},
		{"code &#x34;&#x38;&#x32;&#x39;&#x31;&#x33;", escaped},
		{"code %34%38%32%39%31%33", escaped},
		{"to 44,7700,900,123", "to [number]"},
		{"to 44 - 7700 - 900 - 123", "to [number]"},
		{"to %2B44%207700%20900%20123", escaped},
		{"50%25 off, &#39;quoted&#39;", "50%25 off, &#39;quoted&#39;"},
		{"code 48291", "code 48291"},

		{testText, "[secret]"},
		{"body=" + url.QueryEscape(testText), "body=[secret]"},
		{"/" + url.PathEscape(testText), "/[secret]"},
		{`{"body":"Ma \u0026 Pa's \u003cshop\u003e: \"482913\" is your code/clé"}`, `{"body":"[secret]"}`},
		{"<p>Ma &amp; Pa&#39;s &lt;shop&gt;: &#34;482913&#34; is your code/clé</p>", "<p>[secret]</p>"},
		{base64.StdEncoding.EncodeToString([]byte(testText)), "[secret]="},
		{"Pa's <shop>: \"482913\" is your…", "Pa's <shop>: \"[secret]\" is your…"},

		{"key " + testSecret, "key [secret]"},
		{"key " + url.QueryEscape(testSecret), "key [secret]"},
		{"key " + base64.StdEncoding.EncodeToString([]byte(testSecret)), "key [secret]"},
		{"key " + base64.RawURLEncoding.EncodeToString([]byte(testSecret)), "key [secret]"},
		{testSecret + testSecret, "[secret][secret]"},
	} {
		require.Equal(t, test.want, testScrubber().clean(test.text), test.text)
		require.EqualError(t, testScrubber().error(errors.New(test.text)), test.want)
	}
}

// An empty secret, or a call without a message, hides nothing and disturbs nothing.
func TestCleanWithoutMessage(t *testing.T) {
	s := scrubber{credentials: []providers.Secret{{}, providers.NewSecret("")}}
	for _, text := range []string{"", "answer 400: +447700900123 and 482913", "a1 23-45"} {
		require.Equal(t, text, s.clean(text))
	}
}

// Codes and numbers are not always digits of the usual length.
func TestCleanShortNumbers(t *testing.T) {
	s := scrubber{message: providers.Message{To: providers.NewSecret("+12345"), Code: providers.NewSecret("99")}}
	require.Equal(t, "[secret], [secret], [secret], 665544", s.clean("+12345, 99, 12345, 665544"))
	letters := scrubber{message: providers.Message{Code: providers.NewSecret("AB-12")}}
	require.Equal(t, "is [secret]", letters.clean("is AB-12"))
}

func TestCleanLength(t *testing.T) {
	const end = "…"
	for _, test := range []struct{ text, want string }{
		{strings.Repeat("x", maxText), strings.Repeat("x", maxText)},
		{strings.Repeat("x", maxText+1), strings.Repeat("x", maxText) + end},
		{strings.Repeat("é", maxText), strings.Repeat("é", maxText/2) + end},
		{"x" + strings.Repeat("é", maxText), "x" + strings.Repeat("é", maxText/2-1) + end},
		{strings.Repeat("😀", maxText), strings.Repeat("😀", maxText/4) + end},
		// It is cut after it was cleaned: half a secret would not be recognised.
		{strings.Repeat("x", maxText-3) + testSecret, strings.Repeat("x", maxText-3) + "[se" + end},
		{strings.Repeat("x", maxText-3) + testCode, strings.Repeat("x", maxText-3) + "[se" + end},
		{strings.Repeat(testSecret, maxText), strings.Repeat("[secret]", maxText/8) + end},
	} {
		got := testScrubber().clean(test.text)
		require.Equal(t, test.want, got)
		require.LessOrEqual(t, len(got), maxText+len(end))
	}
}

// Only the beginning of a long text is searched. Here a secret, in every form, is at one of the two places where the text is cut. The
// result must be the beginning of what a search of the whole text gives. The text before the secret is masked as one, because
// otherwise the place would be behind maxText.
func TestCleanSecretWhereTheSearchEnds(t *testing.T) {
	s := testScrubber()
	parts := []string{"0" + testNumber[3:], "+44 (0)7700 900123", "4 - 8 - 2 - 9 - 1 - 3"}
	for _, secret := range []string{testText, testNumber, testCode, testSecret} {
		parts = append(parts, forms(secret)...)
	}
	masked := base64.RawStdEncoding.EncodeToString([]byte("code 482913.")) + " "
	after := strings.Repeat(" no secret, and no end", 150)
	for _, end := range []int{maxSearched, maxSearched + s.reach()} {
		for _, part := range parts {
			for within := 0; within <= len(part); within += 1 + len(part)/6 {
				text := strings.Repeat("a", end-len(masked)-within) + masked + part + after
				got, cutOff := strings.CutSuffix(s.clean(text), "…")
				require.True(t, cutOff)
				require.True(t, strings.HasPrefix(s.newMask().apply(text), got), "%q, of which %d bytes are before the cut, became %q", part, within, got)
				require.True(t, strings.HasPrefix(got, "[secret] ") || end > maxSearched, got)
			}
		}
	}
}

// BenchmarkClean shows that the time doesn't grow with the text.
func BenchmarkClean(b *testing.B) {
	page := strings.Repeat("<p>Request 8f14e45fceea167a5a36dedd4bea2543 to https://api.example.com/v1 failed, call +1 555 555 0100.</p>\n", 640)
	for _, size := range []int{100, maxSearched, MaxAnswer} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				testScrubber().clean(page[:size])
			}
		})
	}
}

// A provider's text may be anything; a log is UTF-8.
func TestCleanIsUTF8(t *testing.T) {
	for _, text := range []string{"\xff", "caf\xe9", "a\xc3", strings.Repeat("\xff", maxText+1), strings.Repeat("x", maxText-1) + "é"} {
		got := testScrubber().clean(text)
		require.True(t, utf8.ValidString(got), "%q", got)
	}
	// What isn't UTF-8 must not be taken out from between two halves that nobody has recognised.
	for _, text := range []string{"482\xff913", "+4477009\xff00123", "07700900\xc3123", testSecret[:9] + "\xff" + testSecret[9:]} {
		got := testScrubber().clean(text)
		for _, secret := range []string{testCode, "7700900123", testSecret} {
			require.NotContains(t, got, secret)
		}
	}
}

// Whatever stands around them, the number, the code and the secrets don't come through.
func FuzzScrub(f *testing.F) {
	for i, around := range []string{"", " ", "+", "0", "48291", "44", "t0ken", "\xff", "%2B", "[secret]", "é", "\"", "-", "1 2"} {
		f.Add(around, "", around, uint8(i))
		f.Add("", around, "", uint8(i+10))
		f.Add("482"+around+"913", testSecret[:9]+around+testSecret[9:], "07700900"+around+"123", uint8(i))
		f.Add(strings.Repeat("x", maxText-i), around, around, uint8(i+20))
		f.Add(strings.Repeat(testSecret, maxSearched/len(testSecret)), around, strings.Repeat("x", 4*maxSearched), uint8(i+30))
	}
	forbidden := []string{testText, testNumber, testNumber[1:], "7700900123", testCode, testSecret}
	var parts []string
	for _, secret := range []string{testText, testNumber, testCode, testSecret} {
		parts = append(parts, forms(secret)...)
	}
	parts = append(parts, testNumber[1:], "0"+testNumber[3:], "+44 7700 900123", "+44 (0)7700 900123", "482 913")

	f.Fuzz(func(t *testing.T, before, between, after string, which uint8) {
		one, two := parts[int(which)%len(parts)], parts[int(which)/len(parts)%len(parts)]
		text := before + one + between + two + after
		got := testScrubber().clean(text)
		for _, secret := range forbidden {
			for _, form := range forms(secret) {
				if strings.Contains(got, form) {
					t.Fatalf("%q became %q, which holds %q", text, got, form)
				}
			}
		}
		if whole := testScrubber().newMask().apply(plain(text)); got != escaped && !strings.HasPrefix(whole, strings.TrimSuffix(got, "…")) {
			t.Errorf("%q became %q, and masked as a whole %q", text, got, whole)
		}
		if limit := maxText + len("…"); len(got) > limit {
			t.Errorf("%d bytes, over %d", len(got), limit)
		}
		if !utf8.ValidString(got) {
			t.Errorf("%q became %q, which isn't UTF-8", text, got)
		}
	})
}

// The scrubber of one call doesn't take along what another one's hides.
func TestScrubbersAreApart(t *testing.T) {
	secrets := make([]providers.Secret, 0, 8)
	for i := range 3 {
		s := scrubber{credentials: secrets, authorization: fmt.Sprint("Basic secret-", i)}
		require.Equal(t, "secret-9 [secret]", s.clean(fmt.Sprint("secret-9 secret-", i)))
	}
	require.Empty(t, secrets)
}

// As a number, a code comes back without the zeros that it begins with.
func TestCleanCodeAsNumber(t *testing.T) {
	s := scrubber{message: providers.Message{Code: providers.NewSecret("028687")}}
	for value, want := range map[string]string{
		"28687": "[code]", "28687.0": "[code]", "28687.00": "[code]", "2.8687e+04": "[code]e+04", "2.86870E4": "[code]",
	} {
		require.Equal(t, "bad value "+want+" (code 21211)", s.clean("bad value "+value+" (code 21211)"))
	}
	s = scrubber{message: providers.Message{Code: providers.NewSecret("480000")}}
	require.Equal(t, "bad value [code] (code 4.8e+04)", s.clean("bad value 4.8e+05 (code 4.8e+04)"))
}

// A token of hexadecimal digits means the same in capitals.
func TestCleanHexInCapitals(t *testing.T) {
	s := scrubber{credentials: []providers.Secret{providers.NewSecret("8f14e45fceea167a"), providers.NewSecret("C9F0F895FB98AB91")}}
	require.Equal(t, "keys [secret] [secret] [secret]", s.clean("keys 8F14E45FCEEA167A c9f0f895fb98ab91 8f14e45fceea167a"))
}

// Of each script the ten digits stand in a row, which Unicode promises and a table may not show.
func TestDecimal(t *testing.T) {
	digits := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		value, ok := decimal(r)
		require.Equal(t, unicode.Is(unicode.Nd, r), ok, "%U", r)
		if ok {
			require.Equal(t, rune(digits%10), value, "%U", r)
			digits++
		}
	}
	require.Zero(t, digits%10)
	require.Greater(t, digits, 600)
}

func TestEchoes(t *testing.T) {
	s := scrubber{message: providers.Message{To: providers.NewSecret("+15555550199"), Code: providers.NewSecret("028687")}}
	for _, name := range []string{
		"15555550199", "sms-5555550199-1", "1-555-555-0199", "0000015555550199", "15555550199028687", "x028687", "28687",
		"wamid.HBgLMTU1NTU1NTAxOTkVAgAR", base64.StdEncoding.EncodeToString([]byte("to 15555550199")),
	} {
		require.True(t, s.echoes(name), name)
	}
	for _, name := range []string{"", "SM00000000000000000000000000000001", "0A0000000123ABCD1", "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"} {
		require.False(t, s.echoes(name), name)
	}
}

// A secret of several lines is found although line ends are shown as spaces.
func TestCleanSeveralLines(t *testing.T) {
	key := "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"
	s := scrubber{credentials: []providers.Secret{providers.NewSecret(key)}}
	require.Equal(t, "bad key [secret] [31m", s.clean("bad key "+key+"\x1b[31m"))
}
