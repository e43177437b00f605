package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/smshook/smshook/internal/ledger"
)

// asset returns the address of an asset. path is what the addresses of the page begin with.
func asset(path, name string) string { return path + "assets/" + name + "?" + assetVersion }

func nonEmpty(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// initial is the first letter of a name, for a sign of it.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if r == utf8.RuneError {
		return "•"
	}
	return strings.ToUpper(string(r))
}

// name returns an ID as the name of an element. Scripts look elements up by their names, and a name must not end a selector.
func name(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, id)
}

// count writes a number with commas: 12,345.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// took writes a duration with as much of it as people compare.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "–"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
}

// words writes a share in percent; a dash if it is unknown.
func (s share) words() string {
	switch p := s.percent(); {
	case p < 0:
		return "–"
	case p == 0 || p == 100:
		return fmt.Sprintf("%.0f %%", p)
	case p > 99.9:
		return "> 99.9 %"
	case p < .1:
		return "< 0.1 %"
	default:
		return fmt.Sprintf("%.1f %%", p)
	}
}

// toneOf is how a state looks; its word says the same.
func toneOf(s ledger.State) string {
	switch s {
	case ledger.Delivered, ledger.Read:
		return "good"
	case ledger.StateAccepted, ledger.Sent:
		return "info"
	case ledger.Undelivered, ledger.StateFailed, ledger.Expired:
		return "bad"
	case ledger.Refused:
		return "warn"
	}
	return "none"
}

func toneOfUse(u ledger.Use) string {
	switch u {
	case ledger.Used:
		return "good"
	case ledger.Unused:
		return "warn"
	}
	return "none"
}

func toneOfBreaker(state string) string {
	switch state {
	case "closed":
		return "good"
	case "open":
		return "bad"
	}
	return "warn"
}

// kindWords are the kinds as people read them.
var kindWords = map[string]string{
	"": "sign-in or reauthentication", "otp": "sign-in", "phone_change": "phone change", "reauthentication": "reauthentication", "mfa": "second factor", "message": "message",
}

func since(f figures) string { return "in the last " + f.Window.Name }

// toneIf is how a number looks that should be 0.
func toneIf(n int, tone string) string {
	if n == 0 {
		return ""
	}
	return tone
}
