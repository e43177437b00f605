// Package submission takes the messages of the message API: it keeps each until it was sent, has it sent when it is due, and tells the
// caller what became of it. A message that was taken outlives a kill of the process, if the queue does.
package submission

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

const (
	// keep is how long what is sealed of a message is kept after it has ended: so long, repeats of a request have the same answer, and the
	// caller can ask for the message. A queue that doesn't outlive the process has less room, and keeps it for briefKeep.
	keep, briefKeep = 24 * time.Hour, 10 * time.Minute
	// latest is how long after its due time a message is still sent: if no replica runs, or if all providers fail.
	latest = 4 * time.Hour
	// wait is how long an answer waits for the provider if the queue would not outlive the process.
	wait = 5 * time.Second

	prefix = "msg_" // of a message's ID for callers
)

// Settings are what an operator decides.
type Settings struct {
	KeyLimit  policy.Limit // of each key, at each replica
	UserLimit policy.Limit // of each user who sends with an access token, at each replica
	// Durable: the queue outlives the process. If it doesn't, an answer waits for the provider, and nothing is sent later.
	Durable bool
}

// Dispatcher sends messages.
type Dispatcher interface {
	Send(ctx context.Context, r dispatch.Request) dispatch.Outcome
	May(r dispatch.Request) error
	HasSender(from string) bool
}

// Ledger tells how far a message is.
type Ledger interface {
	Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error)
}

// Sealer encrypts what belongs to a message, and decrypts it.
type Sealer interface {
	SealBytes(name string, plain []byte) []byte
	OpenBytes(name string, sealed []byte) ([]byte, error)
}

// Service takes messages. It may be used concurrently.
type Service struct {
	settings   Settings
	queue      ledger.Queue
	ledger     Ledger
	dispatcher Dispatcher
	sealer     Sealer
	events     *Events // nil for none
	counter    *policy.Memory

	mu    sync.Mutex
	ended map[string]chan struct{} // for the answers that wait, by the message's ID
}

// New returns a Service. events may be nil.
func New(s Settings, q ledger.Queue, l Ledger, d Dispatcher, sealer Sealer, events *Events) *Service {
	return &Service{settings: s, queue: q, ledger: l, dispatcher: d, sealer: sealer, events: events, counter: policy.NewMemory(), ended: map[string]chan struct{}{}}
}

// Caller is who asks: one of the two is set.
type Caller struct {
	Key  string // the name of the key
	User string // the ID of the user
}

func (c Caller) String() string {
	if c.User != "" {
		return "user " + c.User
	}
	return "key " + c.Key
}

// Answer is the answer for one number: one of the two is set.
type Answer struct {
	Message *api.Message
	Problem *api.Problem
}

// Submit takes the messages of a request. The idempotency key may be empty. digest tells the body of the request from others. There is an
// answer for each number, or a problem of the whole request.
func (s *Service) Submit(ctx context.Context, c Caller, idempotencyKey string, digest [sha256.Size]byte, r api.Request) ([]Answer, *api.Problem) {
	now := time.Now()
	b := &batch{service: s, caller: c, request: r, digest: fmt.Sprintf("%x", digest[:8]), now: now, ids: newIDs(c, idempotencyKey, len(r.To)), segments: message.Written(r.Body).Segments}
	if idempotencyKey != "" {
		if problem := b.recall(ctx); problem != nil {
			return nil, problem
		}
	}
	if len(b.known) < len(r.To) {
		if problem := b.check(); problem != nil {
			return nil, problem
		}
	}
	answers, items := b.items()
	if len(items) == 0 {
		return answers, nil
	}
	waiting := s.await(items)
	defer s.forget(items)
	if err := s.queue.Put(ctx, items...); err != nil {
		if errors.Is(err, ledger.ErrItem) {
			return nil, tooLarge
		}
		return nil, unavailable
	}
	if idempotencyKey != "" { // a request with this key, at the same moment, may have been faster
		b.known = map[int]document{}
		if problem := b.recall(ctx); problem != nil {
			return nil, problem
		}
		for i, d := range b.known {
			answers[i] = Answer{Message: d.message(b.ids[i], s.before(d))}
		}
	}
	s.waitFor(ctx, waiting, answers)
	return answers, nil
}

var (
	tooLarge    = &api.Problem{Status: http.StatusRequestEntityTooLarge, Code: api.TooLarge, Message: "The message is too large to be kept"}
	unavailable = &api.Problem{Status: http.StatusServiceUnavailable, Code: api.Unavailable, Message: "The store can't be reached, and it isn't known whether the message was kept; try again, with the same Idempotency-Key so that nothing is sent twice"}
	notSender   = &api.Problem{Status: http.StatusForbidden, Code: api.SMSNotEnabled, Message: "The 'from' field is not one of the configured senders"}
	keyReused   = &api.Problem{Status: http.StatusUnprocessableEntity, Code: api.KeyReused, Message: "The Idempotency-Key was used before, for a request with another body"}
	forgets     = &api.Problem{Status: http.StatusUnprocessableEntity, Code: api.InvalidRequest, Message: "The 'scheduled_at' field needs a server that remembers: SMSHOOK_STORE must be sqlite or postgres"}
	longList    = &api.Problem{Status: http.StatusUnprocessableEntity, Code: api.InvalidRequest, Message: "The 'to' field may have 100 phone numbers at most on this server: SMSHOOK_STORE must be sqlite or postgres for more"}
	repeated    = &api.Problem{Status: http.StatusBadRequest, Code: api.InvalidRequest, Message: "The 'to' field has this phone number more than once"}
	unreachable = &api.Problem{Status: http.StatusUnprocessableEntity, Code: api.InvalidPhoneNumber, Message: "The 'to' field must be a phone number that exists, and that the settings of the server allow"}
	noInstance  = &api.Problem{Status: http.StatusUnprocessableEntity, Code: api.InvalidRequest, Message: "No provider of the server can send this to this number: a text of one's own, from the sender of the 'from' field, with what the 'media_urls' field has"}
)

// mostDirect is how many messages may be sent while one request waits.
const mostDirect = 100

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

// newIDs returns the IDs of the messages of one request: the same ones for the same idempotency key.
func newIDs(c Caller, key string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		var name [16]byte
		if key == "" {
			rand.Read(name[:]) // crypto/rand never returns an error
		} else {
			sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", c.String(), key, i))
			copy(name[:], sum[:])
		}
		name[6], name[8] = name[6]&0x0f|0x80, name[8]&0x3f|0x80 // version 8 of RFC 9562: an application's own
		ids[i] = fmt.Sprintf("%x-%x-%x-%x-%x", name[:4], name[4:6], name[6:8], name[8:10], name[10:])
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
		if problem := b.refuse(to, seen); problem != nil {
			answers[i] = Answer{Problem: problem}
			continue
		}
		d := b.document(to)
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

// refuse returns why a number gets no message, or nil.
func (b *batch) refuse(to providers.Secret, seen map[string]bool) *api.Problem {
	if problem := api.Recipient(to); problem != nil {
		return problem
	}
	if seen[to.Reveal()] {
		return repeated
	}
	seen[to.Reveal()] = true
	switch err := b.service.dispatcher.May(b.document(to).request("", b.now, b.due)); {
	case errors.Is(err, dispatch.ErrNoChannel):
		return noInstance
	case err != nil:
		return unreachable
	}
	return b.service.charge(b.caller, b.now)
}

// charge counts a message of a caller.
func (s *Service) charge(c Caller, now time.Time) *api.Problem {
	limit := s.settings.KeyLimit
	if c.User != "" {
		limit = s.settings.UserLimit
	}
	if limit == (policy.Limit{}) {
		return nil
	}
	hash := fnv.New64a()
	hash.Write([]byte(c.String()))
	over, after, _ := s.counter.Take(context.Background(), now, []policy.Charge{{Rule: policy.PerUser, Limit: limit, Key: hash.Sum64()}})
	if over < 0 {
		return nil
	}
	return api.Limited(after)
}

// await has the ends of messages noted, if an answer has to wait for them.
func (s *Service) await(items []ledger.Item) map[string]chan struct{} {
	if s.settings.Durable {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := map[string]chan struct{}{}
	for _, i := range items {
		if s.ended[i.ID] == nil { // else a request with the same idempotency key waits too
			s.ended[i.ID] = make(chan struct{})
		}
		waiting[i.ID] = s.ended[i.ID]
	}
	return waiting
}

func (s *Service) forget(items []ledger.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range items {
		delete(s.ended, i.ID)
	}
}

// waitFor waits for messages to be sent, and puts what became of them into the answers.
func (s *Service) waitFor(ctx context.Context, waiting map[string]chan struct{}, answers []Answer) {
	if len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, ended := range waiting {
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
	for i, a := range answers {
		if a.Message == nil {
			continue
		}
		item, _, found, err := s.queue.Item(ctx, strings.TrimPrefix(a.Message.ID, prefix))
		if err != nil || !found {
			continue
		}
		if d, err := s.open(item.ID, item.Body); err == nil {
			answers[i].Message = d.message(item.ID, s.before(d))
		}
	}
}
