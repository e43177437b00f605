package dispatch

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// job is a request that may be sent, and the message that comes of it.
type job struct {
	Request
	number  phone.Number
	message providers.Message
	charges []policy.Charge
	guard   guarded
}

// message is all that an instance is to be given.
func (d *Dispatcher) message(r Request, number phone.Number) providers.Message {
	text := d.text(r)
	m := providers.Message{
		ID:       r.ID,
		To:       number.E164(),
		National: number.National(),
		Locale:   r.Locale,
		Text:     text.Text,
		Code:     r.Code,
		Unicode:  text.Unicode,
		Segments: text.Segments,
		From:     r.From,
		Media:    r.Media,
	}
	if !r.MFA && !r.Code.Empty() { // a second factor's code lives longer, and a text without a code has no end
		m.Life = d.settings.CodeLife
	}
	return m
}

// text is what the message says.
func (d *Dispatcher) text(r Request) message.Text {
	if r.Text.Empty() {
		return d.texts.Load().Render(r.Locale, r.Code)
	}
	return message.Written(r.Text)
}

// begin asks the ledger whether the message is to be sent.
func (d *Dispatcher) begin(ctx context.Context, j job) (ledger.Begun, error) {
	if ctx.Err() != nil {
		return ledger.Begun{}, errLeft
	}
	d.sweepSoon()
	begun, err := d.ledger.Begin(ctx, ledger.Call{
		Message:    j.message,
		Flow:       j.flow(),
		Number:     j.number.Masked(),
		Country:    j.number.Country(),
		Kind:       j.Kind,
		Proven:     j.Proven,
		Range:      j.guard.tag,
		LastSignIn: j.LastSignIn,
		Stored:     j.Stored,
		Account:    j.Account,
		ReceivedAt: ledger.At(j.ReceivedAt),
		AskedAt:    j.AskedAt,
		Deadline:   d.settings.deadline(j.Request, j.ReceivedAt),
		Life:       d.settings.life(j.Request),
		Charges:    j.charges,
		Queued:     j.queued(),
		Observe:    d.Policy.Observe(),
	})
	d.tell(begun.News)
	if err != nil && ctx.Err() != nil {
		return begun, errLeft
	}
	return begun, err
}

// decided passes on a request whose result is known.
func (d *Dispatcher) decided(j job, result Result) {
	if d.events.Decided != nil {
		d.events.Decided(j.Request, j.message, result)
	}
}

// ErrNoChannel is the reason of a failure that no repeat can change: no instance of the number's route can send what is asked for.
var ErrNoChannel = errors.New("no instance for this number can send what the caller wants: the channel, the sender, or pictures")

var (
	errRepeat   = errors.New("a repeat, answered like the request before")
	errJustSent = errors.New("another request for the same number has just been accepted")
	errBusy     = errors.New("too many requests at once")
	errNoStart  = errors.New("no instance was left to try, or no time for one")
)

// race gets the message accepted by one of the instances of its route, as long as a caller waits. The error says why no instance
// was tried.
func (d *Dispatcher) race(waiting *party, j job, begun ledger.Begun) (race.Outcome, error) {
	if !j.queued() {
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
		default:
			return race.Outcome{}, errBusy
		}
	}
	over := false
	defer func() {
		if !over { // a panic: callers that wait for this race must not wait forever
			_, _, _ = d.ledger.End(context.Background(), ledger.Ended{ID: j.ID, Result: Failed})
		}
	}()
	route := able(d.route(j.number, begun.Lost), j.message, j.Channel)
	raced := d.runner.Run(waiting, race.Entry{
		Message:    j.message,
		Route:      forRepeat(route, begun.Tried),
		ReceivedAt: j.ReceivedAt,
		Deadline:   d.settings.deadline(j.Request, begun.FirstAt.Time()),
		Lost:       begun.Lost,
		Starting:   d.starting,
		Late:       d.late,
	})
	over = true
	if len(route) == 0 {
		return raced, ErrNoChannel
	}
	if len(raced.Attempts) == 0 {
		return raced, errNoStart
	}
	return raced, nil
}

// starting notes an attempt before anything of it can leave, and reports whether it may start. Without its ledger, a message is sent all the
// same.
func (d *Dispatcher) starting(a race.Attempt) bool {
	err := d.ledger.Attempt(context.Background(), a.MessageID, noted(a))
	if errors.Is(err, ledger.ErrStopped) {
		d.resends.stop(a.MessageID)
		return false
	}
	return true
}

// late notes an attempt that has ended after its race.
func (d *Dispatcher) late(a race.Attempt) {
	accepted, news, err := d.ledger.Late(context.Background(), a.MessageID, noted(a))
	if accepted && err == nil { // a race that is under way for a repeat must not send the message again
		d.callers.settle(a.MessageID)
	}
	d.tell(news)
}

// end notes how the race has ended, and returns the result for the caller.
func (d *Dispatcher) end(waiting *party, j job, begun ledger.Begun, raced race.Outcome) Result {
	result := results[raced.Result]
	if result == Failed && d.mayBeSent(waiting, j, begun) {
		result = Accepted
	}
	e := ended(j.ID, result, raced)
	e.Left = waiting.left()
	final, news, err := d.ledger.End(context.Background(), e)
	d.tell(news)
	if err != nil {
		return result
	}
	return final
}

var results = map[race.Result]Result{
	race.Failed:      Failed,
	race.Accepted:    Accepted,
	race.Unreachable: BadNumber,
}

// mayBeSent waits for the attempts of earlier races that have not ended: if one is accepted, so is this request. When the time is
// over, it reports whether one of them may have been sent, and SMSHOOK_UNKNOWN counts that as accepted.
func (d *Dispatcher) mayBeSent(waiting *party, j job, begun ledger.Begun) bool {
	if !slices.ContainsFunc(begun.Tried, maybe) {
		return false
	}
	ctx, cancel := context.WithDeadline(waiting, d.settings.deadline(j.Request, begun.FirstAt.Time()))
	defer cancel()
	m, _ := d.ledger.Decided(ctx, j.ID) // when the time is over, the record as it is then
	return waiting.Err() == nil && d.runner.Unknown == race.AcceptUnknown && slices.ContainsFunc(m.Attempts, maybe)
}

// maybe reports whether the message of an attempt may have been sent, but it isn't certain.
func maybe(a ledger.Attempt) bool {
	return a.State != ledger.AttemptAccepted && a.Kind == providers.Unknown
}

// ended is the end of a race as the ledger notes it.
func ended(id string, result Result, raced race.Outcome) ledger.Ended {
	e := ledger.Ended{ID: id, Result: result, Instance: winner(raced.Attempts)}
	for _, a := range raced.Attempts {
		e.Attempts = append(e.Attempts, noted(a))
	}
	return e
}

// noted is an attempt as the ledger notes it.
func noted(a race.Attempt) ledger.Attempt {
	n := ledger.Attempt{Instance: a.Instance, Channel: a.Channel, BegunAt: ledger.At(a.BegunAt), State: ledger.AttemptAccepted}
	if a.Err != nil {
		n.State, n.Kind, n.Code = ledger.AttemptFailed, a.Err.Kind, strings.Clone(a.Err.Code)
	}
	if a.Pending {
		n.State = ledger.Pending
	} else {
		n.EndedAt = ledger.At(a.BegunAt.Add(a.Took))
	}
	for _, id := range a.Sent.IDs {
		n.Parts = append(n.Parts, ledger.Part{ID: id})
	}
	return n
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
