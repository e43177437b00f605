package postgres

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// hasher makes the keyed hashes that stand in the database for what must not. 8 bytes are enough to tell a billion things apart.
type hasher []byte

// hash returns the hash of a thing of a kind. No kind contains a zero byte, and the parts' lengths are hashed too.
func (h hasher) hash(kind string, parts ...string) int64 {
	mac := hmac.New(sha256.New, h)
	mac.Write([]byte(kind))
	var size [9]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[1:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)))
}

func (h hasher) flow(f ledger.Flow) int64 {
	return h.hash("flow", f.User, f.Number, strconv.FormatBool(f.MFA))
}

func (h hasher) charge(c policy.Charge) int64 {
	return h.hash("limit", c.Rule.String(), strconv.FormatUint(c.Key, 16))
}

// name returns what stands for an instance's name for a message: WhatsApp's names contain the phone number, in base64.
func (h hasher) name(instance, id string) int64 { return h.hash("name", instance, id) }

// text is a hash as it stands in a record.
func text(hash int64) string { return strconv.FormatUint(uint64(hash), 16) }

func number(text string) int64 {
	n, _ := strconv.ParseUint(text, 16, 64)
	return int64(n)
}

// hideNames returns an attempt with hashes in the place of the instance's names.
func (h hasher) hideNames(a ledger.Attempt) ledger.Attempt {
	parts := make([]ledger.Part, 0, len(a.Parts))
	for _, p := range a.Parts {
		parts = append(parts, ledger.Part{ID: text(h.name(a.Instance, p.ID)), State: p.State, At: p.At})
	}
	a.Parts = parts
	return a
}

func (h hasher) hideName(instance string, r providers.Receipt) providers.Receipt {
	r.ID = text(h.name(instance, r.ID))
	return r
}
