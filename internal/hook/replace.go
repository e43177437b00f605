package hook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxReplaced is how many replaced secrets stay valid: a script may reload many times.
const maxReplaced = 16

// Replacing returns s, and the old secrets that are not in s. The old ones stay valid for as long as a signature is: the two sides never
// change their secrets at the same moment.
//
// A file that is read while it is written may hold only the beginning of a secret. Such a text is rarely Base64. If it is, it was cut
// after a multiple of four characters: it is shorter than the old secrets, and it lacks the "=" at the end of a key of 32 or 64 bytes.
// A new secret that has both properties is an error, although it may be a whole key of 24 bytes. So is the beginning of an old secret,
// and a text that ends with "|", if the old one didn't.
func (s Secrets) Replacing(old Secrets, now time.Time) (Secrets, error) {
	if s.endWithBar() && !old.endWithBar() {
		return nil, errors.New("nothing follows the last |, as if the file were half written; if there is no other secret, remove the |")
	}
	shortest := old.shortest()
	for i, one := range s {
		key := one.text.Reveal()
		if !old.has(one) && !strings.HasSuffix(key, "=") && (len(key) < shortest || old.anyStartsWith(key)) {
			return nil, fmt.Errorf("secret %d: is shorter than the old secrets, or the beginning of one, as if its file were half written; if it is complete, restart to use it", i+1)
		}
	}
	var replaced Secrets
	for _, one := range old {
		if s.has(one) || one.expired(now) {
			continue
		}
		if one.until.IsZero() {
			one.until = now.Add(tolerance)
		}
		replaced = append(replaced, one)
	}
	// The newest come first: the oldest are dropped if there are too many.
	slices.SortStableFunc(replaced, func(a, b secret) int { return b.until.Compare(a.until) })
	return slices.Concat(s, replaced[:min(len(replaced), maxReplaced)]), nil
}

func (s Secrets) has(other secret) bool {
	return slices.ContainsFunc(s, func(one secret) bool { return one.text.Reveal() == other.text.Reveal() })
}

// anyStartsWith reports whether a text is the beginning of a secret that isn't replaced.
func (s Secrets) anyStartsWith(text string) bool {
	return slices.ContainsFunc(s, func(one secret) bool { return one.until.IsZero() && strings.HasPrefix(one.text.Reveal(), text) })
}

// endWithBar reports whether "|" followed the last secret in the text, and nothing else did.
func (s Secrets) endWithBar() bool {
	return slices.ContainsFunc(s, func(one secret) bool { return one.until.IsZero() && one.bar })
}

// shortest is the length of the shortest secret that isn't replaced, in characters.
func (s Secrets) shortest() int {
	shortest := 0
	for _, one := range s {
		if length := len(one.text.Reveal()); one.until.IsZero() && (shortest == 0 || length < shortest) {
			shortest = length
		}
	}
	return shortest
}

func (s secret) expired(now time.Time) bool { return !s.until.IsZero() && now.After(s.until) }
