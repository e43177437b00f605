package providertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withEach returns copies of a body. In each copy, one value is replaced by an echo, or has an echo beside it. The body is JSON or a form.
// Any other text is one value.
func withEach(body, echo string) []string {
	if root, ok := decoded(body); ok {
		return withEachValue(root, echo)
	}
	form, err := url.ParseQuery(body)
	if err != nil || !strings.Contains(body, "=") {
		return beside(body, echo)
	}
	var bodies []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range beside(form.Get(name), echo) {
			changed := maps.Clone(form)
			changed[name] = []string{value}
			bodies = append(bodies, changed.Encode())
		}
	}
	return bodies
}

func withEachValue(root any, echo string) []string {
	var bodies []string
	eachValue(root, func(v any) { root = v }, func(value any, set func(any)) {
		switch value.(type) {
		case map[string]any, []any:
			return
		}
		for _, text := range beside(fmt.Sprint(value), echo) {
			set(text)
			bodies = append(bodies, encoded(root))
		}
		if _, err := strconv.ParseUint(echo, 10, 64); err == nil && echo[0] != '0' {
			set(json.Number(echo))
			bodies = append(bodies, encoded(root))
		}
		set(value)
	})
	return bodies
}

func beside(value, echo string) []string {
	return []string{echo, value + " " + echo, echo + " " + value}
}

// decoded returns the content of JSON that is an object or a list.
func decoded(body string) (value any, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if !json.Valid([]byte(body)) || decoder.Decode(&value) != nil {
		return nil, false
	}
	switch value.(type) {
	case map[string]any, []any:
		return value, true
	}
	return nil, false
}

func encoded(value any) string {
	text, _ := json.Marshal(value) // what was decoded always marshals
	return string(text)
}

// echoedNames sends a message to a provider that repeats what it was sent, in each field of a success. The names in
// [providers.Sent] are logged, and may hold none of it, nor any other text.
func echoedNames(t *testing.T, c Provider) {
	f := NewPipeFake(t)
	p := c.open(t, f)
	for _, echo := range append(Echoes(c.Secrets), quoted) {
		for _, body := range withEach(c.Accepted.Body, echo) {
			answer := c.Accepted
			answer.Body = body
			f.Answer(answer)
			sent, err := p.Send(t.Context(), Message())
			if err != nil {
				c.clean(t, err)
				continue
			}
			AssertClean(t, strings.Join(sent.IDs, "\n"), append([]string{quoted}, c.Secrets...)...)
		}
	}
}

// quoted is any text that an error could quote, or that could pass as a name. No error has a tilde of its own.
const quoted = "~quoted~"

// receiptEchoes are what a provider may repeat anywhere in a receipt.
func receiptEchoes() []string {
	m := Message()
	digits := strings.TrimPrefix(m.To.Reveal(), "+")
	return []string{m.To.Reveal(), digits, "00" + digits, national, m.National.Reveal(), m.Code.Reveal(), m.Text.Reveal(), quoted}
}

// echoedReceipts makes signed calls that repeat the number, the code and the text. IDs and codes of receipts are logged.
func echoedReceipts(c *signedCall) {
	for _, echo := range receiptEchoes() {
		for _, body := range withEach(c.Body, echo) {
			c.sign(body)
			c.clean()
		}
	}
}

// anotherField makes a signed call with a field that the provider doesn't have yet.
func anotherField(c *signedCall) {
	for _, echo := range receiptEchoes() {
		body := c.Body + "&new_field=" + url.QueryEscape(echo)
		if root, ok := decoded(c.Body); ok {
			object, isObject := root.(map[string]any)
			if !isObject {
				return
			}
			object["new_field"] = echo
			body = encoded(object)
		}
		c.sign(body)
		c.accepted()
	}
}

// brokenBodies makes calls whose body can't be read, with a signature of this body and with that of another.
func brokenBodies(c *signedCall) {
	bodies := []string{quoted, "%~~", `{"` + quoted, `{"x":` + quoted + `}`, c.Body + "&x=%~~", c.Body + "~"}
	if half := len(c.Body) / 2; half > 0 {
		bodies = append(bodies, c.Body[:half]+"%~~"+c.Body[half:])
	}
	for _, body := range bodies {
		c.sign(body)
		c.clean()
		c.sign(c.Body)
		c.body = []byte(body)
		c.clean()
	}
}

// clean makes the call, with any result, and requires that nothing in the result repeats the call.
func (c *signedCall) clean() {
	c.t.Helper()
	receipts, err := c.receiver.Receipts(c.request(), c.body)
	if err != nil {
		require.Empty(c.t, receipts)
		c.unquoted(err)
	}
	for _, receipt := range receipts {
		AssertClean(c.t, receipt.ID, quoted)
		AssertClean(c.t, receipt.Code, quoted)
	}
}

// unquoted requires that the text of an error doesn't quote the call.
func (c *signedCall) unquoted(err error) {
	c.t.Helper()
	AssertClean(c.t, err.Error(), quoted)
	require.NotContains(c.t, err.Error(), "~")
	for _, name := range c.added {
		if value := c.header.Get(name); value != "" {
			require.NotContains(c.t, err.Error(), value)
		}
	}
}
