package dispatch

import (
	"context"
	"errors"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers"
)

// pigeon is an instance that remembers what it was given.
type pigeon struct {
	mu   sync.Mutex
	err  error
	wait time.Duration // before it answers
	got  []providers.Message
}

func (p *pigeon) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	p.mu.Lock()
	p.got = append(p.got, m)
	wait, err := p.wait, p.err
	p.mu.Unlock()
	if err := silence(ctx, wait); err != nil {
		return providers.Sent{}, err
	}
	return providers.Sent{IDs: []string{"1"}}, err
}

// silence is an instance's that has the message and hasn't answered yet.
func silence(ctx context.Context, lasts time.Duration) error {
	if lasts == 0 {
		return nil
	}
	httptrace.ContextClientTrace(ctx).WroteHeaders()
	timer := time.NewTimer(lasts)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sent returns how many messages it was given since it was last asked.
func (p *pigeon) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.got)
	p.got = nil
	return n
}

func fails(kind providers.Kind) *pigeon {
	return &pigeon{err: &providers.Error{Kind: kind, Err: errors.New("no")}}
}

// setup is settings of a Dispatcher and of its ledger.
type setup struct {
	Settings
	ResendWindow time.Duration
	LateFallback bool
	Around       func(ledger.Ledger) ledger.Ledger // returns the ledger that the Dispatcher is given; nil: the memory itself
}

func (s setup) ledger() ledger.Ledger {
	memory := ledger.NewMemory(ledger.Settings{
		CallerWaits:  s.CallerWaits,
		ResendWindow: s.ResendWindow,
		CodeLife:     max(s.CodeLife, DefaultLife),
		MaxWaiting:   s.Concurrency,
		LateFallback: s.LateFallback,
	}, policy.NewMemory(), time.Now)
	if s.Around != nil {
		return s.Around(memory)
	}
	return memory
}

// dispatcher returns one with instances a, b, c …
func dispatcher(s Settings, instances ...*pigeon) *Dispatcher {
	return setup{Settings: s}.dispatcher(instances...)
}

func (s setup) dispatcher(instances ...*pigeon) *Dispatcher {
	s.CallerWaits, s.Budget, s.Concurrency = 5*time.Second, 4*time.Second, 100
	if s.Texts == nil {
		s.Texts = texts(message.Settings{App: "Acme"})
	}
	var list []*race.Instance
	for i, c := range instances {
		list = append(list, race.NewInstance(string(rune('a'+i)), c, nil, 100))
	}
	runner := &race.Runner{Patience: 1500 * time.Millisecond, Unknown: race.AcceptUnknown, Ended: func(race.Attempt) {}}
	return New(s.Settings, s.ledger(), list, runner, Events{})
}

func texts(s message.Settings) *message.Texts {
	loaded, err := message.Load(s, nil)
	if err != nil {
		panic(err)
	}
	return loaded
}

func request(number string) Request {
	return Request{
		ID:         "an-id",
		User:       "a-user",
		Phone:      providers.NewSecret(number),
		Code:       providers.NewSecret("028687"),
		Locale:     "de",
		ReceivedAt: time.Now(),
	}
}

// shown is a message with its secrets in the open, to compare.
type shown struct {
	ID, To, National, Locale, Text, Code string
	Unicode                              bool
	Segments                             int
	Life                                 time.Duration
}

func show(m providers.Message) shown {
	return shown{m.ID, m.To.Reveal(), m.National.Reveal(), m.Locale, m.Text.Reveal(), m.Code.Reveal(), m.Unicode, m.Segments, m.Life}
}

func TestMessage(t *testing.T) {
	var cyrillic message.Template
	require.NoError(t, cyrillic.UnmarshalText([]byte("Код {{ .Code }}")))
	for _, tt := range []struct {
		name     string
		settings Settings
		mfa      bool
		want     shown
	}{
		{"as a rule", Settings{}, false,
			shown{"an-id", "+447400123456", "7400123456", "de", "Ihr Code für Acme lautet 028687", "028687", false, 1, 0}},
		{"with the code's life set", Settings{CodeLife: time.Minute}, false,
			shown{"an-id", "+447400123456", "7400123456", "de", "Ihr Code für Acme lautet 028687", "028687", false, 1, time.Minute}},
		{"a second factor lives longer", Settings{CodeLife: time.Minute}, true,
			shown{"an-id", "+447400123456", "7400123456", "de", "Ihr Code für Acme lautet 028687", "028687", false, 1, 0}},
		{"outside GSM-7", Settings{Texts: texts(message.Settings{Message: cyrillic})}, false,
			shown{"an-id", "+447400123456", "7400123456", "de", "Код 028687", "028687", true, 1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := new(pigeon)
			r := request("447400123456")
			r.MFA = tt.mfa
			outcome := dispatcher(tt.settings, p).Send(t.Context(), r)
			require.Equal(t, Accepted, outcome.Result)
			require.Equal(t, "+4474*****456", outcome.Number.Masked())
			require.Len(t, p.got, 1)
			require.Equal(t, tt.want, show(p.got[0]))
		})
	}
}

func TestTheTextOfTheCaller(t *testing.T) {
	p := &pigeon{}
	d := dispatcher(Settings{}, p)
	r := request("+4915123456789")
	r.Code, r.Text = providers.Secret{}, providers.NewSecret("Ваш заказ в пути")
	require.Equal(t, Accepted, d.Send(t.Context(), r).Result)
	require.Equal(t, []shown{{"an-id", "+4915123456789", "15123456789", "de", "Ваш заказ в пути", "", true, 1, 0}}, []shown{show(p.got[0])})
}

func TestResults(t *testing.T) {
	for _, tt := range []struct {
		name, number string
		instances    []*pigeon
		want         Result
		attempts     int
		reason       string
	}{
		{"accepted", "15555550100", []*pigeon{{}}, Accepted, 1, ""},
		{"accepted by the next", "15555550100", []*pigeon{fails(providers.Account), {}}, Accepted, 2, ""},
		{"failed", "15555550100", []*pigeon{fails(providers.Account), fails(providers.Rejected)}, Failed, 2, ""},
		{"unreachable", "15555550100", []*pigeon{fails(providers.Recipient), {}}, BadNumber, 1, ""},
		{"no number", "12", []*pigeon{{}}, BadNumber, 0, "the number has 2 digits, too few for a number with its calling code"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outcome := dispatcher(Settings{}, tt.instances...).Send(t.Context(), request(tt.number))
			require.Equal(t, tt.want, outcome.Result)
			require.Len(t, outcome.Attempts, tt.attempts)
			if tt.reason == "" {
				require.NoError(t, outcome.Reason)
			} else {
				require.EqualError(t, outcome.Reason, tt.reason)
			}
		})
	}
}

// The budget counts from when the call was received, and all of Auth's attempts share its five seconds.
func TestDeadline(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ago   time.Duration // when the call was received
		spent time.Duration
		want  time.Duration
	}{
		{"a first attempt", 0, 0, 4 * time.Second},
		{"it was received a second ago", time.Second, 0, 3 * time.Second},
		{"Auth has waited for a little", 0, 300 * time.Millisecond, 4 * time.Second},
		{"Auth's second attempt", 0, 2100 * time.Millisecond, 2700 * time.Millisecond},
		{"Auth's third attempt", 0, 4100 * time.Millisecond, 700 * time.Millisecond},
		{"Auth's third attempt, after some that broke late: too late to begin", 0, 4400 * time.Millisecond, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := dispatcher(Settings{}, &pigeon{wait: time.Hour})
				d.runner.Unknown = race.FailUnknown
				r := request("15555550100")
				r.Spent = tt.spent
				time.Sleep(tt.ago)
				start := time.Now()
				outcome := d.Send(t.Context(), r)
				require.Equal(t, Failed, outcome.Result)
				require.Equal(t, tt.want, time.Since(start))
				require.NoError(t, d.Drain(t.Context()))
			})
		})
	}
}

// Auth's third attempt comes 4 s into the call, and its 5 s are over when it has read the answer.
func TestTheThirdAttemptIsSent(t *testing.T) {
	quick := func() *pigeon { return &pigeon{wait: 300 * time.Millisecond} }
	silent := func() *pigeon { return &pigeon{wait: time.Hour} }
	for _, tt := range []struct {
		name      string
		instances []*pigeon
		before    []time.Duration // attempts that were seen, and broke
		spent     time.Duration   // of the third, as its timestamps say
	}{
		{"one instance", []*pigeon{quick()}, nil, 4020 * time.Millisecond},
		{"behind a silent one", []*pigeon{silent(), quick()}, nil, 4020 * time.Millisecond},
		{"of an Auth that doesn't say when it made the call", []*pigeon{fails(providers.Temporary), quick()}, []time.Duration{0, 2 * time.Second}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := dispatcher(Settings{}, tt.instances...)
				d.runner.Unknown = race.FailUnknown
				start := time.Now()
				for _, at := range tt.before {
					time.Sleep(at - time.Since(start))
					gone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					attempt(gone, d)
					cancel()
				}
				time.Sleep(4*time.Second - time.Since(start))
				receivedAt := time.Now()
				r := request("15555550100")
				r.Spent = tt.spent
				require.Equal(t, Accepted, d.Send(t.Context(), r).Result)
				require.Less(t, time.Since(receivedAt), 800*time.Millisecond)
				require.NoError(t, d.Drain(t.Context()))
			})
		})
	}
}

func TestTooManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Second}
		d := dispatcher(Settings{}, p)
		for i := range cap(d.slots) {
			r := request("15555550100")
			r.ID = strconv.Itoa(i)
			r.User = r.ID
			go d.Send(t.Context(), r)
		}
		synctest.Wait()
		require.Equal(t, 100, p.sent())
		start := time.Now()
		outcome := d.Send(t.Context(), request("15555550100"))
		require.Equal(t, []any{Failed, errBusy}, []any{outcome.Result, outcome.Reason})
		require.Zero(t, time.Since(start))
		time.Sleep(2 * time.Second)
		require.Equal(t, Accepted, d.Send(t.Context(), request("15555550100")).Result)
	})
}

func TestRoutes(t *testing.T) {
	var routes route.Table
	require.NoError(t, routes.UnmarshalText([]byte("GB: c; +1: b, a")))
	for _, tt := range []struct{ number, want string }{
		{"447400123456", "c"},
		{"15555550100", "b a"},
		{"919876543210", "a b c"},
		{"447700900123", "a b c"}, // no country's, and no rule for +44
	} {
		d := dispatcher(Settings{Routes: routes}, fails(providers.Rejected), fails(providers.Rejected), fails(providers.Rejected))
		outcome := d.Send(t.Context(), request(tt.number))
		require.Equal(t, tt.want, tried(outcome), tt.number)
	}
}

// tried names the instances in the order in which they were tried.
func tried(o Outcome) string {
	var names []string
	for _, a := range o.Attempts {
		names = append(names, a.Instance)
	}
	return strings.Join(names, " ")
}
