package submission

import (
	"context"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// pauses are how long a message waits after each failure. The last one is repeated until the message expires.
var pauses = []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}

// unreadable is when a message is tried again that can't be opened: an operator may have to give back a SMSHOOK_STORE_KEY.
const unreadable = time.Minute

// untold is when a message is handed out again whose event could not be put into the queue.
const untold = time.Second

// Work is what became of a message that a worker has handed to Send.
type Work struct {
	End     ledger.ItemEnd
	Outcome dispatch.Outcome // the zero Outcome if it was not dispatched
	Err     error            // why the message can't be read; safe to log
}

// Send sends a message that is due. Of a message whose provider has answered, it doesn't try again. If ctx ends first, the message is sent later.
func (s *Service) Send(ctx context.Context, c ledger.Claimed) Work {
	now := time.Now()
	d, err := s.open(c.ID, c.Body)
	if err != nil {
		if ledger.At(now) >= c.ExpiresAt {
			return Work{End: ledger.ItemEnd{State: ledger.ItemExpired}, Err: err}
		}
		return Work{End: ledger.ItemEnd{Again: ledger.At(now.Add(unreadable))}, Err: err}
	}
	if ledger.At(now) >= c.ExpiresAt {
		return s.end(ctx, c, d, api.Expired, dispatch.Outcome{})
	}
	o := s.dispatcher.Send(ctx, d.request(c.ID, now, c.ExpiresAt.Time()))
	switch {
	case o.Result == dispatch.Accepted:
		return s.end(ctx, c, d, api.Sent, o)
	case ctx.Err() != nil:
		return Work{End: ledger.ItemEnd{Again: ledger.At(now)}, Outcome: o}
	case o.Result == dispatch.Failed && o.MaySucceedLater():
		again := ledger.At(now.Add(pauses[min(c.Tries, len(pauses)-1)]))
		return Work{End: ledger.ItemEnd{Again: min(again, c.ExpiresAt)}, Outcome: o}
	}
	return s.end(ctx, c, d, api.Failed, o)
}

// keep is how long an item of the queue is kept that has ended.
func (s *Service) keep() time.Duration {
	if s.settings.Durable {
		return keep
	}
	return briefKeep
}

// end ends a message: it tells the caller, and keeps what the caller may ask for.
func (s *Service) end(ctx context.Context, c ledger.Claimed, d document, status api.Status, o dispatch.Outcome) Work {
	ended := d.ended(status)
	w := Work{End: ledger.ItemEnd{Keep: s.keep(), Body: s.seal(c.ID, ended)}, Outcome: o}
	if status == api.Expired {
		w.End.State = ledger.ItemExpired
	}
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	if err := s.tellEnd(telling, c.ID, ended); err != nil { // the message is handed out again: it isn't sent twice, and the event isn't lost
		w.End, w.Err = ledger.ItemEnd{Again: ledger.At(time.Now().Add(untold))}, err
	}
	return w
}

// Ended notes that a message has ended in the queue: answers that wait for it can go.
func (s *Service) Ended(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting := s.ended[id]; waiting != nil {
		close(waiting)
		delete(s.ended, id)
	}
}

// request is the request for a message. A caller with a key is a server of the operator, and has a limit of its own: the limits against
// SMS pumping are not for it. A user with an access token is one of the app's users.
func (d document) request(id string, now, expires time.Time) dispatch.Request {
	return dispatch.Request{
		ID:         id,
		User:       d.Caller.User,
		Phone:      providers.NewSecret(d.To),
		Text:       providers.NewSecret(d.Text),
		From:       d.From,
		Media:      d.Media,
		Kind:       ledger.Other,
		Trusted:    d.Caller.Key != "",
		ReceivedAt: now,
		ExpiresAt:  expires,
	}
}
