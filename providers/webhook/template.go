package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// placeholders are the names that a template may use.
var placeholders = []string{"To", "ToDigits", "ToNational", "Text", "Code", "From", "ID", "Token"}

var placeholder = regexp.MustCompile(`\{\{ *\.([A-Za-z]+) *\}\}`)

// template is a text with placeholders. Each value is escaped for its place.
type template struct {
	parts  []part
	escape func(string) string
}

// part is a literal text, or the name of a placeholder. The literal is a Secret because it may hold a key.
type part struct {
	literal providers.Secret
	name    string
}

var errPlaceholder = errors.New("want no placeholders but {{ ." + strings.Join(placeholders, " }}, {{ .") + " }}")

func parseTemplate(text string, escape func(string) string) (template, error) {
	t := template{escape: escape}
	add := func(literal string) { t.parts = append(t.parts, part{literal: providers.NewSecret(literal)}) }
	end := 0
	for _, found := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		name := text[found[2]:found[3]]
		if !slices.Contains(placeholders, name) {
			return template{}, errPlaceholder
		}
		add(text[end:found[0]])
		t.parts = append(t.parts, part{name: name})
		end = found[1]
	}
	add(text[end:])
	for _, literal := range t.literals() {
		if strings.Contains(literal, "{{") {
			return template{}, errPlaceholder
		}
	}
	return t, nil
}

func (t template) literals() []string {
	var texts []string
	for _, p := range t.parts {
		if p.name == "" {
			texts = append(texts, p.literal.Reveal())
		}
	}
	return texts
}

// has reports whether one of the placeholders occurs.
func (t template) has(names ...string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name != "" && slices.Contains(names, p.name) })
}

func (t template) fill(values map[string]string) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.literal.Reveal())
			continue
		}
		b.WriteString(t.escape(values[p.name]))
	}
	return b.String()
}

// inJSON escapes for the inside of a JSON string.
func inJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return string(quoted[1 : len(quoted)-1])
}

// inPath escapes for a part of a URL's path. Dots alone are escaped too, because they would lead to another path.
func inPath(text string) string {
	if strings.Trim(text, ".") == "" {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}

// inHeader removes what can't be in a header, such as line breaks.
func inHeader(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}

var (
	formText = regexp.MustCompile(`^(?:[A-Za-z0-9*._~+!$'(),/:@?-]|%[0-9A-Fa-f]{2})*$`)
	pathText = regexp.MustCompile(`^(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$`)
)

// parseForm reads name=value&name=value, as in a URL or in the body of a form.
func parseForm(text string) (template, error) {
	t, err := parseTemplate(text, url.QueryEscape)
	if err != nil {
		return template{}, err
	}
	wanted := errors.New("want name=value&name=value, URL-encoded (%20 for a space), with placeholders in values only")
	for _, literal := range t.literals() {
		if !formText.MatchString(strings.NewReplacer("&", "", "=", "").Replace(literal)) || danglingEscape(literal) {
			return template{}, wanted
		}
	}
	for pair := range strings.SplitSeq(text, "&") {
		name, _, found := strings.Cut(pair, "=")
		if !found || name == "" || strings.Contains(name, "{{") {
			return template{}, wanted
		}
	}
	return t, nil
}

func danglingEscape(literal string) bool {
	_, err := url.QueryUnescape(literal)
	return err != nil
}

// parseJSON reads a JSON text. In valid JSON "{{" is only possible within a string, and therefore all placeholders are in strings.
func parseJSON(text string) (template, error) {
	t, err := parseTemplate(text, inJSON)
	if err != nil {
		return template{}, err
	}
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return template{}, errors.New("want JSON, with every placeholder inside quotes")
	}
	if keyHasPlaceholder(value) {
		return template{}, errors.New("want placeholders in values only, not in the names of JSON fields")
	}
	return t, nil
}

func keyHasPlaceholder(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if strings.Contains(key, "{{") || keyHasPlaceholder(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, keyHasPlaceholder)
	}
	return false
}

// Body is the template of a request's body: JSON if it begins with a brace or a bracket, else a form.
type Body struct {
	template
	json bool
}

// UnmarshalText reads and checks the template.
func (b *Body) UnmarshalText(text []byte) error {
	trimmed := strings.TrimSpace(string(text))
	parse := parseForm
	isJSON := strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "{{")
	if isJSON {
		parse = parseJSON
	}
	t, err := parse(trimmed)
	if err != nil {
		return err
	}
	*b = Body{t, isJSON}
	return nil
}

func (b Body) empty() bool { return len(b.parts) == 0 }

func (b Body) mediaType() string {
	if b.json {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// Headers are further headers of a request.
type Headers map[string]template

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// ownHeaders are those that net/http writes. It would also repeat a written request because of an Idempotency-Key.
var ownHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Idempotency-Key", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "User-Agent", "X-Idempotency-Key", headerID, headerTimestamp, headerSignature,
}

// UnmarshalText reads "Name: value; Name: value".
func (h *Headers) UnmarshalText(text []byte) error {
	headers := Headers{}
	for entry := range strings.SplitSeq(string(text), ";") {
		name, value, found := strings.Cut(entry, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !headerName.MatchString(name) || value == "" || value != inHeader(value) {
			return errors.New("want Name: value; Name: value, without a semicolon in a value")
		}
		name = http.CanonicalHeaderKey(name)
		if _, twice := headers[name]; twice || slices.Contains(ownHeaders, name) {
			return errors.New("want no header twice, and none of " + strings.Join(ownHeaders, ", "))
		}
		t, err := parseTemplate(value, inHeader)
		if err != nil {
			return err
		}
		if t.has("To", "ToDigits", "ToNational", "Text", "Code", "From") {
			return errors.New("want no placeholders but {{ .Token }} and {{ .ID }} in a header")
		}
		headers[name] = t
	}
	*h = headers
	return nil
}
