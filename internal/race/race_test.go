package race

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// scripted is a carrier that takes its time and then says what it is told to.
type scripted struct {
	takes   time.Duration
	err     error
	channel string
	panics  any
	asked   *[]string
	name    string
}

func (s scripted) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	*s.asked = append(*s.asked, s.name)
	if s.panics != nil {
		panic(s.panics)
	}
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return providers.Sent{}, &providers.Error{Kind: providers.Unknown, Err: ctx.Err()}
	}
	if s.err != nil {
		return providers.Sent{}, s.err
	}
	return providers.Sent{IDs: []string{s.name + "-1"}}, nil
}

func (s scripted) Channel() string {
	if s.channel == "" {
		return "sms"
	}
	return s.channel
}

func failed(kind providers.Kind) error {
	return &providers.Error{Kind: kind, Code: "7", Err: errors.New("no")}
}

func TestRun(t *testing.T) {
	const never = time.Hour
	yes := scripted{}
	type list []scripted
	for _, tt := range []struct {
		name     string
		carriers list
		unknown  Unknown
		want     Result
		attempts string
		took     time.Duration
	}{
		{"the first accepts", list{yes, yes}, "", Accepted, "a:ok", 0},
		{"the second, after each kind", list{{err: failed(providers.Temporary)}, yes}, "", Accepted, "a:temporary b:ok", 0},
		{"after an account error", list{{err: failed(providers.Account)}, yes}, "", Accepted, "a:account b:ok", 0},
		{"after a rejection", list{{err: failed(providers.Rejected)}, yes}, "", Accepted, "a:rejected b:ok", 0},
		{"after silence", list{{takes: never}, yes}, "", Accepted, "a:unknown b:ok", 2 * time.Second},
		{"a slow one in its share", list{{takes: 1900 * time.Millisecond}, yes}, "", Accepted, "a:ok", 1900 * time.Millisecond},
		{"what one leaves falls to the next", list{{err: failed(providers.Temporary)}, {takes: 3900 * time.Millisecond}}, "", Accepted, "a:temporary b:ok", 3900 * time.Millisecond},
		{"nobody carries on after Recipient", list{{err: failed(providers.Recipient)}, yes}, "", Unreachable, "a:recipient", 0},
		{"Recipient stands above Unknown", list{{takes: never}, {err: failed(providers.Recipient)}}, "", Unreachable, "a:unknown b:recipient", 2 * time.Second},
		{"Channel closes its channel", list{
			{channel: "whatsapp", err: failed(providers.Channel)}, {channel: "whatsapp"}, yes,
		}, "", Accepted, "a:channel c:ok", 0},
		{"Channel alone", list{{channel: "whatsapp", err: failed(providers.Channel)}, {channel: "whatsapp"}}, "", Unreachable, "a:channel", 0},
		{"Channel, then a failure", list{{channel: "whatsapp", err: failed(providers.Channel)}, {err: failed(providers.Account)}}, "", Failed, "a:channel b:account", 0},
		{"all fail", list{{err: failed(providers.Temporary)}, {err: failed(providers.Rejected)}}, "", Failed, "a:temporary b:rejected", 0},
		{"silence counts as sent", list{{takes: never}, {err: failed(providers.Temporary)}}, AcceptUnknown, Accepted, "a:unknown b:temporary", 2 * time.Second},
		{"or not, if so set", list{{takes: never}, {err: failed(providers.Temporary)}}, FailUnknown, Failed, "a:unknown b:temporary", 2 * time.Second},
		{"all silent", list{{takes: never}, {takes: never}, {takes: never}}, FailUnknown, Failed, "a:unknown b:unknown c:unknown", 4 * time.Second},
		{"an error without a kind", list{{err: errors.New("028687")}, yes}, "", Accepted, "a:temporary b:ok", 0},
		{"a panic", list{{panics: "028687"}, yes}, "", Accepted, "a:temporary b:ok", 0},
		{"no carrier", nil, "", Failed, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				var carriers []Carrier
				for i, s := range tt.carriers {
					s.asked, s.name = &asked, string(rune('a'+i))
					carriers = append(carriers, Carrier{Name: s.name, Provider: s})
				}
				var ended []Attempt
				runner := Runner{Unknown: tt.unknown, Ended: func(a Attempt) { ended = append(ended, a) }}
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				outcome := runner.Run(ctx, providers.Message{ID: "m"}, carriers)

				require.Equal(t, tt.want, outcome.Result)
				require.Equal(t, tt.attempts, describe(outcome.Attempts))
				require.Equal(t, outcome.Attempts, ended)
				require.Equal(t, tt.took, time.Since(start))
				require.NotContains(t, fmt.Sprint(outcome.Attempts), "028687", "nobody knows what is in an error without a kind")
				require.Len(t, asked, len(outcome.Attempts), "each at most once")
			})
		})
	}
}

func describe(attempts []Attempt) string {
	text := ""
	for i, a := range attempts {
		if i > 0 {
			text += " "
		}
		kind := "ok"
		if a.Err != nil {
			kind = a.Err.Kind.String()
		}
		text += a.Carrier + ":" + kind
	}
	return text
}

func TestNobodyIsTriedOnceTheCallerHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		time.AfterFunc(time.Second, cancel)
		carriers := []Carrier{
			{Name: "a", Provider: scripted{takes: time.Hour, asked: &asked, name: "a"}},
			{Name: "b", Provider: scripted{asked: &asked, name: "b"}},
		}
		start := time.Now()
		Runner{Ended: func(Attempt) {}}.Run(ctx, providers.Message{}, carriers)
		require.Equal(t, []string{"a"}, asked)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestOperatorsCodesStandAboveTheCarriers(t *testing.T) {
	var asked []string
	refusal := &providers.Error{Kind: providers.Rejected, Code: "7", Err: errors.New("no")}
	carriers := []Carrier{
		{Name: "a", Provider: scripted{err: refusal, asked: &asked, name: "a"}, Codes: providers.Codes{"7": providers.Recipient}},
		{Name: "b", Provider: scripted{asked: &asked, name: "b"}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	outcome := Runner{Ended: func(Attempt) {}}.Run(ctx, providers.Message{}, carriers)
	require.Equal(t, Unreachable, outcome.Result)
	require.Equal(t, "a:recipient", describe(outcome.Attempts))
	require.Equal(t, providers.Rejected, refusal.Kind, "the carrier's own error is not written to")
}

func TestUnknownUnmarshalText(t *testing.T) {
	var u Unknown
	require.NoError(t, u.UnmarshalText([]byte("fail")))
	require.Equal(t, FailUnknown, u)
	require.EqualError(t, u.UnmarshalText([]byte("028687")), "want accept or fail")
}
