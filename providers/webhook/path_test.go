package webhook

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

const tree = `{"a":"text","n":12345678901234567890,"f":1.50,"t":true,"z":null,"o":{"k":"in","l":[{"x":1},[2,3]]},"":"empty"}`

func TestPath(t *testing.T) {
	var d document
	require.NoError(t, json.Unmarshal([]byte(tree), &d))
	for path, want := range map[string]string{
		"a": "text", "n": "12345678901234567890", "f": "1.50", "t": "true", "o.k": "in", "o.l[0].x": "1", "o.l[1][1]": "3", " a ": "text",
		"a,n": "text", "missing,a": "text", "z,o.k": "in",
		"z": "", "o": "", "o.l": "", "o.l[2]": "", "o.l.x": "", "a.b": "", "a[0]": "", "missing.deep[0]": "", "[0]": "",
	} {
		require.Equal(t, want, parsed[Places](t, path).in(content{json: d.value}), path)
	}
	require.NoError(t, json.Unmarshal([]byte(`[{"id":7}]`), &d))
	require.Equal(t, "7", parsed[Places](t, "[0].id").in(content{json: d.value}))
	require.Empty(t, parsed[Places](t, "id").in(content{}))
	for _, path := range []string{"", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[0]b", "a.[0]", "a b", "a=b", "a;b", "a[99999]", "a,",
		"body=", "body=id", "body=(", "body=(a)(b)", "body=(?:a)", "a,body=x", "a=body=(b)"} {
		var places Places
		require.Error(t, places.UnmarshalText([]byte(path)), path)
	}
}

func TestPlaceInText(t *testing.T) {
	for _, test := range []struct{ place, text, want string }{
		{"body=^00 (.*)$", "00 123", "123"},
		{"body=^00 (.*)$", "30 wrong credentials", ""},
		{"body=^(\\d+)", "30 wrong credentials", "30"},
		{" body = id: (\\w+) ", "OK id: x1\nqueued", "x1"},
		{"body=(a{1,3}),(?:b)", "-aaa,b", "aaa"}, // the commas are its own
		{"id,body=(\\d+)", "OK 7", "7"},
		{"body=(a*)", "b", ""},
		{"body=(a)", "", ""},
	} {
		require.Equal(t, test.want, parsed[Places](t, test.place).in(content{text: test.text}), "%s in %q", test.place, test.text)
	}
}

func TestSuccess(t *testing.T) {
	var d document
	require.NoError(t, json.Unmarshal([]byte(tree), &d))
	for _, test := range []struct {
		rule   string
		status int
		want   outcome
	}{
		{"2xx", 200, yes}, {"2xx", 299, yes}, {"200", 201, no}, {"200,202", 202, yes}, {"200-202", 201, yes}, {" 200 , 204-206 ", 205, yes},
		{"a=text", 200, yes}, {"2xx; a=text", 250, yes}, {"201;a=text", 200, no}, {"a=other", 200, no}, {"a=other, text", 200, yes},
		{"t=true", 200, yes}, {"t=false", 200, no}, {"f=1.50", 200, yes}, {"n=12345678901234567890", 200, yes},
		{"missing=1", 200, silent}, {"z=null", 200, silent}, {"missing=1; a=other", 200, no}, {"a=text; missing=1", 200, silent},
		{"o.l[0].x=1,3; o.k=in", 200, yes},
		{"body=\"text\"", 200, yes}, {"2xx; body=nothing; a=text", 200, no}, {"body=^{; a=other", 200, no}, {"body=^{; missing=1", 200, silent},
	} {
		require.Equal(t, test.want, parsed[Success](t, test.rule).judge(test.status, content{tree, d.value}), test.rule)
	}
	for _, test := range []struct {
		rule, text string
		want       outcome
	}{
		{"2xx; body=^00", "00 1234", yes}, {"2xx; body=^00", "30", no}, {"2xx; body=^00", "1 00", no}, {"2xx; body=^00", "", silent},
		{"body=^(0|1),\\d{2,3}$", "1,123", yes}, {" body = (?i)^ok ", "Ok, queued", yes}, {"body=^OK;body=id", "OK", no},
	} {
		require.Equal(t, test.want, parsed[Success](t, test.rule).judge(200, content{text: test.text}), "%s of %q", test.rule, test.text)
	}
	for _, rule := range []string{"", "ok", "300", "199", "2000", "202-200", "200-300", "200;201", "200,", "a=", "a=b,", "=b", "2xx;", "a b=c", "a==b", "a!=b", "a>=1", "a~=b",
		"body=", "body= ", "body==0", "body=(", "body=.*", "body=^$", "body!=0"} {
		var s Success
		require.Error(t, s.UnmarshalText([]byte(rule)), rule)
	}
}
