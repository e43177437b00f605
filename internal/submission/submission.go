// Package submission takes the messages of the message API: it keeps each until it was sent, has it sent when it is due, and tells the
// caller what became of it. A message that was taken outlives a kill of the process, if the queue does.
package submission

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/policy"
)

const (
	// keep is how long what is sealed of a message is kept after it has ended: so long, repeats of a request have the same answer, and the
	// caller can ask for the message. A queue that doesn't outlive the process has less room, and keeps it for briefKeep.
	keep, briefKeep = 24 * time.Hour, 10 * time.Minute
	// latest is how long after its due time a message is still sent: if no replica runs, or if all providers fail.
	latest = 4 * time.Hour
	// wait is how long an answer waits for the provider if the queue would not outlive the process.
	wait = 5 * time.Second
	// mostDirect is how many messages may be sent while one request waits.
	mostDirect = 100

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
	return &Service{
		settings:   s,
		queue:      q,
		ledger:     l,
		dispatcher: d,
		sealer:     sealer,
		events:     events,
		counter:    policy.NewMemory(),
		ended:      map[string]chan struct{}{},
	}
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
	b := &batch{
		service:  s,
		caller:   c,
		request:  r,
		digest:   fmt.Sprintf("%x", digest[:8]),
		now:      now,
		segments: message.Written(r.Body).Segments,
	}
	if problem := b.name(ctx, idempotencyKey); problem != nil {
		return nil, problem
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
