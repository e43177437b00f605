package dispatch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// pigeon is a carrier that remembers what it was given.
type pigeon struct {
	err  error
	hang bool
	got  []providers.Message
}

func (p *pigeon) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	p.got = append(p.got, m)
	if p.hang {
		<-ctx.Done()
		return providers.Sent{}, &providers.Error{Kind: providers.Temporary, Err: ctx.Err()}
	}
	return providers.Sent{IDs: []string{"1"}}, p.err
}

func dispatcher(carriers ...*pigeon) *Dispatcher {
	d := &Dispatcher{Budget: 4 * time.Second, App: "Acme", Race: race.Runner{Ended: func(race.Attempt) {}}}
	for _, c := range carriers {
		d.Carriers = append(d.Carriers, race.Carrier{Name: "pigeon", Provider: c})
	}
	return d
}

func request(number string) Request {
	return Request{
		ID:      "an-id",
		Phone:   providers.NewSecret(number),
		Code:    providers.NewSecret("028687"),
		Locale:  "de",
		Arrived: time.Now(),
	}
}

// shown is a message with its secrets in the open, to compare.
type shown struct {
	ID, To, Country, Locale, Text, Code string
	Unicode                             bool
	Segments                            int
	Life                                time.Duration
}

func show(m providers.Message) shown {
	return shown{m.ID, m.To.Reveal(), m.Country, m.Locale, m.Text.Reveal(), m.Code.Reveal(), m.Unicode, m.Segments, m.Life}
}

func TestMessage(t *testing.T) {
	var cyrillic message.Template
	require.NoError(t, cyrillic.UnmarshalText([]byte("Код {{ .Code }}")))
	for _, tt := range []struct {
		name   string
		change func(*Dispatcher, *Request)
		want   shown
	}{
		{"as a rule", func(*Dispatcher, *Request) {},
			shown{"an-id", "+447400123456", "GB", "de", "Your Acme code is 028687", "028687", false, 1, 0}},
		{"with the code's life set", func(d *Dispatcher, _ *Request) { d.CodeLife = time.Minute },
			shown{"an-id", "+447400123456", "GB", "de", "Your Acme code is 028687", "028687", false, 1, time.Minute}},
		{"a second factor lives longer", func(d *Dispatcher, r *Request) { d.CodeLife, r.MFA = time.Minute, true },
			shown{"an-id", "+447400123456", "GB", "de", "Your Acme code is 028687", "028687", false, 1, 0}},
		{"outside GSM-7", func(d *Dispatcher, _ *Request) { d.Template = cyrillic },
			shown{"an-id", "+447400123456", "GB", "de", "Код 028687", "028687", true, 1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := new(pigeon)
			d, r := dispatcher(p), request("447400123456")
			tt.change(d, &r)
			outcome := d.Send(t.Context(), r)
			require.Equal(t, Accepted, outcome.Result)
			require.Equal(t, "+4474*****456", outcome.Number.Masked())
			require.Len(t, p.got, 1)
			require.Equal(t, tt.want, show(p.got[0]))
		})
	}
}

func TestResults(t *testing.T) {
	fails := func(kind providers.Kind) *pigeon {
		return &pigeon{err: &providers.Error{Kind: kind, Err: errors.New("no")}}
	}
	for _, tt := range []struct {
		name, number string
		carriers     []*pigeon
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
			outcome := dispatcher(tt.carriers...).Send(t.Context(), request(tt.number))
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

// The budget counts from the call's arrival, not from here: reading and verifying it has taken some of Auth's time.
func TestBudgetCountsFromArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := request("15555550100")
		time.Sleep(time.Second)
		start := time.Now()
		outcome := dispatcher(&pigeon{hang: true}).Send(t.Context(), r)
		require.Equal(t, Failed, outcome.Result)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}
