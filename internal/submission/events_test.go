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
		d.receipt(strings.TrimPrefix(m.ID, "msg_"), providers.StateUndelivered)
		time.Sleep(time.Hour)
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
		time.Sleep(23 * time.Hour)
		tries := len(d.told)
		require.Greater(t, tries, 10)
		d.receipt(strings.TrimPrefix(m.ID, "msg_"), providers.StateDelivered)
		time.Sleep(time.Hour - time.Millisecond)
		d.note(func() { d.statuses, d.told = []int{200}, nil })
		time.Sleep(time.Hour)
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
		time.Sleep(time.Minute)
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
		d.receipt(strings.TrimPrefix(m.ID, "msg_"), providers.StateDelivered)
		require.Equal(t, api.Delivered, d.status(shop, m.ID))
		depth, err := d.queue.Depth(t.Context())
		require.NoError(t, err)
		require.Empty(t, depth["event"])
	})
}
