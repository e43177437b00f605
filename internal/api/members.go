package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// members reads a JSON object whose members have these names. A member that is null counts as absent. encoding/json alone would take the
// last of two members with one name, and skip a name that is misspelled: a message that should be sent later would be sent at once.
func members(body []byte, names ...string) (map[string]json.RawMessage, *Problem) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, notJSON
	}
	read := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil, notJSON
		}
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return nil, notJSON
		}
		if _, twice := read[name]; twice {
			return nil, wrong(shown(name, names), "stands twice in the request")
		}
		if !slices.Contains(names, name) {
			return nil, invalid("The request has a field that is not known; the fields are " + strings.Join(names, ", "))
		}
		read[name] = raw
	}
	if _, err := decoder.Token(); err != nil {
		return nil, notJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, notJSON
	}
	for name, raw := range read {
		if string(raw) == "null" {
			delete(read, name)
		}
	}
	return read, nil
}

// shown is a name if it is one of the names: nothing else that a caller has written is quoted.
func shown(name string, names []string) string {
	if slices.Contains(names, name) {
		return name
	}
	return "same"
}

var notJSON = &Problem{Status: http.StatusBadRequest, Code: InvalidRequest, Message: "The body must be a JSON object"}
