package ledger

import (
	"hash/maphash"
	"slices"
	"time"
)

const (
	// keepSeen is how long a signed call can be played again at most: a signature is valid for 5 minutes before and after its
	// timestamp, and that may be 5 minutes ahead of our clock when the call comes first.
	keepSeen = 10 * time.Minute

	// maxSeen is how many calls are remembered: with the records, 1,850 a second for 10 minutes. They take 20 to 40 bytes each, so
	// 40 MB at most.
	maxSeen = 1 << 20

	// seenParts is how many parts the time is cut in. A part is forgotten as a whole.
	seenParts = 10
)

// seen is which calls came whose records had to go before their time, for lack of room, and nothing else about them. It is
// small, and holds no pointers, so that the garbage collector has nothing to go through. Where there are too many, the oldest part
// goes before its time, and a captured call of that part could be played again. Nobody can bring that about without a secret: a
// call that is played again isn't counted again. It is not safe for concurrent use.
//
// A call is known by 64 bits of a hash with a secret seed: of a million calls, one in 10^13 is taken for another.
type seen struct {
	most  int
	seed  maphash.Seed
	parts []map[uint64]struct{} // the newest is last
	began Time                  // the newest part
	size  int                   // of all parts
}

func newSeen(most int) *seen {
	return &seen{most: most, seed: maphash.MakeSeed()}
}

// has reports whether a call has come before.
func (s *seen) has(id string, now Time) bool {
	s.forget(now)
	key := maphash.String(s.seed, id)
	return slices.ContainsFunc(s.parts, func(part map[uint64]struct{}) bool {
		_, known := part[key]
		return known
	})
}

// add notes that a call came.
func (s *seen) add(id string, now Time) {
	s.forget(now)
	if s.size >= s.most {
		s.drop(1)
	}
	if len(s.parts) == 0 {
		s.parts, s.began = append(s.parts, map[uint64]struct{}{}), now
	}
	s.parts[len(s.parts)-1][maphash.String(s.seed, id)] = struct{}{}
	s.size++
}

// forget begins new parts as time goes by, and drops those that are too old.
func (s *seen) forget(now Time) {
	const long = keepSeen / seenParts
	begin := int(now.Sub(s.began) / long)
	if len(s.parts) == 0 || begin <= 0 {
		return
	}
	s.began = s.began.Add(time.Duration(begin) * long)
	for range min(begin, seenParts+1) {
		s.parts = append(s.parts, map[uint64]struct{}{})
	}
	s.drop(len(s.parts) - (seenParts + 1))
}

// drop forgets the oldest parts, as many as that.
func (s *seen) drop(parts int) {
	if parts <= 0 {
		return
	}
	for _, part := range s.parts[:parts] {
		s.size -= len(part)
	}
	s.parts = append([]map[uint64]struct{}(nil), s.parts[parts:]...)
}
