package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// path is the way to a value in a JSON document: "messages[0].status.groupId". A step is a string or an int.
type path []any

var step = regexp.MustCompile(`^([^\s.,;=\[\]]*)((?:\[\d{1,4}\])*)$`)

var errPath = errors.New("want the way to a value in the answer's JSON, such as messages[0].status.id")

func parsePath(text string) (path, error) {
	var p path
	for i, name := range strings.Split(strings.TrimSpace(text), ".") {
		found := step.FindStringSubmatch(name)
		if found == nil || name == "" || found[1] == "" && i > 0 {
			return nil, errPath
		}
		if found[1] != "" {
			p = append(p, found[1])
		}
		for digits := range strings.FieldsFuncSeq(found[2], func(r rune) bool { return r == '[' || r == ']' }) {
			index, _ := strconv.Atoi(digits) // four digits at most
			p = append(p, index)
		}
	}
	return p, nil
}

// text returns the value as text; it must be a text, a number or a boolean.
func (p path) text(value any) (string, bool) {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return "", false
			}
			value = list[step]
		}
	}
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	}
	return "", false
}

// place is where a value is in an answer: a path in its JSON, or the group of a pattern in its text.
type place struct {
	at      path
	pattern *regexp.Regexp // nil for JSON
}

// inBody begins a pattern for the answer's text. Not all gateways answer in JSON.
const inBody = "body"

// in returns the value, if the answer has one.
func (p place) in(a content) (string, bool) {
	if p.pattern == nil {
		return p.at.text(a.json)
	}
	found := p.pattern.FindStringSubmatch(a.text)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// Places are where a value may be. The first place with a value counts.
type Places []place

// UnmarshalText reads one path, or several with commas between them. The last may be a pattern, body=ID: (\w+), which may have commas.
func (l *Places) UnmarshalText(text []byte) error {
	var places Places
	for rest, more := string(text), true; more; {
		name, pattern, isPattern := strings.Cut(rest, "=")
		if isPattern && strings.TrimSpace(name) == inBody {
			compiled, err := regexp.Compile(strings.TrimSpace(pattern))
			if err != nil || compiled.NumSubexp() != 1 {
				return errors.New(`want a pattern with one group behind body=, such as body=ID: (\w+)`)
			}
			places = append(places, place{pattern: compiled})
			break
		}
		var one string
		one, rest, more = strings.Cut(rest, ",")
		at, err := parsePath(one)
		if err != nil {
			return err
		}
		places = append(places, place{at: at})
	}
	*l = places
	return nil
}

func (l Places) in(a content) string {
	for _, p := range l {
		if text, found := p.in(a); found && text != "" {
			return text
		}
	}
	return ""
}

// readText reports whether one of the places is in the text. Then the answer doesn't have to be JSON.
func (l Places) readText() bool {
	return slices.ContainsFunc(l, func(p place) bool { return p.pattern != nil })
}

// content is what an answer's body says: as text, without the blanks around it, and as JSON, if it is that.
type content struct {
	text string
	json any
}

// document is any JSON, with numbers as they were written: an id may have more digits than a float.
type document struct{ value any }

// UnmarshalJSON is called with JSON only.
func (d *document) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(&d.value)
}
