package providertest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// hostileCounts can't be numbers of segments.
var hostileCounts = []any{
	"-1", "17", "99999999999999999999", "1e9", "0x10", "NaN", "", "-9223372036854775808",
	json.Number("-1"), json.Number("17"), json.Number("1e400"), json.Number("-0.5"), json.Number("9223372036854775807"),
	nil, true, []any{}, map[string]any{},
}

// A count of segments becomes a metric, from which costs are computed. With any value at any place in an answer, Sent.Parts is between 0
// and [providers.MostParts].
func segmentCounts(t *testing.T, c Provider) {
	decoder := json.NewDecoder(strings.NewReader(c.Accepted.Body))
	decoder.UseNumber()
	var body any
	if err := decoder.Decode(&body); err != nil {
		t.Skip("the answer isn't JSON")
	}
	f := NewFake(t)
	p := c.open(t, f)
	send := func() {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		answer := c.Accepted
		answer.Body = string(text)
		f.Answer(answer)
		sent, err := p.Send(t.Context(), Message())
		if err != nil {
			c.clean(t, err)
			return
		}
		require.True(t, 0 <= sent.Parts && sent.Parts <= providers.MostParts, "%d parts of %.300s", sent.Parts, text)
	}
	eachValue(body, func(v any) { body = v }, func(value any, set func(any)) {
		if list, ok := value.([]any); ok {
			set(repeat(list, 100))
			send()
		}
		for _, hostile := range hostileCounts {
			set(hostile)
			send()
		}
		set(value)
	})
}

func repeat(list []any, times int) []any {
	var long []any
	for range times {
		long = append(long, list...)
	}
	return long
}

// eachValue visits all values in a JSON value, with a function that replaces the value.
func eachValue(value any, set func(any), visit func(value any, set func(any))) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			eachValue(inner, func(v any) { value[name] = v }, visit)
		}
	case []any:
		for i, inner := range value {
			eachValue(inner, func(v any) { value[i] = v }, visit)
		}
	}
	visit(value, set)
}
