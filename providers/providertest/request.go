package providertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what this run got into the golden files")

// Request is a whole request to a Fake.
type Request struct {
	Method string
	Target string // path and query, as they came
	Proto  string
	Host   string
	Header http.Header
	Body   string

	Taken bool // the Fake answered with a success, or not at all: a message may have been sent
}

// String writes r in a readable form. Two requests with the same meaning give the same text: headers and form fields are sorted, Basic
// credentials are decoded, JSON is indented. Content-Length is left out, because the server has checked it.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", r.Method, r.Target, r.Proto)
	for _, name := range sorted(r.Header) {
		if name == "Content-Length" {
			continue
		}
		for _, value := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, readableHeader(value))
		}
	}
	if r.Body != "" {
		fmt.Fprintf(&b, "\n%s\n", r.readableBody())
	}
	return b.String()
}

func sorted(h http.Header) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func readableHeader(value string) string {
	encoded, ok := strings.CutPrefix(value, "Basic ")
	if !ok {
		return value
	}
	credentials, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return value
	}
	return "Basic, decoded: " + string(credentials)
}

func (r Request) readableBody() string {
	switch mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); mediaType {
	case "application/x-www-form-urlencoded":
		return readableForm(r.Body)
	case "application/json":
		return readableJSON(r.Body)
	}
	return r.Body
}

func readableForm(body string) string {
	form, err := url.ParseQuery(body)
	if err != nil {
		return "not a form: " + body
	}
	var lines []string
	for name, values := range form {
		for _, value := range values {
			lines = append(lines, name+"="+strings.ReplaceAll(value, "\n", "\n\t"))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func readableJSON(body string) string {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return "not JSON: " + body
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return "not JSON: " + body
	}
	return strings.TrimSpace(b.String())
}

// Golden compares got with the file at path, or writes it there under -update.
func Golden(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update, and look at what it wrote")
	require.Equal(t, string(want), got, path)
}
