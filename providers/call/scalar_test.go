package call_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/call"
)

func TestScalar(t *testing.T) {
	for _, test := range []struct {
		json string
		want call.Scalar
	}{
		{`"21211"`, "21211"},
		{`21211`, "21211"},
		{`"a text \u00e9"`, "a text é"},
		{`" a text é\t"`, "a text é"},
		{`" a text é "`, "a text é"},
		{"\"a\xfftext\"", "a\ufffdtext"},
		{`1.50`, "1.50"},
		{`12345678901234567890`, "12345678901234567890"}, // as it was written, not by way of a float
		{`-1e3`, "-1e3"},
		{`""`, ""},
		{`null`, ""},
		{`true`, ""},
		{`[1]`, ""},
		{`{"a":"b"}`, ""},
	} {
		var v struct {
			S    call.Scalar
			Next string
		}
		require.NoError(t, json.Unmarshal([]byte(`{"S":`+test.json+`,"Next":"read"}`), &v), test.json)
		require.Equal(t, test.want, v.S, test.json)
		require.Equal(t, "read", v.Next, test.json)
	}
}
