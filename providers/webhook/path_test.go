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
		require.Equal(t, want, parsed[Paths](t, path).text(d.value), path)
	}
	require.NoError(t, json.Unmarshal([]byte(`[{"id":7}]`), &d))
	require.Equal(t, "7", parsed[Paths](t, "[0].id").text(d.value))
	require.Empty(t, parsed[Paths](t, "id").text(nil))
	for _, path := range []string{"", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[0]b", "a.[0]", "a b", "a=b", "a;b", "a[99999]", "a,"} {
		var paths Paths
		require.Error(t, paths.UnmarshalText([]byte(path)), path)
	}
}

func TestSuccess(t *testing.T) {
	var d document
	require.NoError(t, json.Unmarshal([]byte(tree), &d))
	for _, test := range []struct {
		rule   string
		status int
		want   verdict
	}{
		{"2xx", 200, yes}, {"2xx", 299, yes}, {"200", 201, no}, {"200,202", 202, yes}, {"200-202", 201, yes}, {" 200 , 204-206 ", 205, yes},
		{"a=text", 200, yes}, {"2xx; a=text", 250, yes}, {"201;a=text", 200, no}, {"a=other", 200, no}, {"a=other, text", 200, yes},
		{"t=true", 200, yes}, {"t=false", 200, no}, {"f=1.50", 200, yes}, {"n=12345678901234567890", 200, yes},
		{"missing=1", 200, silent}, {"z=null", 200, silent}, {"missing=1; a=other", 200, no}, {"a=text; missing=1", 200, silent},
		{"o.l[0].x=1,3; o.k=in", 200, yes},
	} {
		require.Equal(t, test.want, parsed[Success](t, test.rule).judge(test.status, d.value), test.rule)
	}
	for _, rule := range []string{"", "ok", "300", "199", "2000", "202-200", "200-300", "200;201", "200,", "a=", "a=b,", "=b", "2xx;", "a b=c", "a==b", "a!=b", "a>=1", "a~=b"} {
		var s Success
		require.Error(t, s.UnmarshalText([]byte(rule)), rule)
	}
}
