package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

type learnt struct {
	Name string `json:"name,omitempty"`
	Body []byte `json:"body"` // base64 in JSON
}

// KeepLearnt keeps what a replica has learnt, in place of what was kept under the name before, by whichever replica.
func (s *Store) KeepLearnt(ctx context.Context, name string, body []byte) error {
	return s.ask(ctx, "keep_learnt", learnt{name, body}, &struct{}{})
}

// Learnt returns what was kept last under a name; nothing if nothing was.
func (s *Store) Learnt(ctx context.Context, name string) ([]byte, error) {
	var l learnt
	err := s.ask(ctx, "learnt", map[string]string{"name": name}, &l)
	return l.Body, err
}

// HashKey returns the random key that the database was given when its schema was made.
func (s *Store) HashKey(ctx context.Context) ([]byte, error) { return s.hasher(ctx) }

// MaxFlagged is how many prefixes [Store.Flag] takes.
const MaxFlagged = 10_000

// Flag tells the hook in SQL to refuse messages to unproven numbers that begin with a prefix, all digits but the last four, for the next
// minute. From the time on that is given with it, the hook lets one message pass; of several replicas' times the last counts.
func (s *Store) Flag(ctx context.Context, trials map[uint64]time.Time) error {
	h, err := s.hasher(ctx)
	if err != nil {
		return err
	}
	prefixes := make([][2]int64, 0, len(trials))
	for prefix, at := range trials {
		prefixes = append(prefixes, [2]int64{h.hash("flagged", strconv.FormatUint(prefix, 10)), int64(ledger.At(at))})
	}
	return s.ask(ctx, "flag", map[string]any{"now": int64(s.now()), "prefixes": prefixes}, &struct{}{})
}
