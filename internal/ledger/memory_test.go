package ledger_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func TestMemory(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		return ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), clock.Now)
	})
}

// send has a message of a user of its own accepted and delivered.
func send(tb testing.TB, l ledger.Ledger, i int, now time.Time) {
	id := fmt.Sprintf("4fe7b0a2-16c5-4a0e-8e04-%012d", i)
	name := fmt.Sprintf("SM%032d", i)
	user := fmt.Sprintf("6a0ed0a4-4d2b-4f3e-9a0d-%012d", i)
	begun, err := l.Begin(tb.Context(), ledger.Call{
		Message: providers.Message{
			ID:   id,
			To:   providers.NewSecret(fmt.Sprintf("+4477009%05d", i%100_000)),
			Text: providers.NewSecret(fmt.Sprintf("Your Acme code is %06d", i%1_000_000)),
			Code: providers.NewSecret(fmt.Sprintf("%06d", i%1_000_000)),
		},
		Flow:       ledger.Flow{User: user, Number: fmt.Sprintf("4477009%05d", i%100_000)},
		Number:     fmt.Sprintf("+4477*****%03d", i%1000),
		Country:    "GB",
		LastSignIn: "2026-01-02T03:04:05Z",
		ReceivedAt: ledger.At(now),
		Life:       time.Minute,
	})
	require.NoError(tb, err)
	require.True(tb, begun.Go)
	require.NoError(tb, l.Attempt(tb.Context(), id, ledger.Attempt{Instance: "twilio", BegunAt: ledger.At(now)}))
	_, _, err = l.End(tb.Context(), ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "twilio", Attempts: []ledger.Attempt{{
		Instance: "twilio", BegunAt: ledger.At(now), State: ledger.AttemptAccepted, Parts: []ledger.Part{{ID: name}},
	}}})
	require.NoError(tb, err)
	_, err = l.Receipt(tb.Context(), "twilio", "", providers.Receipt{ID: name, State: providers.StateDelivered})
	require.NoError(tb, err)
}

const maxMessages = 1 << 16

// What is remembered of a message takes 700 bytes or less, and more messages than there is room for take no more.
func TestMemoryIsBounded(t *testing.T) {
	now := time.Now()
	l := ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), func() time.Time { return now })
	before := heap()
	for i := range maxMessages {
		send(t, l, i, now)
	}
	each := float64(heap()-before) / maxMessages
	t.Logf("%.0f bytes a message", each)
	require.LessOrEqual(t, each, 700.0)
	for i := range maxMessages {
		send(t, l, maxMessages+i, now)
	}
	_, err := l.Begin(t.Context(), ledger.Call{Message: providers.Message{ID: "4fe7b0a2-16c5-4a0e-8e04-000000000000"}, ReceivedAt: ledger.At(now)})
	require.ErrorIs(t, err, ledger.ErrReplayed, "what is forgotten for lack of room isn't sent again")
	require.InDelta(t, each+40, float64(heap()-before)/maxMessages, 64)
	require.EqualValues(t, maxMessages, l.Forgotten())
}

// Calls that limits refuse are forgotten before messages that were sent, however many they are, and aren't sent if they are played again.
func TestRefusedCallsEvictNoMessage(t *testing.T) {
	const messages, attack = 1000, maxMessages + 1000
	now := time.Now()
	clock := func() time.Time { return now }
	store := newFaultyStore()
	for name, tt := range map[string]struct {
		ledger ledger.Ledger
		before func() // the check
	}{
		"memory":                  {newMemory(clock), func() {}},
		"the memory of a replica": {ledger.NewShared(store, newMemory(clock)), func() { store.set("", fault{fails: true}) }},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range messages {
				send(t, tt.ledger, i, now)
			}
			attacker := func(i int) ledger.Call {
				c := call(fmt.Sprint("attack ", i), fmt.Sprint("attacker ", i))
				c.ReceivedAt, c.Charges[0].Key = ledger.At(now), 1
				return c
			}
			require.True(t, begin(t, tt.ledger, attacker(0)).Go)
			require.True(t, begin(t, tt.ledger, attacker(1)).Go)
			before := heap()
			for i := range attack {
				require.Equal(t, ledger.TooMany, begin(t, tt.ledger, attacker(2+i)).Result)
			}
			t.Logf("%d refused calls take %d bytes each", attack, (heap()-before)/attack)
			require.Zero(t, tt.ledger.Forgotten())
			tt.before()
			for i := range messages {
				c := call(fmt.Sprintf("4fe7b0a2-16c5-4a0e-8e04-%012d", i), "")
				require.Equal(t, repeat, begin(t, tt.ledger, c))
			}
			again := begin(t, tt.ledger, attacker(1+attack))
			require.Equal(t, ledger.Begun{Repeat: true, Result: ledger.TooMany, Over: -1}, again)
			_, err := tt.ledger.Begin(t.Context(), attacker(2))
			require.ErrorIs(t, err, ledger.ErrReplayed)
		})
	}
}

// A user's id may be as long as a call.
func TestLongTextsAreNotRemembered(t *testing.T) {
	const calls, long = 100, 200 << 10
	l := ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), time.Now)
	before := heap()
	for i := range calls {
		begun, err := l.Begin(t.Context(), ledger.Call{
			Message:    providers.Message{ID: fmt.Sprint(i)},
			Flow:       ledger.Flow{User: strings.Repeat("u", long) + fmt.Sprint(i)},
			LastSignIn: strings.Repeat("l", long),
			Stored:     strings.Repeat("s", long),
			ReceivedAt: ledger.At(time.Now()),
		})
		require.NoError(t, err)
		require.True(t, begun.Go, "each is another user")
	}
	grown := int64(heap()) - int64(before)
	runtime.KeepAlive(l)
	require.Less(t, grown, int64(calls*long/4)) // the heap may have shrunk
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func BenchmarkMemory(b *testing.B) {
	now := time.Now()
	l := ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), func() time.Time { return now })
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		send(b, l, i, now)
	}
}

// A memory keeps what became of messages for longer than it needs them. That these are forgotten for lack of room is no loss.
func TestMemoryKeepsItsHistory(t *testing.T) {
	now := time.Now()
	settings := ledgertest.Settings
	settings.History = 24 * time.Hour
	l := ledger.NewMemory(settings, policy.NewMemory(), func() time.Time { return now })
	send(t, l, 0, now)
	now = now.Add(23 * time.Hour)
	_, _, err := l.Sweep(t.Context())
	require.NoError(t, err)
	page, err := l.Messages(t.Context(), ledger.Query{})
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, ledger.Delivered, page[0].State(ledger.At(now)))
	for i := range ledger.MaxMessages {
		send(t, l, 1+i, now)
	}
	page, err = l.Messages(t.Context(), ledger.Query{ID: page[0].ID})
	require.NoError(t, err)
	require.Empty(t, page)
	require.Zero(t, l.Forgotten())
	now = now.Add(24 * time.Hour)
	_, _, err = l.Sweep(t.Context())
	require.NoError(t, err)
	page, err = l.Messages(t.Context(), ledger.Query{})
	require.NoError(t, err)
	require.Empty(t, page)
}
