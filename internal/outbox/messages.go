package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
)

// Messages sends the messages that the items of a topic ask for: Do is for a [Worker].
type Messages struct {
	Dispatcher *dispatch.Dispatcher
	// Read returns what an item asks for. Its ID, ReceivedAt and ExpiresAt are set here. The error must be safe to log.
	Read func(ledger.Claimed) (dispatch.Request, error)
	// Handled reports each item that was handled. It is called concurrently, and must not block.
	Handled func(Handled)
	// Keep is how long an item can be read after its end.
	Keep time.Duration
}

// Handled is what became of an item, this time.
type Handled struct {
	Item    ledger.Claimed
	Outcome dispatch.Outcome
	Took    time.Duration
	End     ledger.ItemEnd
}

var (
	errExpired   = errors.New("the code expired before the message could be sent")
	errOvertaken = errors.New("a newer message for the same number has a code that is valid")
)

// Do sends a message, and says whether it is tried again.
func (m *Messages) Do(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
	now := time.Now()
	h := Handled{Item: c, End: ledger.ItemEnd{Keep: m.Keep}}
	switch {
	case c.ExpiresAt <= ledger.At(now):
		h.Outcome, h.End.State = dispatch.Outcome{Result: dispatch.Failed, Reason: errExpired}, ledger.ItemExpired
	case c.Overtaken:
		m.Dispatcher.NotSent(ctx, c.ID, dispatch.JustSent)
		h.Outcome, h.End.State = dispatch.Outcome{Result: dispatch.JustSent, Reason: errOvertaken}, ledger.ItemOvertaken
	default:
		h.Outcome = m.send(ctx, c, now)
		h.End.Again = again(ctx, c, h.Outcome, time.Now())
	}
	h.Took = time.Since(now)
	m.Handled(h)
	return h.End
}

var errUnreadable = errors.New("the item can't be read")

func (m *Messages) send(ctx context.Context, c ledger.Claimed, now time.Time) dispatch.Outcome {
	request, err := m.Read(c)
	if err != nil {
		return dispatch.Outcome{Result: dispatch.Failed, Reason: fmt.Errorf("%w: %w", errUnreadable, err)}
	}
	request.ID, request.ReceivedAt, request.ExpiresAt = c.ID, now, c.ExpiresAt.Time()
	return m.Dispatcher.Send(ctx, request)
}

// pauses are how long a message waits after each failure; the last one counts for all further failures.
var pauses = [...]time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second}

// leastLife is what must be left of a code's life for the person to enter it.
const leastLife = 15 * time.Second

// again is when a message is sent again; zero if it isn't.
func again(ctx context.Context, c ledger.Claimed, o dispatch.Outcome, now time.Time) ledger.Time {
	if !o.MaySucceedLater() || errors.Is(o.Reason, errUnreadable) {
		return 0
	}
	if ctx.Err() != nil { // this process ends: another one goes on
		return ledger.At(now)
	}
	at := ledger.At(now).Add(pauses[min(c.Tries, len(pauses)-1)])
	if c.ExpiresAt.Sub(at) < leastLife {
		return 0
	}
	return at
}
