package submission

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

func TestScheduled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		m := d.take(shop, "", d.scheduled(7*24*time.Hour))
		require.Equal(t, []any{api.Scheduled, d.begun.Add(7 * 24 * time.Hour).UnixMilli()}, []any{m.Status, m.ScheduledAt.UnixMilli()})
		late := d.take(shop, "", d.scheduled(-20*time.Second)) // the caller's clock is slow
		require.Equal(t, []any{api.Queued, true}, []any{late.Status, late.ScheduledAt.IsZero()})
		time.Sleep(7*24*time.Hour - time.Microsecond)
		require.Equal(t, api.Scheduled, d.status(shop, m.ID))
		require.Len(t, d.sent, 1)
		time.Sleep(time.Second)
		require.Equal(t, api.Sent, d.status(shop, m.ID))
		require.Equal(t, `Hi from "" to +14155551234, life 0s at 168h0m0s`, d.sent[1])
		_, problem := d.Cancel(t.Context(), shop, m.ID)
		require.Equal(t, tooLate, problem)
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		m := d.take(shop, "", d.scheduled(time.Hour))
		want := *m
		want.Status = api.Canceled
		for range 2 {
			got, problem := d.Cancel(t.Context(), shop, m.ID)
			require.Nil(t, problem)
			require.Equal(t, []any{want.ID, want.Status, true, want.ScheduledAt.UnixMilli()}, []any{got.ID, got.Status, got.Success, got.ScheduledAt.UnixMilli()})
		}
		d.slow = time.Minute
		sending := d.take(shop, "", hi)
		synctest.Wait()
		_, problem := d.Cancel(t.Context(), shop, sending.ID)
		require.Equal(t, tooLate, problem, "it is being sent")
		time.Sleep(2 * time.Hour)
		require.Equal(t, api.Canceled, d.status(shop, m.ID))
		require.Len(t, d.sent, 1)
	})
}

// After a failure that may pass, a message is tried again, with longer and longer pauses. After any other it isn't.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.answers = []error{temporary, temporary, temporary, temporary, nil}
		m := d.take(shop, "", hi)
		var at []string
		time.Sleep(17 * time.Second)
		require.Equal(t, api.Queued, d.status(shop, m.ID))
		time.Sleep(31 * time.Second)
		for _, line := range d.sent {
			at = append(at, line[strings.Index(line, " at ")+4:])
		}
		require.Equal(t, []string{"0s", "2s", "7s", "17s", "47s"}, at)
		require.Equal(t, api.Sent, d.status(shop, m.ID))
		require.Equal(t, []string{"sent at 47s"}, d.told)

		for _, answer := range []error{rejected, &providers.Error{Kind: providers.Account, Err: errors.New("no")}} {
			d.sent, d.told, d.answers = nil, nil, []error{answer}
			m = d.take(shop, "", hi)
			time.Sleep(time.Hour)
			require.Equal(t, api.Failed, d.status(shop, m.ID))
			require.Len(t, d.sent, 1)
			require.Equal(t, []string{fmt.Sprintf("failed at %s", time.Since(d.begun)-time.Hour)}, d.told)
		}
	})
}

// A message that no provider has taken for four hours has expired. The contract has no word for that but failed.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.answers = []error{temporary}
		m := d.take(shop, "", hi)
		time.Sleep(latest - time.Millisecond)
		require.Equal(t, api.Queued, d.status(shop, m.ID))
		tries := len(d.sent)
		require.Greater(t, tries, 10)
		time.Sleep(time.Second)
		require.Equal(t, api.Expired, d.status(shop, m.ID))
		require.Equal(t, []string{"failed at 4h0m0s"}, d.told)
		time.Sleep(time.Hour)
		require.Len(t, d.sent, tries)
	})
}

// A process that ends leaves the message to the next one. Without the key of the store, the message waits for it.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		m := d.take(shop, "order 7", d.scheduled(time.Minute))
		d.stop()
		d.start(providers.NewSecret("another key of the store"))
		require.Equal(t, api.Status(api.Unavailable), d.status(shop, m.ID))
		_, problem := d.ask(shop, "order 7", d.scheduled(time.Minute))
		require.Equal(t, unavailable, problem)
		time.Sleep(time.Hour)
		require.Empty(t, d.sent)
		require.Equal(t, d.problems[0], "the contents can't be opened: they were sealed with another key, for another message, or have been changed")
		d.stop()
		d.start(providers.NewSecret("a key of the store, long enough"))
		time.Sleep(unreadable + time.Second)
		require.Equal(t, api.Sent, d.status(shop, m.ID))
		require.Len(t, d.sent, 1)
		d.stop()
		d.start(providers.NewSecret("another key of the store"))
		lost := strings.TrimPrefix(d.take(shop, "", d.scheduled(time.Minute)).ID, prefix)
		d.stop()
		d.start(providers.NewSecret("a key of the store, long enough"))
		time.Sleep(5 * time.Hour)
		_, _, found, err := d.queue.Item(t.Context(), lost)
		require.NoError(t, err)
		require.False(t, found, "what nobody could read is forgotten when its time is over")
	})
}

// The workers of a process that ends don't wait for a provider that is away: the message goes back into the queue.
func TestGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.stop()
		m := d.take(shop, "", hi)
		claimed, err := d.queue.Claim(t.Context(), []ledger.Topic{ledger.Scheduled}, 1)
		require.NoError(t, err)
		ctx, cancel := testContext(t)
		cancel()
		w := d.Service.Send(ctx, claimed[0])
		require.Equal(t, ledger.ItemEnd{Again: ledger.At(time.Now())}, w.End)
		require.Equal(t, api.Queued, d.status(shop, m.ID))
	})
}
