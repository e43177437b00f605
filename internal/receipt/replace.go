package receipt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
)

const (
	// replacedLife is how long a replaced secret stays valid: messages under way carry the address that it made. The record of a message
	// is kept for as long.
	replacedLife = 10 * time.Minute

	// maxReplaced is how many replaced secrets stay valid: a script may reload many times.
	maxReplaced = 16
)

// replaced is a secret that is no longer in the settings.
type replaced struct {
	secret providers.Secret
	until  time.Time
}

var errHalf = errors.New("is shorter than the old secrets, or the beginning of one, as if its file were half written; if it is complete, restart to use it")

// Replacing returns a, where addresses by the secrets of old stay valid for ten minutes. The error is that of [Secrets.Complete].
func (a Addresses) Replacing(old Addresses, now time.Time) (Addresses, error) {
	if err := a.secrets.Complete(old.secrets); err != nil {
		return Addresses{}, err
	}
	// The newest come first: the oldest are dropped if there are too many.
	for _, secret := range old.secrets {
		a.replaced = append(a.replaced, replaced{secret, now.Add(replacedLife)})
	}
	a.replaced = append(a.replaced, old.replaced...)
	a.replaced = slices.DeleteFunc(a.replaced, func(r replaced) bool { return a.secrets.has(r.secret) || now.After(r.until) })
	a.replaced = a.replaced[:min(len(a.replaced), maxReplaced)]
	return a, nil
}

// Complete returns an error if a secret that is not in old may be cut off: if it is shorter than each of the old ones, or the beginning of
// one. A file that is read while it is written may hold only the beginning of a secret, and any text can be a secret.
func (s Secrets) Complete(old Secrets) error {
	for i, one := range s {
		if old.has(one) {
			continue
		}
		text, shorter := one.Reveal(), len(old) > 0
		for _, other := range old {
			if strings.HasPrefix(other.Reveal(), text) {
				return fmt.Errorf("secret %d: %w", i+1, errHalf)
			}
			shorter = shorter && len(text) < len(other.Reveal())
		}
		if shorter {
			return fmt.Errorf("secret %d: %w", i+1, errHalf)
		}
	}
	return nil
}

func (s Secrets) has(secret providers.Secret) bool {
	return slices.ContainsFunc(s, func(one providers.Secret) bool { return one.Reveal() == secret.Reveal() })
}
