package hook

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostReplaced is how many replaced secrets are still taken: a reload comes by the operator's hand, and a script may make many.
const mostReplaced = 16

// Replacing returns the secrets that take the place of others from now on. The old ones that aren't among them are taken for as
// long as a signature is valid: the two sides never change at once, and a call may be on its way.
//
// A file that is read while it is written may hold the beginning of a secret. Most of these aren't Base64. One that is, because it
// was cut off after a multiple of four characters, is shorter than the secrets before it, and doesn't end in "=" as a key of 32 or
// of 64 bytes does. So a new secret of which both are true is an error, though it may be a whole key of 24 bytes.
func (s Secrets) Replacing(old Secrets, now time.Time) (Secrets, error) {
	shortest := old.shortest()
	for i, one := range s {
		key := one.text.Reveal()
		if !old.has(one) && len(key) < shortest && !strings.HasSuffix(key, "=") {
			return nil, fmt.Errorf("secret %d: is shorter than those before, as if its file were half written; if it is whole, that takes a restart", i+1)
		}
	}
	var replaced Secrets
	for _, one := range old {
		if s.has(one) || one.over(now) {
			continue
		}
		if one.until.IsZero() {
			one.until = now.Add(tolerance)
		}
		replaced = append(replaced, one)
	}
	// The ones that are replaced now come first.
	slices.SortStableFunc(replaced, func(a, b secret) int { return b.until.Compare(a.until) })
	return slices.Concat(s, replaced[:min(len(replaced), mostReplaced)]), nil
}

func (s Secrets) has(other secret) bool {
	return slices.ContainsFunc(s, func(one secret) bool { return one.text.Reveal() == other.text.Reveal() })
}

// shortest is the least length of those that aren't replaced, in characters.
func (s Secrets) shortest() int {
	shortest := 0
	for _, one := range s {
		if length := len(one.text.Reveal()); one.until.IsZero() && (shortest == 0 || length < shortest) {
			shortest = length
		}
	}
	return shortest
}

func (s secret) over(now time.Time) bool { return !s.until.IsZero() && now.After(s.until) }
