package call

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Scalar is a JSON text or number, as text: providers write the same code now as 21211 and now as "21211". Anything else is
// empty, since no answer should become unreadable because of a field that only tells more.
type Scalar string

// UnmarshalJSON never fails. It is given one whole value, whose kind shows in its first character.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	switch c := data[0]; {
	case c == '"' && !bytes.ContainsRune(data, '\\') && utf8.Valid(data): // as nearly all are: it stands there as it is
		*s = Scalar(bytes.TrimSpace(data[1 : len(data)-1]))
	case c == '"':
		var text string
		_ = json.Unmarshal(data, &text) // a whole text is always readable
		*s = Scalar(strings.TrimSpace(text))
	case c == '-' || '0' <= c && c <= '9':
		*s = Scalar(data)
	}
	return nil
}
