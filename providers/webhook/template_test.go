package webhook

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// nasty are texts that mean something where they may stand.
var nasty = []string{
	"", `"`, `\`, `\"`, `","to":"+15555550199`, "\n", "\r\n", "\x00", "&to=1", "a=b", "%26", "+", " ", "#", "?x=1", "/", "../..",
	"..", ".", ";", "{{ .Code }}", "}}", "é", "🔑", "\u2028", "<script>", "482913",
}

func values(text string) map[string]string {
	return map[string]string{"To": "+447700900123", "ToDigits": "447700900123", "ToNational": "7700900123", "Text": text, "Code": text, "From": text, "ID": "id", "Token": text}
}

func parsed[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](t testing.TB, text string) T {
	t.Helper()
	var value T
	require.NoError(t, P(&value).UnmarshalText([]byte(text)), text)
	return value
}

func requireIntact(t testing.TB, text string) {
	t.Helper()
	var object map[string]any
	body := parsed[Body](t, `{"a":["{{ .Text }}"],"b":{"c":"x{{ .Code }}y{{ .From }}z"},"to":"{{ .To }}"}`).fill(values(text))
	require.NoError(t, json.Unmarshal([]byte(body), &object), body)
	require.Equal(t, map[string]any{
		"a": []any{text}, "b": map[string]any{"c": "x" + text + "y" + text + "z"}, "to": "+447700900123",
	}, object)

	want := url.Values{"to": {"+447700900123"}, "text": {text}, "both": {"x" + text + "y" + text + "z"}}
	const form = "to={{ .To }}&text={{ .Text }}&both=x{{ .Code }}y{{ .From }}z"
	got, err := url.ParseQuery(parsed[Body](t, form).fill(values(text)))
	require.NoError(t, err)
	require.Equal(t, want, got)

	address := parsed[URL](t, "https://api.example.com/v1/{{ .Text }}/to/x{{ .Code }}?"+form).fill(values(text))
	request, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(t, err)
	require.Equal(t, "api.example.com", request.URL.Host)
	require.Empty(t, request.URL.Fragment)
	require.Equal(t, want, request.URL.Query())
	segments := strings.Split(request.URL.EscapedPath(), "/")
	require.Len(t, segments, 5, "%s", address)
	for i, wanted := range []string{"", "v1", text, "to", "x" + text} {
		segment, err := url.PathUnescape(segments[i])
		require.NoError(t, err)
		require.Equal(t, wanted, segment)
	}
	require.NotContains(t, segments, "..")
}

func TestValuesStayWhereTheyAre(t *testing.T) {
	for _, text := range nasty {
		requireIntact(t, text)
	}
}

// Whatever the text, it comes out as it went in, and nothing else does.
func FuzzTemplate(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			body := parsed[Body](t, `{"a":"{{ .Text }}"}`).fill(values(text))
			var object map[string]string
			require.NoError(t, json.Unmarshal([]byte(body), &object))
			require.Len(t, object, 1)
			return
		}
		requireIntact(t, text)
	})
}

// Whatever the template, it is refused or makes JSON of JSON and a form of a form.
func FuzzBody(f *testing.F) {
	for _, seed := range append(goodBodies, badBodies...) {
		f.Add(seed, `","x":"`)
	}
	f.Fuzz(func(t *testing.T, template, text string) {
		var body Body
		if body.UnmarshalText([]byte(template)) != nil {
			return
		}
		filled := body.fill(values(text))
		if body.json {
			require.True(t, json.Valid([]byte(filled)), "%q became %q", template, filled)
			return
		}
		before, err := url.ParseQuery(body.fill(nil))
		require.NoError(t, err)
		after, err := url.ParseQuery(filled)
		require.NoError(t, err)
		require.Len(t, after, len(before))
	})
}

var goodBodies = []string{
	`{"to":"{{ .To }}"}`, ` { "to" : "{{.To}}" } `, `["{{ .To }}"]`, `{"a":{"b":{}}}`, `{"a":"\\{{ .To }}"}`, `{"a":"}}"}`,
	"to={{ .To }}", "to={{ .To }}&text={{ .Text }}", "a=%20+b&to=x{{ .To }}y", "to={{ .To }}{{ .Text }}", "a=",
}

var badBodies = []string{
	`{"to":{{ .To }}}`, `{"to":"{{ .To }}"`, `{"to":"{{ .To }}"} {}`, `{"{{ .To }}":1}`, `{"a":[{"x{{ .To }}":1}]}`, `{"to":"{{ .to }}"}`,
	`{"to":"{{ .Nobody }}"}`, `{"to":"{{ To }}"}`, `{"to":"{{ .To | html }}"}`, `{"to":"{{.To}"}`, `{"a":"\{{ .To }}"}`, `{"a":"\u00{{ .To }}"}`,
	"to", "={{ .To }}", "{{ .To }}=to", "to={{ .Nobody }}", "to={{ .To }}&", "a b=c", "a=b c", "a=b%", "a=%2", "a=%{{ .To }}", "a=b;c=d",
	"a=é", "a=<x>", "a=b\nc=d", "<xml>{{ .To }}</xml>", "{{ .To }}", "{{",
}

func TestBody(t *testing.T) {
	for _, text := range goodBodies {
		parsed[Body](t, text)
	}
	for _, text := range append(badBodies, "a[0]=b") {
		var body Body
		err := body.UnmarshalText([]byte(text))
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "Nobody", "nothing is quoted")
		require.True(t, body.empty())
	}
}

func TestURL(t *testing.T) {
	for _, text := range []string{
		"https://api.example.com", "https://api.example.com:8443/", "https://api.example.com?to={{ .To }}", "https://[2001:db8::1]/{{ .To }}",
		"http://localhost:8080/x", "http://127.0.0.1", "http://[::1]:80", "http://10.1.2.3/x", "http://192.168.0.1", "http://[fd00::1]/",
		"http://gateway:8080/send", "http://sms.default.svc.cluster.local/send", "http://host.docker.internal:8080", "https://192.0.2.1",
	} {
		parsed[URL](t, text)
	}
	for _, text := range []string{
		"", "api.example.com", "ftp://api.example.com", "HTTP://api.example.com", "https://", "https:///x", "//api.example.com",
		"https://{{ .To }}/x", "https://api.{{ .To }}.example", "{{ .To }}://api.example.com", "https://api.example.com:{{ .To }}/",
		"https://user:hunter2@api.example.com", "https://api.example.com/#hunter2", "https://api.example.com?x=y#hunter2",
		"https://api.example.com\\@hunter2.example/", "https://api.example.com /", "https://api.example.com/a b", "https://api.example.com/%2",
		"https://api.example.com/?hunter2", "https://api.example.com/{{ .Hunter }}", "https://api.example.com/\n", "https://api.example.com:port/",
		"http://api.example.com", "http://192.0.2.1", "http://8.8.8.8", "http://localhost.example.com",
		"http://2130706433", "http://0x7f000001", "http://0x7f.1", "https://127.1", "https://0177.0.0.1", "https://127.0.0.1.", "https://1.2.3.4.5",
		"https://169.254.169.254/latest", "http://169.254.1.1", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[::ffff:169.254.169.254]/",
		"https://[fd00:ec2::254]/", "https://0.0.0.0", "http://[::]", "https://224.0.0.1", "https://[ff02::1]", "https://[64:ff9b::a9fe:a9fe]",
		"https://100.100.100.200", "https://api.example.com:", "https://api.example.com:/x",
	} {
		var u URL
		err := u.UnmarshalText([]byte(text))
		require.Error(t, err, text)
		require.NotContains(t, strings.ToLower(err.Error()), "hunter")
		require.Nil(t, u.origin)
	}
}

func TestHeaders(t *testing.T) {
	got := parsed[Headers](t, "apikey: {{ .Token }}; X-Id:a:{{ .ID }}")
	require.Equal(t, "tok", got["Apikey"].fill(map[string]string{"Token": "tok"}))
	require.Equal(t, "a:1X-Evil: y", got["X-Id"].fill(map[string]string{"ID": "1\r\nX-Evil: y"}), "it stays in its line")
	for _, text := range []string{
		"hunter2", ":hunter2", "X hunter2: x", "X:", "X: hunter2;", "X: a\nY: hunter2", "X: é", "X: a; x: b", "X: {{ .Hunter }}", "X: {{ .Text }}",
		"X: {{ .To }}", "Host: x", "Content-Length: 1", "idempotency-key: {{ .ID }}", "X-Idempotency-Key: 1", "webhook-signature: x",
		"Content-Type: a/b; charset=utf-8",
	} {
		var h Headers
		err := h.UnmarshalText([]byte(text))
		require.Error(t, err, text)
		require.NotContains(t, strings.ToLower(err.Error()), "hunter")
	}
}

func TestSecretsOfSettings(t *testing.T) {
	s, unread := env{
		"URL": "/v1/in-the-path/x?key=in%2Fthe%2Fquery&to={{ .To }}", "HEADERS": "Authorization: App in-a-header",
		"USER": "key-as-user", "PASSWORD": "pass",
		"BODY": `{"k":{"e":["in-the-\"body"]},"n":8839201745,"text":"{{ .Text }}"}`, "SIGNING_SECRET": testSigning,
	}.settings("https://api.example.com")
	require.Empty(t, unread)
	var texts []string
	for _, secret := range s.secrets() {
		texts = append(texts, secret.Reveal())
	}
	require.ElementsMatch(t, []string{"pass", "key-as-user", "in-the-path", "8839201745", testSigning, "in-a-header", "in/the/query", `in-the-"body`}, texts)
	require.IsType(t, providers.Secret{}, s.Token)
}
