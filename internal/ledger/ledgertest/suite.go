// Package ledgertest is the contract of [ledger.Ledger] as tests, for every implementation of it.
package ledgertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// Settings are those that a ledger under test is opened with.
var Settings = ledger.Settings{CallerWaits: 5 * time.Second, ResendWindow: 10 * time.Minute, CodeLife: time.Minute, MaxWaiting: 100, LateFallback: true}

// Clock is the time that a ledger under test lives by. It stands still until it is moved. It may be used concurrently.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a time.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the time on.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// Open opens an empty ledger with [Settings] that lives by a clock.
type Open func(*testing.T, *Clock) ledger.Ledger

// Run holds the ledgers that open returns to the contract.
func Run(t *testing.T, open Open) {
	for _, tt := range []struct {
		name string
		test func(*desk)
	}{
		{"a call is sent once", sentOnce},
		{"a repeat is answered like the call before", repeats},
		{"a repeat waits for the race of the call before", repeatWaits},
		{"a repeat of a failed call is told what was tried", repeatAfterFailure},
		{"a repeat is told when the call was first received", firstAt},
		{"a failed call is not sent once its caller has given up", replayed},
		{"a call that nobody waits for is taken over by its repeat", takenOver},
		{"a second call of a flow waits, and is refused if the first is accepted", flowAccepted},
		{"a second call of a flow waits, and is sent if the first fails", flowFailed},
		{"a second call of a flow is sent if nobody waited for the first", flowLeft},
		{"flows don't wait for each other", flowsApart},
		{"a call from a queue waits for no other, and is never too old", queued},
		{"a call doesn't wait longer than it has time", noTime},
		{"a call doesn't wait for a caller who has left", callerLeft},
		{"a second tap just after the first was accepted is refused", secondTap},
		{"a message that a newer one has overtaken is refused", overtaken},
		{"waiting calls are bounded", crowded},
		{"of many calls of a flow at once, one is sent", flowRush},
		{"of many repeats at once, one is sent", repeatRush},
		{"a call of another flow with the same ID is a repeat", sameID},
		{"of many calls of several flows with the same ID, one is sent and charged", sameIDRush},
		{"a user who asks again is told which instance lost the message", lost},
		{"a call is charged once", chargedOnce},
		{"a limit that is used up refuses", limited},
		{"of many calls at once, as many are sent as the limit says", limitRush},
		{"a limit that observes refuses nothing", observed},
		{"a refused call of a flow whose code is valid is told so", limitedButSent},
		{"a late acceptance stands for the call", lateAccepted},
		{"a message is decided when no attempt is pending", decided},
		{"receipts lead to the highest state in every order", receiptsInEveryOrder},
		{"a message in parts", parts},
		{"names of one instance are bounded", partsBounded},
		{"a receipt may come before its message", earlyReceipt},
		{"a receipt that no message is known for is reported in the end", unknownReceipt},
		{"early receipts are bounded", earlyBounded},
		{"a receipt finds a message that its instance has not named", unnamedReceipt},
		{"a receipt from an instance that was not asked is ignored", notAsked},
		{"a message that failed by a receipt is sent again once", resent},
		{"a message is not sent again", notResent},
		{"a newer code replaces the older one", superseded},
		{"a delivered message stops its resending", deliveredStops},
		{"a resending stops at its next attempt", stopped},
		{"what has expired is wiped", expiry},
		{"old records are forgotten", forgotten},
		{"the record says what became of a message", history},
		{"a message is found by all that is asked for", foundBy},
		{"messages come in pages, the newest first", pages},
		{"counts are those of the messages, however old they are", countsInTime},
		{"a refused call is on record, with the rule", refusedOnRecord},
		{"the next call of a user says what became of their code", judgedByNextCall},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := &Clock{now: time.Now().UTC().Truncate(time.Microsecond)} // as exact as a database keeps it
			tt.test(&desk{T: t, clock: clock, Ledger: open(t, clock)})
		})
	}
}

// desk is a ledger under test, and what is done with it.
type desk struct {
	*testing.T
	ledger.Ledger
	clock *Clock
}

// call is a call for a message, received now.
func (d *desk) call(id string, change ...func(*ledger.Call)) ledger.Call {
	c := ledger.Call{
		Message: providers.Message{
			ID:   id,
			To:   providers.NewSecret("+447700900123"),
			Text: providers.NewSecret("Your code is 028687"),
			Code: providers.NewSecret("028687"),
		},
		Flow:       ledger.Flow{User: "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11", Number: "447700900123"},
		Number:     "+4477*****123",
		Country:    "GB",
		LastSignIn: "2026-01-02T03:04:05Z",
		ReceivedAt: ledger.At(d.clock.Now()),
		Deadline:   time.Now().Add(time.Minute),
		Life:       time.Minute,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func otherFlow(c *ledger.Call)   { c.Flow.User = "another" }
func otherNumber(c *ledger.Call) { c.Flow.Number = "447700900124" }
func mfa(c *ledger.Call)         { c.Flow.MFA = true }
func signedIn(c *ledger.Call)    { c.LastSignIn = "since then" }

// begin returns the answer to a call, without FirstAt.
func (d *desk) begin(c ledger.Call) ledger.Begun {
	begun, err := d.Begin(d.Context(), c)
	require.NoError(d, err)
	begun.FirstAt = 0
	return begun
}

// beginning is a call that may have to wait.
func (d *desk) beginning(c ledger.Call) <-chan ledger.Begun {
	begun := make(chan ledger.Begun, 1)
	go func() {
		b, err := d.Begin(d.Context(), c)
		if err != nil {
			d.Error(err)
		}
		b.FirstAt = 0
		begun <- b
	}()
	return begun
}

// try begins an attempt.
func (d *desk) try(id, instance string) {
	require.NoError(d, d.Attempt(d.Context(), id, ledger.Attempt{Instance: instance, BegunAt: ledger.At(d.clock.Now())}))
}

func (d *desk) accepted(instance string, names ...string) ledger.Attempt {
	a := ledger.Attempt{Instance: instance, BegunAt: ledger.At(d.clock.Now()), State: ledger.AttemptAccepted}
	for _, name := range names {
		a.Parts = append(a.Parts, ledger.Part{ID: name})
	}
	return a
}

func (d *desk) failed(instance string, kind providers.Kind) ledger.Attempt {
	return ledger.Attempt{Instance: instance, BegunAt: ledger.At(d.clock.Now()), State: ledger.AttemptFailed, Kind: kind}
}

func (d *desk) pending(instance string) ledger.Attempt {
	return ledger.Attempt{Instance: instance, BegunAt: ledger.At(d.clock.Now()), Kind: providers.Unknown}
}

func (d *desk) end(e ledger.Ended) (ledger.Result, ledger.News) {
	result, news, err := d.End(d.Context(), e)
	require.NoError(d, err)
	return result, news
}

// send has a message accepted by an instance, which names it.
func (d *desk) send(c ledger.Call, instance string, names ...string) {
	require.True(d, d.begin(c).Go)
	d.try(c.Message.ID, instance)
	_, news := d.end(ledger.Ended{ID: c.Message.ID, Result: ledger.Accepted, Instance: instance, Attempts: []ledger.Attempt{d.accepted(instance, names...)}})
	require.Zero(d, news)
}

// fail has a message refused by all instances.
func (d *desk) fail(c ledger.Call, attempts ...ledger.Attempt) {
	require.True(d, d.begin(c).Go)
	for _, a := range attempts {
		d.try(c.Message.ID, a.Instance)
	}
	d.end(ledger.Ended{ID: c.Message.ID, Result: ledger.Failed, Attempts: attempts})
}

// report has an instance report of a name.
func (d *desk) report(instance, id, name string, state providers.State, kind providers.Kind) ledger.News {
	news, err := d.Receipt(d.Context(), instance, id, providers.Receipt{ID: name, State: state, Kind: kind})
	require.NoError(d, err)
	return news
}

func (d *desk) sweep() (bool, ledger.News) {
	more, news, err := d.Sweep(d.Context())
	require.NoError(d, err)
	return more, news
}

// limits returns charges of one limit of a number.
func limits(most int, per time.Duration) func(*ledger.Call) {
	return func(c *ledger.Call) {
		c.Charges = []policy.Charge{{Rule: policy.PerPhone, Limit: policy.Limit{Most: most, Per: per}, Key: 1}}
	}
}

// short returns a context that ends soon.
func (d *desk) short() context.Context {
	ctx, cancel := context.WithTimeout(d.Context(), 50*time.Millisecond)
	d.Cleanup(cancel)
	return ctx
}

var sendIt = ledger.Begun{Go: true, Over: -1}

// repeat is the answer to a repeat.
func repeat(r ledger.Result) ledger.Begun { return ledger.Begun{Repeat: true, Result: r, Over: -1} }

// refused is the answer to a call that is not sent.
func refused(r ledger.Result) ledger.Begun { return ledger.Begun{Result: r, Over: -1} }
