package ledger

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// Queue keeps what is done later than it was asked for, or by another process: messages that Auth has put there in its own transaction,
// messages that are due later, and events for the callers of the message API. What Put has put outlives a kill of the process, except
// in a [MemoryQueue]. Package ledgertest holds the contract as tests.
//
// All methods may be called concurrently, by several workers in several processes. An error means that the queue could not be asked,
// or that it isn't known whether it has done what was asked; it is safe to log. When ctx ends, a method returns at once; what it was
// asked for may still be done.
//
// An item is handed out at least once, and to one worker at a time. A claim lasts until End, or until the worker's process has ended:
// then the item is handed out again, within 2 s, or as soon as a process opens the queue. The same happens if the answer to a claim is
// lost, or if a crash of the database has undone an End. So what is done for an item may be done twice.
type Queue interface {
	// Put adds items, all or none. An item whose ID is there already is left as it is, and counts as put: also one that has ended and is
	// kept. The error is [ErrItem] if an item can't be put as it is, and [ErrQueueFull] if there is no room.
	Put(ctx context.Context, items ...Item) error

	// Claim hands out items that are due, at most the given number, and never more than [MaxClaim]: the lowest priority first, then
	// those that were due first, then those that were put first. An item is due at DueAt, or when its time is over: then a worker has
	// to note what became of it. Of a Serial, only the first item that has not ended is handed out.
	Claim(ctx context.Context, topics []Topic, most int) ([]Claimed, error)

	// End notes what became of a claimed item. It returns false, and changes nothing, if the claim is no longer the item's last, or if
	// the item has ended. It may come twice: the second returns false.
	End(ctx context.Context, c Claimed, e ItemEnd) (held bool, err error)

	// Cancel ends an item that no worker has claimed at the moment, and reports whether it did. Of e, Keep and Body count.
	Cancel(ctx context.Context, id string, e ItemEnd) (canceled bool, err error)

	// Item returns an item that waits, is claimed, or has ended and is kept. DueAt is when it is due next, or was due last.
	Item(ctx context.Context, id string) (i Item, state ItemState, found bool, err error)

	// Wait returns when an item of the topics may be due, when a second is over, or when ctx ends. It may return too early, but not
	// always: a worker that calls Claim after each Wait must cost little while there is nothing to do.
	Wait(ctx context.Context, topics []Topic)

	// Depth returns how much there is to do, for metrics. A topic of which there is nothing may be missing.
	Depth(ctx context.Context) (map[Topic]Depth, error)
}

// Bounds of a queue.
const (
	MaxPut      = 1000     // items of one Put
	MaxClaim    = 1000     // items of one Claim
	MaxItemBody = 32 << 10 // bytes
	MaxItemName = 200      // bytes of an ID, a Serial or a Flow
)

var (
	// ErrItem means that an item can't be put: it has no ID, no known topic or no time, or one of its fields is too long; or that a
	// Put has too many items.
	ErrItem = errors.New("the item can't be put into the queue: a field is missing or too long")
	// ErrQueueFull means that there is no room for more items.
	ErrQueueFull = errors.New("the queue is full")
)

// Topic says what has to be done for an item. Each has one kind of worker.
type Topic string

// The topics.
const (
	Hooked    Topic = "hook"    // a message that Auth has asked for by SQL. Body is Auth's event, as in a call of the HTTP hook
	Scheduled Topic = "message" // a message of the message API. Body is sealed
	Event     Topic = "event"   // a status event for a caller of the message API. Body is sealed
)

// Topics are all topics.
func Topics() []Topic { return []Topic{Hooked, Scheduled, Event} }

// Item is one thing to do.
type Item struct {
	ID        string // of a message, the message's own
	Topic     Topic
	Serial    string // items of one Serial are done one after the other, in the order in which they were put; empty for none
	Flow      string // of two items of one Flow, the one that was put later overtakes the other; empty for none
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
	Claim int64 // tells this claim from the others of the same item

	// Overtaken: a newer item of the Flow has been put since. Its code is the valid one.
	Overtaken bool
}

// Due is when an item is handed out at the earliest.
func (i Item) Due() Time { return min(i.DueAt, i.ExpiresAt) }

// ItemEnd is what became of a claimed item.
type ItemEnd struct {
	Again Time          // when it is due again; zero if it has ended
	State ItemState     // of an item that has ended: ItemExpired or ItemOvertaken, or else it is ItemEnded
	Keep  time.Duration // how long an ended item can still be read
	Body  []byte        // what can be read of it then: its own body is wiped at once
}

// Ended is the state of the item from now on.
func (e ItemEnd) Ended() ItemState {
	switch {
	case e.Again != 0:
		return ItemWaiting
	case e.State == ItemExpired || e.State == ItemOvertaken:
		return e.State
	}
	return ItemEnded
}

// ItemState is how far an item is.
type ItemState int8

// The states of an item.
const (
	ItemWaiting ItemState = iota
	ItemClaimed
	ItemEnded
	ItemCanceled
	ItemExpired   // nobody was there to do it in time
	ItemOvertaken // not done, since a newer item of its flow was put
)

// Over reports whether nothing will be done for the item any more.
func (s ItemState) Over() bool { return s != ItemWaiting && s != ItemClaimed }

// Depth is how much of a topic there is to do.
type Depth struct {
	Waiting int           // due, and not claimed
	Later   int           // not due yet
	Claimed int           // being done
	Oldest  time.Duration // since the oldest that waits was due; 0 if none waits
}

// CheckItems returns [ErrItem] unless all items can be put. Each Put begins with it.
func CheckItems(items []Item) error {
	if len(items) > MaxPut {
		return ErrItem
	}
	for _, i := range items {
		if !i.valid() {
			return ErrItem
		}
	}
	return nil
}

func (i Item) valid() bool {
	for _, name := range []string{i.ID, i.Serial, i.Flow} {
		if len(name) > MaxItemName || !utf8.ValidString(name) || strings.Contains(name, "\x00") { // Postgres' text can have neither
			return false
		}
	}
	known := i.Topic == Hooked || i.Topic == Scheduled || i.Topic == Event
	return i.ID != "" && known && len(i.Body) <= MaxItemBody && i.DueAt > 0 && i.ExpiresAt > 0
}
