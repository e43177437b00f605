package app

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/providers"
)

func guardConfig(t *testing.T, more ...string) config.Config {
	drivers := []providers.Driver{providers.NewDriver("gate", "Gate", func(none, providers.Deps) (*gate, error) { return new(gate), nil })}
	c, err := config.Load(append(more, "SMSHOOK_PROVIDERS=gate"), drivers, false, nil)
	require.NoError(t, err)
	return c
}

// What the guard has learnt survives a restart, until an operator says to forget it.
func TestTheGuardIsKept(t *testing.T) {
	c := guardConfig(t, "SMSHOOK_SECRETS="+hook.NewSecret(), "SMSHOOK_STORE=sqlite:"+filepath.Join(t.TempDir(), "smshook.db"), "SMSHOOK_GUARD=enforce")
	start := func() *App {
		a, err := New(c, "v1", zerolog.Nop(), nil)
		require.NoError(t, err)
		return a
	}
	way := func(a *App) insight.Way {
		return a.learner.guard.Look(insight.Subject{Number: 447_400_129_999, Country: "GB"}, time.Now()).Way
	}
	a := start()
	require.False(t, a.learner.guard.Observe)
	at := time.Now().Add(-2 * time.Hour)
	for i := range 10 {
		s := insight.Subject{Number: 447_400_120_000 + uint64(i), Country: "GB"}
		m := ledger.Message{
			Range: a.learner.guard.Tag(s, insight.Verdict{}), Country: "GB", ReceivedAt: ledger.At(at), Use: ledger.Unused, Result: ledger.Accepted, Instance: "gate",
		}
		a.learner.learn(m, at.Add(time.Minute))
		at = at.Add(10 * time.Minute)
	}
	require.Equal(t, insight.Refuse, way(a))
	a.Close()

	a = start()
	require.Equal(t, insight.Refuse, way(a))
	number, err := phone.Parse("447400129999")
	require.NoError(t, err)
	words, ok, err := ExplainGuard(t.Context(), c, dispatch.Request{}, number)
	require.NoError(t, err)
	require.False(t, ok)
	require.Regexp(t, `^refused \(\+44740012\), next trial in .*: of about \d+ codes to this number range, 0 were used$`, words)
	require.NoError(t, Forget(t.Context(), c.Store, "447400", time.Now()))
	a.look(t.Context(), time.Now(), false)
	require.Equal(t, insight.Allow, way(a))
	a.Close()

	a = start()
	require.Equal(t, insight.Allow, way(a))
	words, ok, err = ExplainGuard(t.Context(), c, dispatch.Request{}, number)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "nothing is held against the number", words)
	a.Close()

	c.Guard = "off"
	a = start()
	require.Nil(t, a.learner.guard)
	a.Close()

	require.ErrorContains(t, Forget(t.Context(), config.Store{}, "447400", time.Now()), "SMSHOOK_STORE: is memory")
}

func TestOutcome(t *testing.T) {
	now := time.Now()
	message := func(u ledger.Use, s providers.State) ledger.Message {
		return ledger.Message{Result: ledger.Accepted, Use: u, Attempts: []ledger.Attempt{
			{Instance: "gate", State: ledger.AttemptAccepted, Parts: []ledger.Part{{ID: "1", State: s}}},
		}}
	}
	for _, tt := range []struct {
		message ledger.Message
		want    insight.Outcome
		ok      bool
	}{
		{message(ledger.Used, providers.StateDelivered), insight.Used, true},
		{message(ledger.Used, providers.StateUndelivered), insight.Used, true},
		{message(ledger.Unused, providers.StateDelivered), insight.Unused, true},
		{message(ledger.Replaced, providers.StateDelivered), insight.Unused, true},
		{message(ledger.Unused, providers.StateUndelivered), insight.Undelivered, true},
		{message(ledger.UseUnknown, providers.StateDelivered), 0, false},
		{message(ledger.Undecided, providers.StateDelivered), 0, false},
	} {
		got, ok := outcome(tt.message, now)
		require.Equal(t, tt.want, got)
		require.Equal(t, tt.ok, ok)
	}
}
