package webhook

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/smshook/smshook/providers"
)

// minSecret is how long a text in the settings must be to count as a key, in bytes. Shorter texts, such as "sms", would mask ordinary
// words in errors.
const minSecret = 8

// secrets are masked in every error: the credentials, and what may be a key in the headers, the path, the query and the body, because
// operators put keys there too.
func (s Settings) secrets() []providers.Secret {
	list := []providers.Secret{}
	add := func(text string, least int) {
		if len(text) >= least {
			list = append(list, providers.NewSecret(text))
		}
	}
	add(s.Token.Reveal(), minSecret/2)
	add(s.Password.Reveal(), minSecret/2)
	add(s.User, minSecret) // some gateways want a key as the user
	add(s.SigningSecret.Reveal(), 1)
	for _, text := range s.Headers {
		for _, literal := range text.literals() {
			for word := range strings.FieldsSeq(literal) {
				add(word, minSecret)
			}
		}
	}
	for _, literal := range s.URL.path.literals() {
		for segment := range strings.SplitSeq(literal, "/") {
			add(segment, minSecret)
		}
	}
	for _, text := range append(formValues(s.URL.query), s.Body.values()...) {
		add(text, minSecret)
	}
	return list
}

// formValues returns the values of a form without placeholders.
func formValues(form template) []string {
	var list []string
	for _, literal := range form.literals() {
		for pair := range strings.SplitSeq(literal, "&") {
			value := pair[strings.Index(pair, "=")+1:]
			decoded, _ := url.QueryUnescape(value) // parseForm has checked it
			list = append(list, decoded)
		}
	}
	return list
}

func (b Body) values() []string {
	if !b.json {
		return formValues(b.template)
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(b.template.fill(nil)))
	decoder.UseNumber()
	_ = decoder.Decode(&value) // parseJSON has checked it
	return jsonValues(value)
}

func jsonValues(value any) []string {
	var list []string
	switch value := value.(type) {
	case string:
		list = append(list, value)
	case json.Number:
		list = append(list, value.String())
	case map[string]any:
		for _, inner := range value {
			list = append(list, jsonValues(inner)...)
		}
	case []any:
		for _, inner := range value {
			list = append(list, jsonValues(inner)...)
		}
	}
	return list
}
