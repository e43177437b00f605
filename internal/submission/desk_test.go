package submission

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/outbox"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

const (
	from = "+16045551234"
	to   = "+14155551234"
	hi   = `{"to":"` + to + `","from":"` + from + `","body":"Hi"}`
)

var (
	shop  = Caller{Key: "shop"}
	other = Caller{Key: "other"}
	user  = Caller{User: "8ccaa7af-909f-44e7-84cb-67cdccb56be6"}
)

// desk is a Service with all that it needs: a queue in memory, workers, one instance and a receiver of events. It is used in a bubble.
type desk struct {
	*testing.T
	*Service
	settings   Settings
	queue      *ledger.MemoryQueue
	dispatcher *dispatch.Dispatcher
	secrets    hook.Secrets
	begun      time.Time
	stop       func() // what Start has started

	mu       sync.Mutex
	answers  []error // of the instance, in turn; the last one counts for all further messages
	slow     time.Duration
	sent     []string // what the instance was given, and when
	statuses []int    // of the receiver, in turn; the last one counts
	told     []string // what the receiver was told, and when
	problems []string // of workers
	fellBack int
}

func open(t *testing.T, change ...func(*Settings)) *desk {
	d := &desk{T: t, settings: Settings{Durable: true}, queue: ledger.NewMemoryQueue(time.Now), begun: time.Now(), answers: []error{nil}, statuses: []int{204}}
	for _, c := range change {
		c(&d.settings)
	}
	require.NoError(t, d.secrets.UnmarshalText([]byte("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")))
	d.start(providers.NewSecret("a key of the store, long enough"))
	t.Cleanup(func() { d.stop() })
	return d
}

// start starts the process: only the queue outlives it.
func (d *desk) start(key providers.Secret) {
	texts, err := message.Load(message.Settings{}, nil)
	require.NoError(d, err)
	records := ledger.NewMemory(ledger.Settings{CallerWaits: 5 * time.Second, MaxWaiting: 2000, LateFallback: true, History: 48 * time.Hour}, policy.NewMemory(), time.Now)
	runner := &race.Runner{Patience: 1500 * time.Millisecond, Unknown: race.AcceptUnknown, Ended: func(race.Attempt) {}}
	d.dispatcher = dispatch.New(
		dispatch.Settings{CallerWaits: 5 * time.Second, Budget: 4 * time.Second, Concurrency: 2000, Texts: texts, CodeLife: time.Minute,
			Policy: policy.Settings{Limits: policy.Limits{Phone: policy.Limit{Most: 1, Per: time.Hour}}, Lists: policy.Lists{BlockedCountries: policy.Countries{"FR": true}}}},
		records, []*race.Instance{race.NewInstance("a", d, nil, 2000)}, runner, dispatch.Events{
			Reported: func(r ledger.Report) { d.report(r.ID) },
			Resent:   d.report,
			FellBack: func(dispatch.Fallback) {},
			Judged:   func(ledger.Message) {},
		})
	client := &http.Client{Transport: d}
	events := &Events{URL: "https://shop.example/events?token=1", Signer: func() Signer { return d.secrets }, Client: client}
	d.Service = New(d.settings, d.queue, records, d.dispatcher, ledger.NewSealer(key), events)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	d.run(ctx, &running, ledger.Scheduled, func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
		w := d.Service.Send(ctx, c)
		d.problem(w.Err)
		return w.End
	})
	d.run(ctx, &running, ledger.Event, func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
		end, err := d.Deliver(ctx, c)
		d.problem(err)
		return end
	})
	d.stop = func() {
		cancel()
		running.Wait()
	}
}

func (d *desk) run(ctx context.Context, running *sync.WaitGroup, topic ledger.Topic, do func(context.Context, ledger.Claimed) ledger.ItemEnd) {
	worker := &outbox.Worker{Queue: d.queue, Topic: topic, Slots: 100, Do: do, Events: outbox.Events{
		Claimed: func(int) {},
		Ended: func(c ledger.Claimed, e ledger.ItemEnd, _ bool) {
			if e.Again == 0 {
				d.Ended(c.ID)
			}
		},
		Failed:   func(err error) { d.problem(err) },
		Panicked: func(value any) { panic(value) },
	}}
	running.Go(func() { worker.Run(ctx, context.Background()) })
}

func (d *desk) report(id string) { d.problem(d.Reported(context.Background(), id)) }

func (d *desk) problem(err error) {
	if err != nil {
		d.note(func() { d.problems = append(d.problems, err.Error()) })
	}
}

func (d *desk) note(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// at is a text with the time since the beginning.
func (d *desk) at(text string) string { return fmt.Sprintf("%s at %s", text, time.Since(d.begun)) }

// Send is the instance: it sends from one number, and nothing but texts.
func (d *desk) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	var answer error
	var slow time.Duration
	d.note(func() {
		answer, slow = d.answers[0], d.slow
		d.answers = d.answers[min(1, len(d.answers)-1):]
		d.sent = append(d.sent, d.at(fmt.Sprintf("%s from %q to %s, life %s", m.Text.Reveal(), m.From, m.To.Reveal(), m.Life)))
	})
	httptrace.ContextClientTrace(ctx).WroteHeaders()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return providers.Sent{}, ctx.Err()
	}
	if answer == errEarly { // a receipt that is faster than the answer
		d.receipt(m.ID, providers.StateDelivered)
		answer = nil
	}
	return providers.Sent{IDs: []string{"name of " + m.ID}}, answer
}

func (*desk) Senders() []string { return []string{from} }

var (
	errEarly  = errors.New("accepted, and delivered before that")
	temporary = &providers.Error{Kind: providers.Temporary, Err: errors.New("no")}
	rejected  = &providers.Error{Kind: providers.Rejected, Err: errors.New("no")}
)

// receipt is a provider's report about a message.
func (d *desk) receipt(id string, state providers.State) {
	err := d.dispatcher.Receipts(context.Background(), d.dispatcher.Instances[0], id, []providers.Receipt{{ID: "name of " + id, State: state}})
	d.problem(err)
}

// RoundTrip is the receiver of events.
func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status := 0
	var event struct{ Status, MessageID string }
	if json.Unmarshal(body, &event) != nil || d.secrets.Verify(r.Header, body) != nil || r.URL.String() != "https://shop.example/events?token=1" {
		event.Status = "forged"
	}
	d.note(func() {
		status = d.statuses[0]
		d.statuses = d.statuses[min(1, len(d.statuses)-1):]
		d.told = append(d.told, d.at(event.Status))
	})
	if status == 0 {
		return nil, errors.New("nobody listens at https://shop.example/events?token=1")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(nil))}, nil
}

// ask submits a request. The body is that of the API.
func (d *desk) ask(c Caller, key, body string) ([]Answer, *api.Problem) {
	d.Helper()
	request, problem := api.Decode([]byte(body))
	require.Nil(d, problem)
	return d.Submit(context.Background(), c, key, sha256.Sum256([]byte(body)), request)
}

// take submits a request for one message, which is taken.
func (d *desk) take(c Caller, key, body string) *api.Message {
	d.Helper()
	answers, problem := d.ask(c, key, body)
	require.Nil(d, problem)
	require.Len(d, answers, 1)
	require.Nil(d, answers[0].Problem)
	return answers[0].Message
}

// status is how far a message is, as its caller sees it.
func (d *desk) status(c Caller, id string) api.Status {
	d.Helper()
	m, problem := d.Message(context.Background(), c, id)
	if problem != nil {
		return api.Status(problem.Code)
	}
	return m.Status
}

// scheduled is a request for a message that is due after a time.
func (d *desk) scheduled(after time.Duration) string {
	return fmt.Sprintf(`{"to":%q,"body":"Hi","scheduled_at":%q}`, to, time.Now().Add(after).Format(time.RFC3339Nano))
}

// shows requires what the instance was given and what the receiver was told, and that no worker had a problem but these.
func (d *desk) shows(sent, told []string, problems ...string) {
	d.Helper()
	d.note(func() {
		require.Equal(d, sent, d.sent)
		require.Equal(d, told, d.told)
		require.Equal(d, problems, d.problems)
	})
}
