package webhook

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Success is how an accepted message differs from a refused one.
type Success struct {
	statuses   [][2]int // from, to
	conditions []condition
}

// condition requires that the value at a place in the JSON is one of the values, or that a pattern matches in the text.
type condition struct {
	at      path
	values  []string
	pattern *regexp.Regexp // nil for JSON
}

var statuses = regexp.MustCompile(`^(2\d\d)(?:-(2\d\d))?$`)

// UnmarshalText reads statuses and conditions, such as "200-299; messages[0].status.groupId=1,3; type=success" or "2xx; body=^00".
func (s *Success) UnmarshalText(text []byte) error {
	wanted := errors.New("want statuses from 200 to 299, and conditions that all hold: 200,202; type=success; messages[0].status=1,3; or body=^00 for a text")
	var success Success
	for entry := range strings.SplitSeq(string(text), ";") {
		place, values, isCondition := strings.Cut(entry, "=")
		if isCondition && strings.TrimSpace(place) == inBody {
			pattern, err := regexp.Compile(strings.TrimSpace(values))
			if err != nil || pattern.MatchString("") || strings.HasPrefix(values, "=") {
				return wanted // a pattern that matches an empty text would prove nothing
			}
			success.conditions = append(success.conditions, condition{pattern: pattern})
			continue
		}
		if isCondition {
			at, err := parsePath(place)
			if err != nil || strings.HasPrefix(values, "=") || strings.ContainsAny(place, "!<>~") {
				return wanted // a condition with "==" or "!=" would never be true
			}
			success.conditions = append(success.conditions, condition{at: at, values: splitList(values)})
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

// outcome is what an answer says.
type outcome int

const (
	yes outcome = iota
	no
	silent // the value of a condition is missing
)

func (s Success) judge(status int, a content) outcome {
	if !slices.ContainsFunc(s.statuses, func(r [2]int) bool { return r[0] <= status && status <= r[1] }) {
		return no
	}
	result := yes
	for _, c := range s.conditions {
		switch c.in(a) {
		case no:
			return no
		case silent:
			result = silent
		}
	}
	return result
}

func (c condition) in(a content) outcome {
	if c.pattern != nil {
		return c.matches(a.text)
	}
	value, found := c.at.text(a.json)
	switch {
	case !found:
		return silent
	case slices.Contains(c.values, value):
		return yes
	}
	return no
}

func (c condition) matches(text string) outcome {
	switch {
	case text == "":
		return silent
	case c.pattern.MatchString(text):
		return yes
	}
	return no
}

// readJSON reports whether a condition needs the answer's JSON.
func (s Success) readJSON() bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool { return c.pattern == nil })
}
