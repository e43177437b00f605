package ledger

import (
	"context"
	"time"
)

// Queue keeps what is done later than it was asked for, or by another process: messages that Auth has put there in its own transaction,
// messages that are due later, and events for the callers of the message API. What was put outlives a kill of the process.
// All methods may be called concurrently, by several workers in several processes. An error means that the queue could not be asked,
// or that it isn't known whether it has done what was asked; it is safe to log.
//
// An item is handed out at least once, and to one worker at a time. A claim lasts until End, or until the worker's process has ended:
// then the item is handed out again within 2 s. So what is done for an item may be done twice, if a worker ends between the doing and End.
type Queue interface {
	// Put adds items, all or none. An item whose ID is there already is left as it is, and counts as put.
	Put(ctx context.Context, items ...Item) error

	// Claim hands out items that are due, at most the given number: the lowest priority first, then those that were due first. Items
	// whose time is over are handed out too, so that a worker can note what became of them. Of a Serial, only the first item that has
	// not ended is handed out.
	Claim(ctx context.Context, topics []Topic, most int) ([]Claimed, error)

	// End notes what became of a claimed item. It returns false, and changes nothing, if another worker has the item by now, or if it
	// has ended. It may come twice.
	End(ctx context.Context, c Claimed, e ItemEnd) (held bool, err error)

	// Cancel ends an item that no worker has claimed, and reports whether it did.
	Cancel(ctx context.Context, id string, keep time.Duration) (canceled bool, err error)

	// Item returns an item that waits, is claimed, or has ended and is kept.
	Item(ctx context.Context, id string) (i Item, state ItemState, found bool, err error)

	// Wait returns when an item of the topics may have become due since the last Claim, when a moment is over, or when ctx ends.
	Wait(ctx context.Context, topics []Topic)

	// Depth returns how much waits, for metrics.
	Depth(ctx context.Context) (map[Topic]Depth, error)
}

// Topic says what has to be done for an item. Each has one kind of worker.
type Topic string

// The topics.
const (
	Hooked    Topic = "hook"    // a message that Auth has asked for by SQL. Body is Auth's event, as in a call of the HTTP hook
	Scheduled Topic = "message" // a message of the message API. Body is sealed
	Event     Topic = "event"   // a status event for a caller of the message API. Body is sealed
)

// Item is one thing to do.
type Item struct {
	ID        string // of a message, the message's own
	Topic     Topic
	Serial    string // items of one Serial are done one after the other, in the order in which they were put; empty for none
	Priority  int8   // the lowest first
	DueAt     Time
	ExpiresAt Time // when it makes no sense any more
	Body      []byte
}

// Claimed is an item that a worker has been handed.
type Claimed struct {
	Item
	PutAt Time
	Tries int   // how often the item was handed out before
	Claim int64 // tells this claim from earlier ones of the same item

	// Overtaken: a newer message of the flow has been put since. Its code is the valid one.
	Overtaken bool
}

// ItemEnd is what became of a claimed item.
type ItemEnd struct {
	Again Time          // when it is due again; zero if it has ended
	Keep  time.Duration // how long an ended item can still be read; its body is wiped then
}

// ItemState is how far an item is.
type ItemState int8

// The states of an item.
const (
	ItemWaiting ItemState = iota
	ItemClaimed
	ItemEnded
	ItemCanceled
)

// Depth is how much of a topic waits.
type Depth struct {
	Waiting int           // due, and not claimed
	Later   int           // not due yet
	Claimed int           // being done
	Oldest  time.Duration // since the oldest that waits was due; 0 if none waits
}
