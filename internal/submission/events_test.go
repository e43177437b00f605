package submission

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/providers"
)

func testContext(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// While the receiver is down, events wait, with longer and longer pauses, and keep their order.
func TestReceiverThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.statuses = []int{500, 0, 302, 404, 200}
		m := d.take(shop, "", hi)
		synctest.Wait()
		d.receipt(0, strings.TrimPrefix(m.ID, "msg_"), providers.StateUndelivered)
		d.sleep(time.Hour)
		require.Equal(t, []string{"sent at 0s", "sent at 5s", "sent at 35s", "sent at 2m35s", "sent at 12m35s", "undelivered at 12m35s"}, d.told)
		require.Equal(t, []string{
			"the receiver of events answered 500", "the receiver of events could not be reached", "the receiver of events answered 302", "the receiver of events answered 404",
		}, d.problems)
		require.Equal(t, api.Undelivered, d.status(shop, m.ID))
	})
}

// After a day, an event is given up, and the next one of its message is told.
func TestReceiverThatIsDownForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.statuses = []int{503}
		m := d.take(shop, "", hi)
		d.sleep(23 * time.Hour)
		tries := len(d.told)
		require.Greater(t, tries, 10)
		d.receipt(0, strings.TrimPrefix(m.ID, "msg_"), providers.StateDelivered)
		d.sleep(time.Hour - time.Millisecond)
		d.note(func() { d.statuses, d.told = []int{200}, nil })
		d.sleep(time.Hour)
		require.Equal(t, []string{"delivered at 24h0m0s"}, d.told)
		require.Equal(t, errReceiverAway.Error(), d.problems[len(d.problems)-1])
	})
}

// A receipt may come before the provider's answer: that it was sent is told first all the same, and once.
func TestEarlyReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.answers = []error{errEarly}
		m := d.take(shop, "", hi)
		d.sleep(time.Minute)
		require.Equal(t, []string{"sent at 0s", "delivered at 0s"}, d.told)
		require.Equal(t, api.Delivered, d.status(shop, m.ID))
		require.Empty(t, d.problems)
	})
}

// Without an address, nothing is put into the queue that nobody would do.
func TestNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.events = nil
		m := d.take(shop, "", hi)
		synctest.Wait()
		d.receipt(0, strings.TrimPrefix(m.ID, "msg_"), providers.StateDelivered)
		require.Equal(t, api.Delivered, d.status(shop, m.ID))
		depth, err := d.queue.Depth(t.Context())
		require.NoError(t, err)
		require.Empty(t, depth["event"])
	})
}

// The longest metadata fit into an event, whatever is in them.
func TestLongMetadata(t *testing.T) {
	for _, char := range []string{"<", "\u2028", "é"} {
		synctest.Test(t, func(t *testing.T) {
			d := open(t)
			d.take(shop, "", `{"to":"`+to+`","body":"Hi","metadata":{"a":"`+strings.Repeat(char, (16<<10-8)/len(char))+`"}}`)
			d.sleep(time.Minute)
			d.shows([]string{`Hi from "" to +14155551234, life 0s at 0s`}, []string{"sent at 0s"})
		})
	}
}

// A message that one provider could not deliver is sent through the next: the caller is told what came of that, and of nothing before.
func TestLateFallback(t *testing.T) {
	for _, tt := range []struct {
		second providers.State
		want   string
	}{
		{providers.StateDelivered, "delivered"},
		{providers.StateUndelivered, "undelivered"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := open(t)
			d.stop()
			d.second = true
			d.start(providers.NewSecret("a key of the store, long enough"))
			m := d.take(shop, "", hi)
			synctest.Wait()
			id := strings.TrimPrefix(m.ID, "msg_")
			d.slow = time.Second
			d.receipt(0, id, providers.StateUndelivered)
			require.Equal(t, api.Sent, d.status(shop, m.ID))
			d.sleep(2 * time.Second)
			require.Len(t, d.sent, 2)
			require.Equal(t, []string{"sent at 0s"}, d.told)
			d.receipt(1, id, tt.second)
			d.sleep(time.Second)
			require.Equal(t, []string{"sent at 0s", tt.want + " at 2s"}, d.told)
			require.Equal(t, api.Status(tt.want), d.status(shop, m.ID))
			require.Empty(t, d.problems)
		})
	}
}
