package submission

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// batch is the messages of one request.
type batch struct {
	service  *Service
	caller   Caller
	request  api.Request
	digest   string
	now      time.Time
	due      time.Time
	ids      []string
	segments int
	known    map[int]document // that were taken before, for the same idempotency key
}

// name gives the messages of a request their IDs, and finds those that were taken before, for the same idempotency key. When the queue has
// forgotten them, the key may be used again. The ledger remembers for longer, and would take the new messages for the old ones: they get
// other IDs.
func (b *batch) name(ctx context.Context, key string) *api.Problem {
	if key == "" {
		b.ids = newIDs(b.caller, "", 0, len(b.request.To))
		return nil
	}
	for use := range mostUses {
		b.ids = newIDs(b.caller, key, use, len(b.request.To))
		if problem := b.recall(ctx); problem != nil || len(b.known) > 0 {
			return problem
		}
		used, err := b.used(ctx)
		if err != nil {
			return unavailable
		}
		if !used {
			return nil
		}
	}
	return keyReused
}

// mostUses is how often a key may be used again while the ledger remembers its messages.
const mostUses = 1000

// used reports whether the ledger remembers one of the messages.
func (b *batch) used(ctx context.Context) (bool, error) {
	for _, id := range b.ids {
		found, err := b.service.ledger.Messages(ctx, ledger.Query{ID: id, Limit: 1})
		if err != nil || len(found) > 0 {
			return len(found) > 0, err
		}
	}
	return false, nil
}

// newIDs returns the IDs of the messages of one request: the same ones for the same use of an idempotency key.
func newIDs(c Caller, key string, use, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		var name [16]byte
		if key == "" {
			rand.Read(name[:]) // crypto/rand never returns an error
		} else {
			sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", c.String(), key, use, i))
			copy(name[:], sum[:])
		}
		name[6], name[8] = name[6]&0x0f|0x80, name[8]&0x3f|0x80 // version 8 of RFC 9562: an application's own
		ids[i] = providers.FormatUUID(name)
	}
	return ids
}

// recall finds the messages that an earlier request with the idempotency key has left.
func (b *batch) recall(ctx context.Context) *api.Problem {
	b.known = map[int]document{}
	for i, id := range b.ids {
		item, _, found, err := b.service.queue.Item(ctx, id)
		if err != nil {
			return unavailable
		}
		if !found {
			if i == 0 && !b.request.List {
				return nil
			}
			continue
		}
		d, err := b.service.open(id, item.Body)
		if err != nil {
			return unavailable
		}
		if d.Digest != b.digest {
			return keyReused
		}
		b.known[i] = d
	}
	return nil
}

// check returns what is wrong with a request that is new.
func (b *batch) check() (problem *api.Problem) {
	r := b.request
	if r.From != "" && !b.service.dispatcher.HasSender(r.From) {
		return notSender
	}
	if b.due, problem = r.Due(b.now); problem != nil {
		return problem
	}
	if !b.service.settings.Durable {
		if b.due.After(b.now) {
			return forgets
		}
		if len(r.To) > mostDirect {
			return longList
		}
	}
	return nil
}

// items returns the answers, and the items of the messages that are new.
func (b *batch) items() (answers []Answer, items []ledger.Item) {
	seen := map[string]bool{}
	answers = make([]Answer, len(b.ids))
	for i, to := range b.request.To {
		if d, known := b.known[i]; known {
			answers[i] = Answer{Message: d.message(b.ids[i], b.service.before(d))}
			continue
		}
		d := b.document(to)
		if problem := b.refuse(to, d, seen); problem != nil {
			answers[i] = Answer{Problem: problem}
			continue
		}
		items = append(items, ledger.Item{
			ID: b.ids[i], Topic: ledger.Scheduled, DueAt: ledger.At(b.due), ExpiresAt: ledger.At(b.due.Add(latest)), Body: b.service.seal(b.ids[i], d),
		})
		answers[i] = Answer{Message: d.message(b.ids[i], d.waiting(b.now))}
	}
	return answers, items
}

// document is what is kept of the message to a number.
func (b *batch) document(to providers.Secret) document {
	return document{
		Caller: b.caller, Digest: b.digest, To: to.Reveal(), From: b.request.From, Text: b.request.Body.Reveal(), Media: b.request.Media,
		Metadata: b.request.Metadata, Segments: b.segments, CreatedAt: b.now, Due: b.due,
	}
}

// refuse returns why a number gets no message, or nil. d is what would be kept of the message.
func (b *batch) refuse(to providers.Secret, d document, seen map[string]bool) *api.Problem {
	if problem := api.Recipient(to); problem != nil {
		return problem
	}
	if seen[to.Reveal()] {
		return repeated
	}
	seen[to.Reveal()] = true
	switch err := b.service.dispatcher.May(d.request("", b.now, b.due)); {
	case errors.Is(err, dispatch.ErrNoChannel):
		return noInstance
	case err != nil:
		return unreachable
	}
	return b.service.charge(b.caller, b.now)
}
