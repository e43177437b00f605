package ledger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// fault is what is wrong with a store.
type fault struct {
	delay time.Duration // before it does what it is asked for, even if that was given up
	until time.Time     // the same, until then
	hangs bool          // it never does it
	fails bool          // it does nothing, and says so
	loses bool          // it does what it is asked for, and its answer is lost
	panic bool
}

// faultyStore is a store whose methods have faults. A method returns when its ctx ends, whatever its fault.
type faultyStore struct {
	ledger.Store
	mu     sync.Mutex
	faults map[string]fault // by method; "" is all of them
	asked  map[string]int
}

func newFaultyStore() *faultyStore {
	return &faultyStore{Store: ledger.NewMemoryStore(newMemory(time.Now)), faults: map[string]fault{}, asked: map[string]int{}}
}

// replica returns the ledger of a replica that uses the store.
func (f *faultyStore) replica() *ledger.Shared { return ledger.NewShared(f, newMemory(time.Now)) }

func (f *faultyStore) set(method string, fault fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[method] = fault
}

// heal ends all faults.
func (f *faultyStore) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.faults)
}

func (f *faultyStore) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[method]
}

func (f *faultyStore) fault(method string) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[method]++
	if all, set := f.faults[""]; set {
		return all
	}
	return f.faults[method]
}

var errStore = errors.New("the store has failed")

func (f *faultyStore) ask(ctx context.Context, method string, do func()) error {
	fault := f.fault(method)
	done := make(chan struct{})
	switch {
	case fault.panic:
		panic("a bug")
	case fault.fails:
		return errStore
	case fault.hangs:
	case fault.delay > 0 || !fault.until.IsZero():
		time.AfterFunc(max(fault.delay, time.Until(fault.until)), func() {
			do()
			close(done)
		})
	default:
		do()
		close(done)
	}
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if fault.loses {
		return errStore
	}
	return nil
}

func (f *faultyStore) Begin(ctx context.Context, c ledger.Call, waitedFor string) (ledger.Begun, ledger.Behind, error) {
	type answer struct {
		begun  ledger.Begun
		behind ledger.Behind
		err    error
	}
	var a answer
	if err := f.ask(ctx, "Begin", func() { a.begun, a.behind, a.err = f.Store.Begin(context.Background(), c, waitedFor) }); err != nil {
		return ledger.Begun{}, ledger.Behind{}, err
	}
	return a.begun, a.behind, a.err
}

func (f *faultyStore) Messages(ctx context.Context, q ledger.Query) (page []ledger.Message, err error) {
	if err := f.ask(ctx, "Messages", func() { page, err = f.Store.Messages(context.Background(), q) }); err != nil {
		return nil, err
	}
	return page, err
}

func (f *faultyStore) Count(ctx context.Context, q ledger.CountQuery) (counts []ledger.Count, err error) {
	if err := f.ask(ctx, "Count", func() { counts, err = f.Store.Count(context.Background(), q) }); err != nil {
		return nil, err
	}
	return counts, err
}

func (f *faultyStore) Attempt(ctx context.Context, id string, a ledger.Attempt) error {
	return f.ask(ctx, "Attempt", func() { _ = f.Store.Attempt(context.Background(), id, a) })
}

func (f *faultyStore) End(ctx context.Context, e ledger.Ended) (result ledger.Result, news ledger.News, err error) {
	if err := f.ask(ctx, "End", func() { result, news, err = f.Store.End(context.Background(), e) }); err != nil {
		return 0, ledger.News{}, err
	}
	return result, news, err
}

func (f *faultyStore) Late(ctx context.Context, id string, a ledger.Attempt) (accepted bool, news ledger.News, err error) {
	if err := f.ask(ctx, "Late", func() { accepted, news, err = f.Store.Late(context.Background(), id, a) }); err != nil {
		return false, ledger.News{}, err
	}
	return accepted, news, err
}

func (f *faultyStore) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (news ledger.News, err error) {
	if err := f.ask(ctx, "Receipt", func() { news, err = f.Store.Receipt(context.Background(), instance, id, r) }); err != nil {
		return ledger.News{}, err
	}
	return news, err
}

func (f *faultyStore) Sweep(ctx context.Context) (more bool, news ledger.News, err error) {
	if err := f.ask(ctx, "Sweep", func() { more, news, err = f.Store.Sweep(context.Background()) }); err != nil {
		return false, ledger.News{}, err
	}
	return more, news, err
}

func (f *faultyStore) Message(ctx context.Context, id string) (m ledger.Message, found bool, err error) {
	if err := f.ask(ctx, "Message", func() { m, found, err = f.Store.Message(context.Background(), id) }); err != nil {
		return ledger.Message{}, false, err
	}
	return m, found, err
}

func (f *faultyStore) Write(ctx context.Context, w ledger.Written) (news ledger.News, err error) {
	if err := f.ask(ctx, "Write", func() { news, err = f.Store.Write(context.Background(), w) }); err != nil {
		return ledger.News{}, err
	}
	return news, err
}

// call is a call for a message of a user, received now. Two messages of the user may be sent in an hour.
func call(id, user string) ledger.Call {
	return ledger.Call{
		Message: providers.Message{
			ID:   id,
			To:   providers.NewSecret("+447700900123"),
			Text: providers.NewSecret("Your code is 028687"),
			Code: providers.NewSecret("028687"),
		},
		Flow:       ledger.Flow{User: user, Number: "447700900123"},
		Number:     "+4477*****123",
		Country:    "GB",
		LastSignIn: "2026-01-02T03:04:05Z",
		Stored:     id,
		ReceivedAt: ledger.At(time.Now()),
		Deadline:   time.Now().Add(4 * time.Second),
		Life:       time.Minute,
		Charges:    []policy.Charge{{Rule: policy.PerPhone, Limit: policy.Limit{Most: 2, Per: time.Hour}, Key: key(user)}},
	}
}

func key(user string) (k uint64) {
	for _, b := range []byte(user) {
		k = k<<8 | uint64(b)
	}
	return k
}

// race is how a message is sent: instance a fails, instance b accepts.
type race struct {
	id       string
	takes    time.Duration
	attempts []ledger.Attempt
}

// run runs the race, and returns how long it has waited for the ledger.
func (r *race) run(t *testing.T, l ledger.Ledger) (result ledger.Result, waited time.Duration, news ledger.News) {
	began := time.Now()
	for _, instance := range []string{"a", "b"} {
		a := ledger.Attempt{Instance: instance, BegunAt: ledger.At(time.Now()), State: ledger.AttemptFailed, Kind: providers.Temporary}
		if err := l.Attempt(t.Context(), r.id, ledger.Attempt{Instance: instance, BegunAt: a.BegunAt}); err != nil {
			t.Error(err)
		}
		time.Sleep(r.takes / 2)
		if instance == "b" {
			a.State, a.Kind, a.Parts = ledger.AttemptAccepted, 0, []ledger.Part{{ID: "SM" + r.id}}
		}
		r.attempts = append(r.attempts, a)
	}
	result, news, err := l.End(t.Context(), ledger.Ended{ID: r.id, Result: ledger.Accepted, Instance: "b", Attempts: r.attempts})
	if err != nil {
		t.Error(err)
	}
	return result, time.Since(began) - r.takes, news
}

// sweep sweeps each second, as dispatch does, until nothing is left, or for a time.
func sweep(t *testing.T, l *ledger.Shared, d time.Duration) (all ledger.News) {
	for range int(d / time.Second) {
		time.Sleep(time.Second)
		more, news, err := l.Sweep(t.Context())
		if err != nil {
			t.Error(err)
		}
		all.Reports, all.Stop = append(all.Reports, news.Reports...), append(all.Stop, news.Stop...)
		if news.Resend != nil {
			all.Resend = news.Resend
		}
		if !more {
			break
		}
	}
	return all
}
