package call

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Scalar is a JSON string or number, as text: providers write the same code sometimes as 21211 and sometimes as "21211". Any other
// value becomes empty, because one unexpected field shouldn't make an answer unreadable.
type Scalar string

// UnmarshalJSON never fails. The data is one whole value, and its first character shows its type.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	switch c := data[0]; {
	case c == '"' && !bytes.ContainsRune(data, '\\') && utf8.Valid(data): // the usual case: nothing to decode
		*s = Scalar(bytes.TrimSpace(data[1 : len(data)-1]))
	case c == '"':
		var text string
		_ = json.Unmarshal(data, &text) // a whole string can always be read
		*s = Scalar(strings.TrimSpace(text))
	case c == '-' || '0' <= c && c <= '9':
		*s = Scalar(data)
	}
	return nil
}
