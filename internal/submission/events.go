package submission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/ledger"
)

const (
	eventLife  = 24 * time.Hour   // how long an event is tried
	tellTime   = 5 * time.Second  // how long it may take to put an event into the queue
	eventTime  = 10 * time.Second // how long the receiver may take to answer
	eventRoom  = 64 << 10         // bytes of the receiver's answer that are read, so that the connection can be used again
	eventUser  = "smshook"
	eventLater = time.Minute // when an event is tried again that can't be opened
)

// eventPauses are how long an event waits after each failure. The last one is repeated until the event expires.
var eventPauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}

// Signer signs a call: https://www.standardwebhooks.com
type Signer interface {
	Sign(header http.Header, id string, at time.Time, body []byte)
}

// Events are told to an address of the operator, in order for each message, at least once.
type Events struct {
	URL    string
	Signer func() Signer // the present one: its secrets may be replaced
	Client *http.Client  // that follows no redirects
}

// tell puts events into the queue, in their order. They may come twice: an event has the name of its message and its status, and the queue
// knows it for as long as the message. The contract has no word for a message that has expired: it has failed.
func (s *Service) tell(ctx context.Context, id string, d document, statuses ...api.Status) error {
	if s.events == nil {
		return nil
	}
	now := time.Now()
	var items []ledger.Item
	for _, status := range statuses {
		if status == api.Expired {
			status = api.Failed
		}
		body, err := json.Marshal(api.Event{Event: api.StatusChanged, ID: prefix + id, Status: status, To: d.To, From: d.From, Timestamp: api.Time{Time: now}, Metadata: d.Metadata})
		if err != nil {
			return errDocument
		}
		event := id + "/" + string(status)
		items = append(items, ledger.Item{
			ID: event, Topic: ledger.Event, Serial: id, DueAt: ledger.At(now), ExpiresAt: ledger.At(now.Add(eventLife)), Body: s.sealer.SealBytes(aad(event), body),
		})
	}
	return s.queue.Put(ctx, items...)
}

// tellEnd tells that the sending of a message has ended. A receipt that was faster than the provider's answer has told nothing yet.
func (s *Service) tellEnd(ctx context.Context, id string, d document) error {
	statuses := []api.Status{d.Status}
	if s.events != nil && d.Status == api.Sent {
		status, problem := s.sent(ctx, id)
		if problem != nil {
			return problem
		}
		if status.Final() {
			statuses = append(statuses, status)
		}
	}
	return s.tell(ctx, id, d, statuses...)
}

// Reported tells the caller what became of a message, when a receipt has said something new of it, or when it is not sent again any more. The
// ID may be that of any message. The error is safe to log.
func (s *Service) Reported(ctx context.Context, id string) error {
	if s.events == nil || id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	item, _, found, err := s.queue.Item(ctx, id)
	if err != nil || !found || item.Topic != ledger.Scheduled {
		return err
	}
	d, err := s.open(id, item.Body)
	if err != nil {
		return err
	}
	known, err := s.ledger.Messages(ctx, ledger.Query{ID: id, Limit: 1})
	if err != nil || len(known) == 0 || known[0].Resending {
		return err
	}
	if status := statusOf(known[0].State(ledger.At(time.Now()))); status.Final() {
		return s.tell(ctx, id, d, api.Sent, status) // a receipt may be faster than the provider's answer
	}
	return nil
}

// Deliver calls the operator's address with an event that is due. The error says why it failed; it is safe to log.
func (s *Service) Deliver(ctx context.Context, c ledger.Claimed) (ledger.ItemEnd, error) {
	now := ledger.At(time.Now())
	if now >= c.ExpiresAt {
		return ledger.ItemEnd{State: ledger.ItemExpired}, errReceiverAway
	}
	body, err := s.sealer.OpenBytes(aad(c.ID), c.Body)
	if err != nil {
		return ledger.ItemEnd{Again: now.Add(eventLater)}, err
	}
	if err := s.events.post(ctx, c.ID, body); err != nil {
		pause := eventPauses[min(c.Tries, len(eventPauses)-1)]
		return ledger.ItemEnd{Again: min(now.Add(pause), c.ExpiresAt)}, err
	}
	return ledger.ItemEnd{Keep: s.keep() + time.Hour}, nil // a receipt that comes again must not make the same event
}

var (
	errReceiverAway = errors.New("an event could not be delivered for 24 hours, and is given up")
	errNoAnswer     = errors.New("the receiver of events could not be reached")
)

// post makes one call.
func (e *Events) post(ctx context.Context, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return errNoAnswer
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", eventUser)
	e.Signer().Sign(r.Header, id, time.Now(), body)
	answer, err := e.Client.Do(r)
	if err != nil {
		return errNoAnswer // its text would quote the address, which may hold a token
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, eventRoom))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver of events answered %d", answer.StatusCode)
	}
	return nil
}
