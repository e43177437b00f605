package sqlite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
)

// hashing makes hashes of what must not be in the file: numbers, accounts, addresses. Its key is random and stays with the file, so
// that the hashes stay the same when other secrets change.
type hashing []byte

// of returns 8 bytes of an HMAC-SHA256. The kind keeps hashes of different things apart.
func (h hashing) of(kind, text string) int64 {
	mac := hmac.New(sha256.New, h)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write([]byte(text))
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)))
}

// marks are what calls are compared by, as hashes.
type marks struct {
	user, number, lastSignIn, stored int64
	home                             int64 // the number of the account; not in the file
	mfa                              bool
}

func (h hashing) marks(c ledger.Call) marks {
	return marks{
		user:       h.of("user", c.Flow.User),
		number:     h.of("number", c.Flow.Number),
		lastSignIn: h.of("last sign-in", c.LastSignIn),
		stored:     h.of("stored", c.Stored),
		mfa:        c.Flow.MFA,
		home:       h.of("number", c.Account.Number),
	}
}

// key is the key of a counter as the file and the memory have it.
func (h hashing) key(c policy.Charge) uint64 {
	return uint64(h.of(c.Rule.String(), strconv.FormatUint(c.Key, 10)))
}

// name is the key of an instance's name for a message.
func (h hashing) name(n ledger.Name) int64 { return h.of("name "+n.Instance, n.ID) }

// restored is a message as the memory takes it back, and as it was given it.
func (m marks) restored(message ledger.Message) ledger.Restored {
	return ledger.Restored{
		Message:    message,
		Flow:       ledger.Flow{User: text(m.user), Number: text(m.number), MFA: m.mfa},
		LastSignIn: text(m.lastSignIn),
		Stored:     text(m.stored),
	}
}

// hide puts hashes into a call.
func (m marks) hide(c ledger.Call) ledger.Call {
	as := m.restored(ledger.Message{})
	c.Flow, c.LastSignIn, c.Stored = as.Flow, as.LastSignIn, as.Stored
	c.Account.Number = text(m.home)
	return c
}

// hideQuery puts hashes into a query for the memory.
func (h hashing) hideQuery(q ledger.Query) ledger.Query {
	if q.User != "" {
		q.User = text(h.of("user", q.User))
	}
	if q.Number != "" {
		q.Number = text(h.of("number", q.Number))
	}
	return q
}

func text(hash int64) string { return strconv.FormatInt(hash, 36) }
