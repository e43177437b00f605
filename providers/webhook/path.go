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

// path leads to a value in a JSON document: "messages[0].status.groupId". A step is a string or an int.
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

// Paths are places where a value may stand. The first that has one counts.
type Paths []path

// UnmarshalText reads one path, or several joined by commas.
func (l *Paths) UnmarshalText(text []byte) error {
	var paths Paths
	for one := range strings.SplitSeq(string(text), ",") {
		p, err := parsePath(one)
		if err != nil {
			return err
		}
		paths = append(paths, p)
	}
	*l = paths
	return nil
}

func (l Paths) text(value any) string {
	for _, p := range l {
		if text, found := p.text(value); found && text != "" {
			return text
		}
	}
	return ""
}

// document is any JSON, with numbers as they were written: an id may have more digits than a float.
type document struct{ value any }

// UnmarshalJSON is called with JSON only.
func (d *document) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(&d.value)
}

// Success tells an accepted message from a refused one.
type Success struct {
	statuses   [][2]int // from, to
	conditions []condition
}

// condition is that the value at a place is one of these.
type condition struct {
	at     path
	values []string
}

var statuses = regexp.MustCompile(`^(2\d\d)(?:-(2\d\d))?$`)

// UnmarshalText reads statuses and conditions, such as "200-299; messages[0].status.groupId=1,3; type=success".
func (s *Success) UnmarshalText(text []byte) error {
	wanted := errors.New("want statuses from 200 to 299, and conditions that all hold: 200,202; type=success; messages[0].status=1,3")
	var success Success
	for entry := range strings.SplitSeq(string(text), ";") {
		place, values, isCondition := strings.Cut(entry, "=")
		if isCondition {
			at, err := parsePath(place)
			if err != nil || strings.HasPrefix(values, "=") || strings.ContainsAny(place, "!<>~") {
				return wanted // a "==" or "!=" would be a condition that nothing meets
			}
			success.conditions = append(success.conditions, condition{at, splitList(values)})
			continue
		}
		if success.statuses != nil {
			return wanted
		}
		for _, one := range splitList(entry) {
			from, to, ok := statusRange(one)
			if !ok {
				return wanted
			}
			success.statuses = append(success.statuses, [2]int{from, to})
		}
	}
	for _, c := range success.conditions {
		if slices.Contains(c.values, "") {
			return wanted
		}
	}
	if success.statuses == nil {
		success.statuses = [][2]int{{200, 299}}
	}
	*s = success
	return nil
}

func splitList(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func statusRange(text string) (from, to int, ok bool) {
	if text == "2xx" {
		return 200, 299, true
	}
	found := statuses.FindStringSubmatch(text)
	if found == nil {
		return 0, 0, false
	}
	from, _ = strconv.Atoi(found[1]) // three digits
	to = from
	if found[2] != "" {
		to, _ = strconv.Atoi(found[2])
	}
	return from, to, from <= to
}

// verdict is what an answer with a success's status says.
type verdict int

const (
	yes verdict = iota
	no
	silent // it doesn't say what it should
)

func (s Success) judge(status int, body any) verdict {
	if !slices.ContainsFunc(s.statuses, func(r [2]int) bool { return r[0] <= status && status <= r[1] }) {
		return no
	}
	said := yes
	for _, c := range s.conditions {
		value, found := c.at.text(body)
		if found && !slices.Contains(c.values, value) {
			return no
		}
		if !found {
			said = silent
		}
	}
	return said
}
