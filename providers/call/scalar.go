package call

import (
	"encoding/json"
	"strings"
)

// Scalar is a JSON text or number, as text: carriers write the same code now as 21211 and now as "21211". Anything else is
// empty, since no answer should become unreadable because of a field that only tells more.
type Scalar string

// UnmarshalJSON never fails. It is given one whole value, whose kind shows in its first character.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	switch c := data[0]; {
	case c == '"':
		var text string
		_ = json.Unmarshal(data, &text) // a whole text is always readable
		*s = Scalar(strings.TrimSpace(text))
	case c == '-' || '0' <= c && c <= '9':
		*s = Scalar(data)
	}
	return nil
}
