package providers_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

const hidden = "482913é"

// The type, and the type of a string, are what fmt treats differently from one place to another.
type holder struct {
	Shown  providers.Secret
	inside providers.Secret
	nested struct{ deep []providers.Secret }
	Ptr    *providers.Secret
	ptr    *providers.Secret
	any    any
	Map    map[string]providers.Secret
	inMap  map[string]providers.Secret
}

func newHolder() holder {
	s := providers.NewSecret(hidden)
	h := holder{Shown: s, inside: s, Ptr: &s, ptr: &s, any: s}
	h.nested.deep = []providers.Secret{s}
	h.Map = map[string]providers.Secret{"k": s}
	h.inMap = h.Map
	return h
}

// places are the values through which a secret is printed.
func places() map[string]any {
	s := providers.NewSecret(hidden)
	h := newHolder()
	return map[string]any{
		"itself":           s,
		"pointer":          &s,
		"struct":           h,
		"pointer to one":   &h,
		"slice":            []providers.Secret{s},
		"slice of holders": []holder{h},
		"array":            [1]providers.Secret{s},
		"map":              map[string]providers.Secret{"k": s},
		"map of pointers":  map[string]*providers.Secret{"k": &s},
		"any":              []any{s, &s, h},
		"message":          providers.Message{To: s, Text: s, Code: s},
		"error":            &providers.Error{Err: fmt.Errorf("saw %v in %v", s, h)},
	}
}

// traces are the texts in which the verbs of fmt would show a secret, or its first bytes.
func traces() []string {
	return []string{
		hidden,
		fmt.Sprintf("%x", hidden), fmt.Sprintf("%X", hidden), fmt.Sprintf("% x", hidden),
		fmt.Sprintf("%+q", hidden),
		strings.Trim(fmt.Sprint([]byte(hidden)), "[]"), // as %d shows bytes
		"482913",
	}
}

func requireHidden(t *testing.T, text string) {
	t.Helper()
	for _, trace := range traces() {
		require.NotContains(t, text, trace)
	}
}

func TestSecretPrinted(t *testing.T) {
	verbs := "vTtbcdoOqxXUeEfFgGspw" + "yZ" // and two that don't exist
	for place, value := range places() {
		for _, verb := range verbs {
			for _, flags := range []string{"", "[9]", "+", "#", "-9", " ", "0", ".3", "+#", "40.30"} {
				format := "%" + flags + string(verb)
				requireHidden(t, fmt.Sprintf(format, value))
				requireHidden(t, fmt.Errorf(format, value).Error())
			}
		}
		requireHidden(t, fmt.Sprint(value))
		requireHidden(t, fmt.Sprintln(value))
		requireHidden(t, fmt.Sprintf("%[3]*.[2]*[1]v", value, 2, 3))
		require.NotEmpty(t, place)
	}
}

func TestSecretShown(t *testing.T) {
	s := providers.NewSecret(hidden)
	for _, test := range []struct{ got, want string }{
		{fmt.Sprintf("%v|%s|%q|%d|%x|%#v|%+v", s, s, s, s, s, s, s),
			"[secret]|[secret]|[secret]|[secret]|[secret]|[secret]|[secret]"},
		{fmt.Sprintf("%v|%s", &s, &s), "[secret]|[secret]"},
		{fmt.Sprintf("%T", s), "providers.Secret"},
		{fmt.Sprint(providers.Secret{}, "|", providers.NewSecret("")), "|"},
		{fmt.Sprintf("%v", struct{ A, B providers.Secret }{A: s}), "{[secret] }"},
		{fmt.Sprintf("%+v", map[string]providers.Secret{"k": s}), "map[k:[secret]]"},
	} {
		require.Equal(t, test.want, test.got)
	}
}

func TestSecretPanic(t *testing.T) {
	for _, value := range places() {
		func() {
			defer func() { requireHidden(t, fmt.Sprint(recover())) }()
			panic(value)
		}()
	}
}

func TestSecretMarshalled(t *testing.T) {
	s := providers.NewSecret(hidden)
	got, err := json.Marshal(map[string]any{"value": s, "pointer": &s, "none": providers.Secret{}, "list": []providers.Secret{s}})
	require.NoError(t, err)
	require.JSONEq(t, `{"value":"[secret]","pointer":"[secret]","none":"","list":["[secret]"]}`, string(got))

	for _, value := range places() {
		got, err := json.Marshal(value)
		require.NoError(t, err)
		requireHidden(t, string(got))
	}
	got, err = xml.Marshal(struct {
		XMLName xml.Name         `xml:"x"`
		S       providers.Secret `xml:"s,attr"`
	}{S: s})
	require.NoError(t, err)
	requireHidden(t, string(got))
}

func TestSecretLogged(t *testing.T) {
	s := providers.NewSecret(hidden)
	var b bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		log := slog.New(handler)
		log.Info("one", "value", s)
		require.Contains(t, b.String(), "[secret]")
		for place, value := range places() {
			log.Info("all", place, value, slog.Group("group", "value", value), "error", fmt.Errorf("%v", value))
		}
		log.With("value", s).WithGroup("g").Info("with", "pointer", &s)
	}
	requireHidden(t, b.String())
	require.Equal(t, slog.StringValue("[secret]"), s.LogValue(), "a handler of somebody else's may look no further")
	require.Equal(t, slog.StringValue(""), providers.Secret{}.LogValue())
}

func TestSecretUnmarshalled(t *testing.T) {
	for _, text := range []string{"", "x", " with spaces \n", "\x00\xff", hidden} {
		var s providers.Secret
		raw := []byte(text)
		require.NoError(t, s.UnmarshalText(raw))
		clear(raw) // the caller may use its slice again
		require.Equal(t, text, s.Reveal())
		require.Equal(t, text == "", s.Empty())
	}
	var fields struct{ S providers.Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"S":"x\ny"}`), &fields))
	require.Equal(t, "x\ny", fields.S.Reveal())

	require.Equal(t, "", providers.Secret{}.Reveal())
	require.True(t, providers.Secret{}.Empty())
}

// == would tell by the time it takes how much of a guess is right, and would compare the pointers anyway.
func TestSecretNotComparable(t *testing.T) {
	require.False(t, reflect.TypeFor[providers.Secret]().Comparable())
	require.False(t, reflect.TypeFor[providers.Message]().Comparable())
	require.Panics(t, func() { _ = any(providers.NewSecret("a")) == any(providers.NewSecret("a")) })
	require.Equal(t, reflect.TypeFor[*string]().Size(), reflect.TypeFor[providers.Secret]().Size(), "the guard takes no room")
}

func TestProblem(t *testing.T) {
	err := errors.Join(
		providers.Problem{Setting: "FROM", Want: "is missing"},
		providers.Problem{Setting: "CODES", Want: "want pairs"},
	)
	require.EqualError(t, err, "FROM: is missing\nCODES: want pairs")
	var p providers.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, providers.Problem{Setting: "FROM", Want: "is missing"}, p)
}
