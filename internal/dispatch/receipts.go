package dispatch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Events report what becomes of messages. All are called concurrently, and must not block. Decided alone may be nil.
type Events struct {
	// Decided is each request that was not a repeat, when its result is known: with its number, text and code.
	Decided  func(Request, providers.Message, Result)
	Reported func(ledger.Report)  // each receipt that says something new
	FellBack func(Fallback)       // each message that was sent again because of a receipt
	Resent   func(id string)      // each message of which a receipt said that it won't be delivered, and that is not sent again any more
	Judged   func(ledger.Message) // each message of which it is known now whether its code was used; it may come again
}

// Receipts takes what an instance has reported. The message's ID is the one that the instance was given; it may be empty. An
// error means that the receipts could not be noted, and must come again.
func (d *Dispatcher) Receipts(ctx context.Context, i *race.Instance, messageID string, receipts []providers.Receipt) error {
	d.sweepSoon()
	for _, receipt := range receipts {
		if kind, ours := i.Codes[receipt.Code]; ours {
			receipt.Kind = kind
		}
		receipt.ID, receipt.Code = strings.Clone(receipt.ID), strings.Clone(receipt.Code) // not the body that they may be parts of
		news, err := d.ledger.Receipt(ctx, i.Name, messageID, receipt)
		if err != nil {
			return fmt.Errorf("noting a receipt: %w", err)
		}
		d.tell(news)
	}
	return nil
}

// tell passes on what the ledger has learnt, and does what has to be done because of it.
func (d *Dispatcher) tell(news ledger.News) {
	for _, report := range news.Reports {
		d.events.Reported(report)
	}
	for _, m := range news.Judged {
		d.events.Judged(m)
	}
	for _, id := range news.Stop {
		d.resends.stop(id)
	}
	if news.Resend != nil {
		d.resend(news.Resend)
	}
}

// sweepEvery is how often the ledger forgets what is over. A timer for each message would cost more.
const sweepEvery = time.Second

// Resume goes on with what a restart has interrupted of messages that the ledger remembers.
func (d *Dispatcher) Resume() { d.sweepSoon() }

// sweepSoon schedules one sweep. Each sweep schedules the next while there is work left.
func (d *Dispatcher) sweepSoon() {
	if d.sweeping.CompareAndSwap(false, true) {
		time.AfterFunc(sweepEvery, func() { d.runner.Guard(d.sweep) })
	}
}

func (d *Dispatcher) sweep() {
	d.sweeping.Store(false) // whatever comes from here on needs another one
	more, news, err := d.ledger.Sweep(context.Background())
	d.tell(news)
	if more || err != nil {
		d.sweepSoon()
	}
}
