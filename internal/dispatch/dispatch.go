// Package dispatch takes one request for a code from the number to the instance. It knows nothing of HTTP, nor of who asks.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers"
)

// Request asks for one code on one phone.
type Request struct {
	ID         string // names the request and all its repeats, the message at the instances, and both in the log
	User       string // the account that asks
	Phone      providers.Secret
	Code       providers.Secret
	Locale     string        // the language the user asked for, as a BCP 47 tag; may be empty
	MFA        bool          // the code is a second factor
	IP         netip.Addr    // of the user; the zero Addr if it isn't known
	Proven     bool          // the account has shown before that the number is its own
	LastSignIn string        // when the user last signed in; only compared with that of another request
	Stored     string        // which messages the caller's record of the user knew of when it made the request; only compared
	ReceivedAt time.Time     // the budget counts from here
	Spent      time.Duration // how long the caller had waited when the request arrived, if that is known
}

// Result is how a request ended.
type Result int

const (
	Failed    Result = iota // the message could not be sent; another request may fare better
	Accepted                // the message is on its way
	BadNumber               // nobody will reach this number
	JustSent                // another request was accepted just before: the code it sent is the valid one
	TooMany                 // too many messages in too little time; a later request may fare better
)

func (r Result) String() string {
	return [...]string{"failed", "accepted", "bad_number", "just_sent", "too_many"}[r]
}

// Outcome is the result and, for the operator, how it came about.
type Outcome struct {
	Result   Result
	Number   phone.Number // the zero Number if it could not be read
	Lost     string       // the instance whose last message, it seems, never arrived: the user asked again; may be empty
	Attempts []race.Attempt
	Verdict  policy.Verdict // the zero Verdict if it came to none
	Reason   error          // why no instance was tried, or what else there is to say; may be nil. It is safe to log
}

// Settings are what an operator decides.
type Settings struct {
	CallerWaits  time.Duration // how long the caller waits for the answer, for all its attempts at a request together
	Budget       time.Duration // how long a request may take, from its arrival
	ResendWindow time.Duration // how long a user who asks again is sent through another instance; 0 is never
	Concurrency  int           // requests at once, and as many again that wait for another one and send nothing
	CodeLife     time.Duration // how long a code stays valid, if the operator says; else 0
	Receipts     bool          // instances report what becomes of messages
	LateFallback bool          // a message that, as a receipt says, won't arrive is sent through the next instance
	PhoneCheck   phone.Check
	Policy       policy.Settings
	Texts        *message.Texts
	Routes       route.Table
}

// Dispatcher sends codes. It may be used concurrently.
type Dispatcher struct {
	Instances []*race.Instance // in the order in which they are tried where no route says otherwise
	Policy    *policy.Policy

	settings Settings
	race     *race.Runner
	calls    *calls
	lanes    *lanes
	pending  *pendings
	texts    atomic.Pointer[message.Texts]
	slots    chan struct{}
}

// New returns a Dispatcher. Every instance that a route names must be among the instances.
func New(s Settings, instances []*race.Instance, runner *race.Runner, events Events) *Dispatcher {
	waiting := make(chan struct{}, s.Concurrency)
	d := &Dispatcher{
		Instances: instances,
		Policy:    policy.New(s.Policy, policy.NewMemory()),
		settings:  s,
		race:      runner,
		calls:     newCalls(s.CallerWaits, waiting),
		lanes:     newLanes(s.ResendWindow, max(s.CodeLife, defaultLife), waiting),
		pending:   newPendings(events),
		slots:     make(chan struct{}, s.Concurrency),
	}
	d.SetTexts(s.Texts)
	d.pending.arrived = d.lanes.arrived
	if s.LateFallback {
		d.pending.fallBack = d.fallBack
	}
	return d
}

// SetTexts lets the messages to come have other texts.
func (d *Dispatcher) SetTexts(t *message.Texts) { d.texts.Store(t) }

var errBusy = errors.New("too many requests at once")

// Send returns when an instance has accepted the message, when none will, or when the time is used up. If ctx ends before,
// nobody waits for the answer any more, and the code is void: what has not been sent yet isn't.
func (d *Dispatcher) Send(ctx context.Context, r Request) Outcome {
	r.User, r.LastSignIn, r.Stored = short(r.User), short(r.LastSignIn), short(r.Stored)
	outcome := d.calls.once(ctx, r, func(ctx context.Context, c *call) Outcome {
		deadline := d.deadline(r, c)
		return d.lanes.alone(ctx, deadline, r, func() Outcome {
			select {
			case d.slots <- struct{}{}: // not before it has its lane: who waits for that takes no room from others
				defer func() { <-d.slots }()
				return d.send(ctx, deadline, r, c)
			default:
				return Outcome{Result: Failed, Reason: errBusy}
			}
		})
	})
	if outcome.Result == Accepted && ctx.Err() == nil {
		d.pending.answer(r)
	}
	return outcome
}

// send is the way of one request that is no repeat and has its lane for itself.
func (d *Dispatcher) send(ctx context.Context, deadline time.Time, r Request, c *call) Outcome {
	number, err := d.settings.PhoneCheck.Parse(r.Phone.Reveal())
	if err != nil {
		return Outcome{Result: BadNumber, Reason: fmt.Errorf("the number %w", err)}
	}
	r.Phone = number.E164() // what is kept of both is the same
	verdict := d.judge(r, c, number)
	if !verdict.Allow {
		return d.refused(r, number, verdict)
	}
	text := d.texts.Load().Render(r.Locale, r.Code)
	message := d.message(r, number, text)
	lost := d.lanes.lost(r)
	route := d.route(number, lost)
	d.open(r, number, message, route)
	late := d.calls.late(c)
	raced := d.race.Run(ctx, race.Entry{
		Message:    message,
		Route:      d.calls.untried(c, route),
		ReceivedAt: r.ReceivedAt,
		Deadline:   deadline,
		Lost:       lost,
		Starting:   func(a race.Attempt) { d.pending.begin(a.MessageID, a.Instance) },
		Late:       func(a race.Attempt) { late(a); d.pending.note(a) },
	})
	d.pending.noteAll(raced.Attempts)
	if raced.Result == race.Accepted && ctx.Err() == nil {
		d.lanes.took(r, winner(raced.Attempts))
	}
	reason := verdict.Reason()
	if len(raced.Attempts) == 0 {
		reason = errNothingStarted
	}
	result := d.result(ctx, c, deadline, raced.Result)
	return Outcome{Result: result, Number: number, Lost: lost, Attempts: raced.Attempts, Verdict: verdict, Reason: reason}
}

var errNothingStarted = errors.New("no instance was left to try, or no time for one")

// result is what a run comes to whose race has ended so. Where that is a failure, an attempt of an earlier run may have been
// sent, or may still be.
func (d *Dispatcher) result(ctx context.Context, c *call, deadline time.Time, raced race.Result) Result {
	if raced == race.Failed && d.calls.undecided(ctx, c, deadline) && d.race.Unknown == race.AcceptUnknown {
		return Accepted
	}
	return results[raced]
}

var results = map[race.Result]Result{
	race.Failed:      Failed,
	race.Accepted:    Accepted,
	race.Unreachable: BadNumber,
}

// Drain waits for messages that are under way although their request has been answered, until ctx ends.
func (d *Dispatcher) Drain(ctx context.Context) error { return d.race.Drain(ctx) }

const (
	// margin is how long before the caller gives up the answer must leave. Auth's 5.00 s end when it has read the whole answer, so
	// the answer's way is in them: less than 150 ms between any two continents, and a few ms for the proxies.
	margin = 200 * time.Millisecond

	// unseen is what the caller may have spent on a first attempt before that arrived: its connection, TLS, and the request's way
	// are in Auth's 5.00 s too. It is added where the caller's own clock doesn't say what was spent.
	unseen = 200 * time.Millisecond
)

// deadline is when the answer is due. A repeat has less time than the first attempt had. Auth's third attempt, which comes after
// 4 s, has 0.8 s: enough for a provider that answers in 300 ms, also behind one that is silent.
func (d *Dispatcher) deadline(r Request, c *call) time.Time {
	sinceFirst := r.ReceivedAt.Sub(c.first)
	spent := sinceFirst + unseen
	if r.Spent > 0 {
		spent = max(r.Spent, sinceFirst)
	}
	return r.ReceivedAt.Add(min(d.settings.Budget, d.settings.CallerWaits-spent-margin))
}

func (d *Dispatcher) message(r Request, number phone.Number, text message.Text) providers.Message {
	m := providers.Message{
		ID:       r.ID,
		To:       number.E164(),
		National: number.National(),
		Locale:   r.Locale,
		Text:     text.Text,
		Code:     r.Code,
		Unicode:  text.Unicode,
		Segments: text.Segments,
	}
	if !r.MFA { // a second factor's code lives longer
		m.Life = d.settings.CodeLife
	}
	return m
}

// route is the instances for a number in the order in which they are tried: the one that seems to have lost the last message
// comes last.
func (d *Dispatcher) route(number phone.Number, lost string) []*race.Instance {
	instances := d.Instances
	if names := d.settings.Routes.Lookup(number.CallingCode(), number.Country); names != nil {
		instances = named(d.Instances, names)
	}
	return startAfter(instances, lost)
}

// named returns the instances of those names, in the order of the names.
func named(instances []*race.Instance, names []string) []*race.Instance {
	var list []*race.Instance
	for _, name := range names {
		at := slices.IndexFunc(instances, func(c *race.Instance) bool { return c.Name == name })
		list = append(list, instances[at])
	}
	return list
}

// startAfter turns the instances round so that the named one, if it is among them, is last.
func startAfter(instances []*race.Instance, name string) []*race.Instance {
	at := slices.IndexFunc(instances, func(c *race.Instance) bool { return c.Name == name })
	return slices.Concat(instances[at+1:], instances[:at+1])
}

// winner names the instance that took a message. If none is sure, it is the last one that may have.
func winner(attempts []race.Attempt) string {
	name := ""
	for _, a := range attempts {
		if a.Err == nil {
			return a.Instance
		}
		if a.Err.Kind == providers.Unknown {
			name = a.Instance
		}
	}
	return name
}
