package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/smshook/smshook/internal/ledger"
)

// end ends an item that waits, or that is claimed by this claim. It returns the topic of the item, and the item of its serial that comes
// next.
func (r *queueRows) end(
	ctx context.Context, id string, from ledger.ItemState, claim int64, to ledger.ItemState, body []byte, forgetAt, now ledger.Time,
) (ended bool, topic ledger.Topic, freed *freedItem, err error) {
	var ofTopic, serial string
	err = r.cancelable.QueryRowContext(ctx, id, int64(from), claim).Scan(&ofTopic, &serial)
	if errors.Is(err, sql.ErrNoRows) {
		return false, "", nil, nil
	}
	if err != nil {
		return false, "", nil, err
	}
	if forgetAt > now {
		_, err = r.keep.ExecContext(ctx, int64(to), int64(forgetAt), body, id)
	} else {
		_, err = r.remove.ExecContext(ctx, id)
	}
	if err != nil || serial == "" {
		return true, ledger.Topic(ofTopic), nil, err
	}
	freed, err = r.freeNext(ctx, serial)
	return true, ledger.Topic(ofTopic), freed, err
}

// freedItem is an item that was behind another one of its serial.
type freedItem struct {
	topic ledger.Topic
	due   ledger.Time
}

// freeNext lets the next item of a serial be claimed; nil if there is none.
func (r *queueRows) freeNext(ctx context.Context, serial string) (*freedItem, error) {
	var n int64
	var topic string
	var f freedItem
	err := r.next.QueryRowContext(ctx, serial).Scan(&n, &topic, &f.due)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f.topic = ledger.Topic(topic)
	_, err = r.free.ExecContext(ctx, n)
	return &f, err
}
