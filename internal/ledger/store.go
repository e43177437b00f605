package ledger

import (
	"context"

	"github.com/smshook/smshook/providers"
)

// Store keeps records where several replicas reach them. Each method is one exchange with the store, and waits for nothing else:
// [Shared] waits, bounds the time, and decides when the store is away. All methods may be called concurrently. An error means that
// the store could not be asked, or that nobody knows whether it has done what was asked; it is safe to log.
type Store interface {
	// Begin is as in [Ledger]. If another message has to end before the call can be answered, it returns the ID of that message.
	// waitedFor is the ID of the message that the call has waited for before; it may be empty.
	Begin(ctx context.Context, c Call, waitedFor string) (begun Begun, behind string, err error)

	// These are as in [Ledger].
	Attempt(ctx context.Context, id string, a Attempt) error
	End(ctx context.Context, e Ended) (Result, News, error)
	Late(ctx context.Context, id string, a Attempt) (accepted bool, news News, err error)
	Receipt(ctx context.Context, instance, id string, r providers.Receipt) (News, error)
	Sweep(ctx context.Context) (more bool, news News, err error)

	// Message returns the record of a message.
	Message(ctx context.Context, id string) (m Message, found bool, err error)

	// Write notes messages that were decided without the store, unless the store has a record of them.
	Write(ctx context.Context, messages []Written) error
}

// Written is a message that was decided without the store.
type Written struct {
	Call  Call
	Ended Ended
}
