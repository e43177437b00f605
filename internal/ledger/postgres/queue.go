package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Queue is a [ledger.Queue] in the database of a Store. It may be used concurrently.
type Queue struct{ store *Store }

var _ ledger.Queue = (*Queue)(nil)

// Queue returns the queue in the database.
func (s *Store) Queue() *Queue { return &Queue{s} }

// queued is an item as the functions of the schema take and return it. Times are by the clock of the replica: the database translates them
// by its clock at the moment, and so they may come back a little different.
type queued struct {
	ID        string       `json:"id"`
	Topic     ledger.Topic `json:"topic"`
	Serial    string       `json:"serial"`
	Flow      string       `json:"flow"`
	Priority  int8         `json:"priority"`
	DueAt     ledger.Time  `json:"due_at"`
	ExpiresAt ledger.Time  `json:"expires_at"`
	Body      []byte       `json:"body"`
}

func (q queued) item() ledger.Item {
	return ledger.Item{ID: q.ID, Topic: q.Topic, Serial: q.Serial, Flow: q.Flow, Priority: q.Priority, DueAt: q.DueAt, ExpiresAt: q.ExpiresAt, Body: q.Body}
}

// handed is an item as the functions of the schema return it.
type handed struct {
	queued
	PutAt     ledger.Time      `json:"put_at"`
	Tries     int              `json:"tries"`
	Claim     int64            `json:"claim"`
	Overtaken bool             `json:"overtaken"`
	State     ledger.ItemState `json:"state"`
}

type putQuestion struct {
	Now   ledger.Time `json:"now"`
	Items []queued    `json:"items"`
}

// Put is described at [ledger.Queue]. Names are stored as they are: a Serial or a Flow must hold no number.
func (q *Queue) Put(ctx context.Context, items ...ledger.Item) error {
	if err := ledger.CheckItems(items); err != nil || len(items) == 0 {
		return err
	}
	if _, err := q.store.hasher(ctx); err != nil {
		return err
	}
	question := putQuestion{Now: q.store.now()}
	for _, i := range items {
		body := i.Body
		if body == nil {
			body = []byte{}
		}
		question.Items = append(question.Items, queued{i.ID, i.Topic, i.Serial, i.Flow, i.Priority, i.DueAt, i.ExpiresAt, body})
	}
	if err := q.store.ask(ctx, "put", question, &struct{}{}); err != nil {
		return err
	}
	q.store.wakeups.wake() // also where no notification comes back
	return nil
}

type claimQuestion struct {
	Me     int32          `json:"me"`
	Lease  int64          `json:"lease"`
	Now    ledger.Time    `json:"now"`
	Topics []ledger.Topic `json:"topics"`
	Most   int            `json:"most"`
	Tidy   bool           `json:"tidy"`
}

type claimAnswer struct {
	Items []handed    `json:"items"`
	Next  ledger.Time `json:"next"` // when the next item is due that is not due yet; zero if there is none
}

// Claim is described at [ledger.Queue]. A replica that claims messages of the hook counts as a worker: without one, Auth's calls are refused.
func (q *Queue) Claim(ctx context.Context, topics []ledger.Topic, most int) ([]ledger.Claimed, error) {
	if len(topics) == 0 || most <= 0 {
		return nil, nil
	}
	if _, err := q.store.hasher(ctx); err != nil {
		return nil, err
	}
	most = min(most, ledger.MaxClaim)
	before, tidy := q.store.wakeups.claiming(topics)
	var a claimAnswer
	if err := q.store.ask(ctx, "claim", claimQuestion{q.store.me, lease.Microseconds(), q.store.now(), topics, most, tidy}, &a); err != nil {
		return nil, err
	}
	if len(a.Items) == most { // there may be more
		before--
	}
	q.store.wakeups.claimed(topics, lastClaim{wakeups: before, next: a.Next})
	var claimed []ledger.Claimed
	for _, h := range a.Items {
		claimed = append(claimed, ledger.Claimed{Item: h.item(), PutAt: h.PutAt, Tries: h.Tries, Claim: h.Claim, Overtaken: h.Overtaken})
	}
	return claimed, nil
}

type endQuestion struct {
	ID    string           `json:"id"`
	Claim int64            `json:"claim"`
	Now   ledger.Time      `json:"now"`
	Again ledger.Time      `json:"again"`
	State ledger.ItemState `json:"state"`
	Keep  int64            `json:"keep"`
	Body  []byte           `json:"body,omitempty"`
}

// endAnswer is the answer to the end of an item, or to a cancel.
type endAnswer struct {
	Held     bool `json:"held"`
	Canceled bool `json:"canceled"`
}

// End is described at [ledger.Queue].
func (q *Queue) End(ctx context.Context, c ledger.Claimed, e ledger.ItemEnd) (held bool, err error) {
	var a endAnswer
	err = q.store.ask(ctx, "end", endQuestion{c.ID, c.Claim, q.store.now(), e.Again, e.Ended(), e.Keep.Microseconds(), e.Body}, &a)
	if a.Held {
		q.store.wakeups.wake() // the next item of its serial may be due
	}
	return a.Held, err
}

// Cancel is described at [ledger.Queue].
func (q *Queue) Cancel(ctx context.Context, id string, e ledger.ItemEnd) (canceled bool, err error) {
	var a endAnswer
	err = q.store.ask(ctx, "cancel", endQuestion{ID: id, Keep: e.Keep.Microseconds(), Body: e.Body}, &a)
	return a.Canceled, err
}

// Item is described at [ledger.Queue].
func (q *Queue) Item(ctx context.Context, id string) (i ledger.Item, state ledger.ItemState, found bool, err error) {
	var a struct {
		Item *handed `json:"item"`
	}
	err = q.store.ask(ctx, "item", endQuestion{ID: id, Now: q.store.now()}, &a)
	if err != nil || a.Item == nil {
		return i, state, false, err
	}
	return a.Item.item(), a.Item.State, true, nil
}

type depthAnswer struct {
	Topics map[ledger.Topic]struct {
		Waiting int   `json:"waiting"`
		Later   int   `json:"later"`
		Claimed int   `json:"claimed"`
		Oldest  int64 `json:"oldest"`
	} `json:"topics"`
}

// Depth is described at [ledger.Queue].
func (q *Queue) Depth(ctx context.Context) (map[ledger.Topic]ledger.Depth, error) {
	var a depthAnswer
	if err := q.store.ask(ctx, "depth", struct{}{}, &a); err != nil {
		return nil, fmt.Errorf("depth of the queue: %w", err)
	}
	depths := map[ledger.Topic]ledger.Depth{}
	for topic, d := range a.Topics {
		depths[topic] = ledger.Depth{Waiting: d.Waiting, Later: d.Later, Claimed: d.Claimed, Oldest: time.Duration(d.Oldest) * time.Microsecond}
	}
	return depths, nil
}
