package providers

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be seen: a credential, a code, a number, a message. Printed by any verb of fmt, logged or
// marshalled, alone or inside another value, it shows "[secret]", or nothing if it is empty.
//
// It holds a pointer because fmt prints strings in unexported fields without calling their methods, but doesn't follow pointers
// there. A Secret can't be compared by ==, because the time of a comparison would depend on the content.
type Secret struct {
	_ [0]func()
	s *string
}

// NewSecret hides s.
func NewSecret(s string) Secret { return Secret{s: &s} }

// Reveal returns the text. Call it only where the text goes to the one place that needs it.
func (s Secret) Reveal() string {
	if s.s == nil {
		return ""
	}
	return *s.s
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

func (s Secret) hidden() string {
	if s.Empty() {
		return ""
	}
	return "[secret]"
}

// Format answers every verb alike.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.hidden()) }

// MarshalText serves encoding/json and similar packages.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.hidden()), nil }

// LogValue serves log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.hidden()) }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
