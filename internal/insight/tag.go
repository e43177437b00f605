package insight

import (
	"encoding/base64"
	"encoding/binary"
)

// origin is where a message came from and went to, as far as the guard has to know it when it learns of the message's result.
type origin struct {
	chain   uint64 // keyed hash of the number; another one for a proven account
	prefix  uint64
	places  [2]uint64 // the ranges of the address, the smallest first; 0 for none
	account uint64    // 0 if it is unknown
	bypass  bool
}

func (g *Guard) origin(s Subject, bypass bool) origin {
	var number [9]byte
	binary.BigEndian.PutUint64(number[:], s.Number)
	if s.Proven {
		number[8] = 1
	}
	return origin{g.hash(Prefix, number[:]), s.Number / 10_000, g.places(s.IP).keys, g.accountKey(s), bypass}
}

// tagLength is the length of a tag before it is written as text, of 60 characters.
const tagLength = 5*8 + 1 + 4

// Tag returns what has to be kept with a message that is sent: [Guard.Result] takes it. It has 60 characters, and tells nothing of the
// number, the account or the address to those who don't have the key.
func (g *Guard) Tag(s Subject, v Verdict) string {
	o := g.origin(s, v.Way == Bypass)
	var b [tagLength]byte
	binary.BigEndian.PutUint64(b[0:], o.chain)
	binary.BigEndian.PutUint64(b[8:], o.prefix^g.hash(hidden, b[:8]))
	binary.BigEndian.PutUint64(b[16:], o.places[0])
	binary.BigEndian.PutUint64(b[24:], o.places[1])
	binary.BigEndian.PutUint64(b[32:], o.account)
	if o.bypass {
		b[40] = 1
	}
	binary.BigEndian.PutUint32(b[41:], g.check(b[:41]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// open reads a tag. ok is false for a tag that was made with another key.
func (g *Guard) open(tag string) (o origin, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(tag)
	if err != nil || len(b) != tagLength || binary.BigEndian.Uint32(b[41:]) != g.check(b[:41]) {
		return origin{}, false
	}
	return origin{
		chain:   binary.BigEndian.Uint64(b[0:]),
		prefix:  binary.BigEndian.Uint64(b[8:]) ^ g.hash(hidden, b[:8]),
		places:  [2]uint64{binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])},
		account: binary.BigEndian.Uint64(b[32:]),
		bypass:  b[40] == 1,
	}, true
}

// Kinds of hashes that are of no range.
const (
	hidden  Kind = 100 + iota // what hides a prefix
	checked                   // the end of a tag
)

func (g *Guard) check(b []byte) uint32 {
	return uint32(g.hash(checked, b[:16]) ^ g.hash(checked, b[16:32]) ^ g.hash(checked, b[32:41])<<1)
}
