package ledger

import (
	"context"

	"github.com/smshook/smshook/providers"
)

// Store keeps records where several replicas reach them. Each method is one exchange with the store, and waits for nothing else:
// [Shared] waits, bounds the time, and decides when the store is away. All methods may be called concurrently. An error means that
// the store could not be asked, or that it isn't known whether the store has done what was asked; it is safe to log.
// When ctx ends, a method returns at once; what it has asked for may still be done. Shared gives each exchange 2 s, and waits less
// itself.
type Store interface {
	// Begin is as in [Ledger]. If another message has to end before the call can be answered, it returns which.
	// waitedFor is the ID of the message that the call has waited for before; it may be empty. Shared repeats the exchange every
	// 50 ms as long as the message has not ended, so it must be cheap. [ErrReplayed] is an answer; other errors are failures.
	Begin(ctx context.Context, c Call, waitedFor string) (begun Begun, behind Behind, err error)

	// These are as in [Ledger]. Attempt, End and Late may come twice: if the answer to the first was lost, or too late.
	Attempt(ctx context.Context, id string, a Attempt) error
	End(ctx context.Context, e Ended) (Result, News, error)
	Late(ctx context.Context, id string, a Attempt) (accepted bool, news News, err error)
	Receipt(ctx context.Context, instance, id string, r providers.Receipt) (News, error)
	Sweep(ctx context.Context) (more bool, news News, err error)
	Refuse(ctx context.Context, c Call, result Result, rule string) error
	Messages(ctx context.Context, q Query) ([]Message, error)
	Count(ctx context.Context, q CountQuery) ([]Count, error)

	// Message returns the record of a message.
	Message(ctx context.Context, id string) (m Message, found bool, err error)

	// Write notes a message that was decided without the store: as if Begin had answered Go, whatever the limits say, and then
	// End. Of a message that the store has a record of, Write notes the end alone. Such a record comes of a Begin whose answer was
	// too late, or of another replica that was asked for the same message. Writing twice changes nothing more.
	//
	// Write takes one message, not several: like End it may learn of a message that has to be sent again.
	Write(ctx context.Context, w Written) (News, error)
}

// Behind is a message that has to end before a call can be answered. The zero Behind is none.
type Behind struct {
	ID   string
	Ours bool // to the store, the replica that asks is the one that sends the message
}

// Written is a message that was decided without the store. The contents of Call.Message are missing, except for the ID, if the code
// has expired. The parts of Ended.Attempts have the states that receipts have reported already.
type Written struct {
	Call  Call
	Ended Ended
}
