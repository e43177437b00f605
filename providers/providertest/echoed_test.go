package providertest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithEach(t *testing.T) {
	for _, test := range []struct {
		body, echo string
		want       []string
	}{
		{`{"a":[1]}`, "x", []string{`{"a":["x"]}`, `{"a":["1 x"]}`, `{"a":["x 1"]}`}},
		{`["a"]`, "44", []string{`["44"]`, `["a 44"]`, `["44 a"]`, `[44]`}},
		{`["a"]`, "044", []string{`["044"]`, `["a 044"]`, `["044 a"]`}}, // no number in JSON begins with 0
		{"b=1&a=2", "+4", []string{"a=%2B4&b=1", "a=2+%2B4&b=1", "a=%2B4+2&b=1", "a=2&b=%2B4", "a=2&b=1+%2B4", "a=2&b=%2B4+1"}},
		{"OK 17", "x", []string{"x", "OK 17 x", "x OK 17"}},
		{"17", "x", []string{"x", "17 x", "x 17"}},
	} {
		require.Equal(t, test.want, withEach(test.body, test.echo), test.body)
	}
}
