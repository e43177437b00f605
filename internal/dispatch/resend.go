package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Fallback is a message that was sent through another instance because a receipt said that it won't be delivered by the first.
type Fallback struct {
	MessageID string
	Instance  string         // that failed
	Kind      providers.Kind // why
	Outcome   race.Outcome
	Reason    error // why no instance was tried; may be nil
}

// resend sends a message through the instances that have not tried it yet. No caller waits for the outcome, only the user,
// who has to enter the code. It ends when the code is no longer valid, or when the message was delivered.
func (d *Dispatcher) resend(r *ledger.Resend) {
	number, err := phone.Parse(r.Message.To.Reveal())
	route := forResend(able(d.route(number, r.Lost), r.Message, ""), r.Tried)
	if err != nil || len(route) == 0 {
		d.resent(r.Message.ID, race.Outcome{})
		return
	}
	ctx := d.resends.begin(r.Message.ID)
	d.runner.Go(func() {
		f := Fallback{MessageID: r.Message.ID, Instance: r.Instance, Kind: r.Kind}
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
			now := time.Now()
			f.Outcome = d.runner.Run(ctx, race.Entry{
				Message:    r.Message,
				Route:      route,
				ReceivedAt: now,
				Deadline:   now.Add(d.settings.Budget),
				Starting:   d.starting,
				Late:       d.late,
			})
		default:
			f.Reason = errBusy
		}
		d.events.FellBack(f)
		d.resent(r.Message.ID, f.Outcome)
	})
}

// resent notes what came of sending a message again.
func (d *Dispatcher) resent(id string, raced race.Outcome) {
	e := ended(id, results[raced.Result], raced)
	e.Resend = true
	_, news, _ := d.ledger.End(context.Background(), e)
	d.resends.end(id, news.Resend != nil)
	d.tell(news)
	if news.Resend == nil {
		d.events.Resent(id)
	}
}

// resends are the messages that are being sent again, by their ID.
type resends struct {
	mu   sync.Mutex
	byID map[string]*resending
}

// maxResends bounds what is remembered of messages that another replica sends again.
const maxResends = 1 << 12

// resending is the sending of one message again. It may be stopped before it begins: the ledger may say so to another goroutine.
type resending struct {
	cancel  context.CancelFunc // nil before it begins
	stopped bool
}

// begin returns a context that ends when the message must not be sent again any more. The caller must call end.
func (rs *resends) begin(id string) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(id)
	r.cancel = cancel
	if r.stopped {
		cancel()
	}
	return ctx
}

// stop ends the sending of a message, which is under way or about to begin.
func (rs *resends) stop(id string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byID[id] == nil && len(rs.byID) >= maxResends {
		return
	}
	r := rs.of(id)
	r.stopped = true
	if r.cancel != nil {
		r.cancel()
	}
}

// end notes that the sending has ended, and whether the message is to be sent again once more.
func (rs *resends) end(id string, again bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.of(id); r.cancel != nil {
		r.cancel()
		r.cancel = nil
	}
	if !again {
		delete(rs.byID, id)
	}
}

// of returns what is known of a message. rs.mu is held.
func (rs *resends) of(id string) *resending {
	if rs.byID == nil {
		rs.byID = map[string]*resending{}
	}
	if rs.byID[id] == nil {
		rs.byID[id] = &resending{}
	}
	return rs.byID[id]
}
