package webhook

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/smshook/smshook/providers"
)

// telling is how long a text of the operator's must be to be taken for a key. Shorter ones, such as "sms", would only
// take words out of errors.
const telling = 8

// secrets are what no error may show: the credentials, and whatever stands in headers, the query and the body and may be
// one, as keys are put there in spite of TOKEN.
func (s Settings) secrets() []providers.Secret {
	list := []providers.Secret{}
	add := func(text string, least int) {
		if len(text) >= least {
			list = append(list, providers.NewSecret(text))
		}
	}
	add(s.Token.Reveal(), telling/2)
	add(s.Password.Reveal(), telling/2)
	add(s.User, telling) // some gateways take a key for one
	add(s.SigningSecret.Reveal(), 1)
	for _, text := range s.Headers {
		for _, literal := range text.literals() {
			for word := range strings.FieldsSeq(literal) {
				add(word, telling)
			}
		}
	}
	for _, literal := range s.URL.path.literals() {
		for segment := range strings.SplitSeq(literal, "/") {
			add(segment, telling)
		}
	}
	for _, text := range append(formValues(s.URL.query), s.Body.values()...) {
		add(text, telling)
	}
	return list
}

// formValues are the texts between names and placeholders.
func formValues(form template) []string {
	var list []string
	for _, literal := range form.literals() {
		for pair := range strings.SplitSeq(literal, "&") {
			value := pair[strings.Index(pair, "=")+1:]
			decoded, _ := url.QueryUnescape(value) // parseForm has tried it
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
	_ = decoder.Decode(&value) // parseJSON has tried it
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
