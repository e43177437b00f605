package message

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	hash   = AppHash("FA+9qCX9VSu") // Google's example
	domain = Domain("example.com")
)

func TestAutofill(t *testing.T) {
	const android, website, both = "\n\nFA+9qCX9VSu", "\n\n@example.com #028687", "\n\n@example.com #028687 FA+9qCX9VSu"
	for _, tt := range []struct {
		name, template string
		hash           AppHash
		domain         Domain
		want           string
	}{
		{"no settings, no change", "{{ .Code }} \n", "", "", "028687 \n"},
		{"an Android app", "Your code is {{ .Code }}", hash, "", "Your code is 028687" + android},
		{"a website", "Your code is {{ .Code }}", "", domain, "Your code is 028687" + website},
		{"both", "Your code is {{ .Code }}", hash, domain, "Your code is 028687" + both},
		{"both, and the code is not at the end", "{{ .Code }} is it.\n", hash, domain, "028687 is it." + both},
		{"the text has the hash", "<#> {{ .Code }}\nFA+9qCX9VSu\n", hash, "", "<#> 028687" + android},
		{"the text has the line", "{{ .Code }}\n@example.com #{{ .Code }}\n", "", domain, "028687\n@example.com #028687"},
		{"the text has both", "{{ .Code }}" + strings.ReplaceAll(both, "028687", "{{ .Code }}"), hash, domain, "028687" + both},
		{"the text has the hash, and a line is added", "{{ .Code }}\nFA+9qCX9VSu", hash, domain, "028687" + both},
		{"the text has the line, and a hash is added", "{{ .Code }}\n\n@example.com #{{ .Code }}", hash, domain, "028687" + both},
		{"a line with an embedded host", "{{ .Code }}\n@example.com #{{ .Code }} %shop.example", hash, domain, "028687\n@example.com #028687 %shop.example FA+9qCX9VSu"},
		{"a line of another website stays", "{{ .Code }}\n@example.org #{{ .Code }}", "", domain, "028687\n@example.org #028687"},
		{"the line alone", "@example.com #{{ .Code }}", hash, domain, "@example.com #028687 FA+9qCX9VSu"},
		{"not quite the hash", "{{ .Code }} xFA+9qCX9VSu", hash, "", "028687 xFA+9qCX9VSu" + android},
		{"not quite the line: words before", "at @example.com #{{ .Code }}", "", domain, "at @example.com #028687" + website},
		{"not quite the line: a code before", "{{ .Code }}@example.com #{{ .Code }}", "", domain, "028687@example.com #028687" + website},
		{"not quite the line: no code", "{{ .Code }}\n@example.com #123", "", domain, "028687\n@example.com #123" + website},
		{"not quite the line: more than the code", "{{ .Code }}\n@example.com #{{ .Code }}.", "", domain, "028687\n@example.com #028687." + website},
		{"not quite the line: not the last", "@example.com #{{ .Code }}\nBye", "", domain, "@example.com #028687\nBye" + website},
		{"not quite the line: a greeting", "@home: {{ .Code }}", "", domain, "@home: 028687" + website},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, must[Template](tt.template).fill("").autofill(tt.hash, tt.domain).with("028687"))
		})
	}
}

func TestInvalidHashesAndDomainsAreRefused(t *testing.T) {
	for _, text := range []string{"", "FA+9qCX9VS", "FA+9qCX9VSuu", "FA+9qCX9VS=", "FA 9qCX9VSu", "FA-9qCX9VSu", "FA+9qCX9VS\n"} {
		require.EqualError(t, new(AppHash).UnmarshalText([]byte(text)), "want the 11 characters of the app's hash: letters, digits, + and /", text)
	}
	for _, text := range []string{"", "example", "https://example.com", "example.com/", "example.com:8443", "@example.com", "Example.com", ".example.com",
		"example.com.", "-a.example.com", "a-.example.com", "ex ample.com", "exämple.com", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 126) + "com"} {
		require.EqualError(t, new(Domain).UnmarshalText([]byte(text)), "want a domain such as example.com, in small letters and without https://", text)
	}
	for _, text := range []string{"example.com", "localhost", "login.example.co.uk", "xn--exmple-cua.com", "a.b-c.de"} {
		require.NoError(t, new(Domain).UnmarshalText([]byte(text)), text)
	}
}

// parse is the algorithm of https://wicg.github.io/sms-one-time-codes/#parsing, step by step.
func parse(message string) (host, code string, ok bool) {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(message), "\n")
	line := lines[len(lines)-1]
	token := func(marker string) (string, bool) {
		rest, found := strings.CutPrefix(line, marker)
		if !found {
			return "", false
		}
		end := strings.IndexAny(rest, "\t\n\f\r ")
		if end < 0 {
			end = len(rest)
		}
		line = rest[end:]
		return rest[:end], end > 0
	}
	if host, ok = token("@"); !ok {
		return "", "", false
	}
	if line, ok = strings.CutPrefix(line, " "); !ok {
		return "", "", false
	}
	code, ok = token("#")
	return host, code, ok
}

// chromium is the pattern by which Chromium finds a code, content/browser/sms/sms_parser.cc.
var chromium = regexp.MustCompile(`(?:^|\s)@([a-zA-Z0-9.-]+) #([^#\s]+)(?: @([a-zA-Z0-9.-]+))?`)

// By the specification, by Chromium and by Android, every text has the website, the code and the app's hash.
func TestPhonesFindTheCodeInEveryText(t *testing.T) {
	for _, s := range []Settings{{WebOTPDomain: domain}, {WebOTPDomain: domain, AppHash: hash}, {WebOTPDomain: domain, AppHash: hash, App: "Acme"}} {
		texts := load(t, s)
		for _, one := range texts.list {
			text := one.pieces.with("028687")
			host, code, ok := parse(text)
			require.Equal(t, []any{"example.com", "028687", true}, []any{host, code, ok}, text)
			require.Equal(t, []string{"example.com", "028687", ""}, chromium.FindStringSubmatch(text)[1:], text)
			require.Equal(t, s.AppHash != "", strings.HasSuffix(text, " "+string(hash)), text)
		}
	}
}

// FuzzAutofill looks for a text whose last line phones can't read.
func FuzzAutofill(f *testing.F) {
	for _, text := range []string{
		"Your code is {{ .Code }}", "{{ .Code }}\n@example.com #{{ .Code }}", "{{ .Code }} FA+9qCX9VSu", "@{{ .Code }} #{{ .Code }}",
		"@example.com #{{ .Code }} %shop.example", "{{ .Code }}\r@a #{{ .Code }}\f", "{{ .Code }}\n@example.com #{{ .Code }} FA+9qCX9VSu",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var template Template
		if template.UnmarshalText([]byte(text)) != nil {
			return
		}
		filled := template.fill("Acme")
		before := filled.with("028687")
		for _, h := range []AppHash{"", hash} {
			added := filled.autofill(h, domain)
			written := added.with("028687")
			if _, code, ok := parse(written); !ok || code != "028687" {
				t.Fatalf("%q became %q", text, written)
			}
			if h != "" && !strings.HasSuffix(written, " "+string(h)) {
				t.Fatalf("%q became %q, without the hash", text, written)
			}
			if again := added.autofill(h, domain).with("028687"); again != written {
				t.Fatalf("%q became %q, and then %q", text, written, again)
			}
		}
		if filled.with("028687") != before {
			t.Fatalf("%q was changed itself", text)
		}
	})
}
