package call

import (
	"encoding/json"
	"strings"
)

// Scalar is a JSON text or number, as text: carriers write the same code now as 21211 and now as "21211". Anything else is
// empty, since no answer should become unreadable because of a field that only tells more.
type Scalar string

// UnmarshalJSON never fails.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(data, &text) == nil:
		*s = Scalar(strings.TrimSpace(text))
	case json.Unmarshal(data, &number) == nil:
		*s = Scalar(number)
	}
	return nil
}
