package dispatch

import (
	"context"
	"errors"
	"slices"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// MaySucceedLater reports whether it makes sense to send the message of a request again that has failed: no instance has it for sure, none
// may have it, and the reason may pass.
func (o Outcome) MaySucceedLater() bool {
	if o.Result != Failed || errors.Is(o.Reason, errNoStart) || errors.Is(o.Reason, ErrNoChannel) {
		return false
	}
	kind := func(k providers.Kind) func(race.Attempt) bool {
		return func(a race.Attempt) bool { return a.Err != nil && a.Err.Kind == k }
	}
	return !slices.ContainsFunc(o.Attempts, kind(providers.Unknown)) &&
		(len(o.Attempts) == 0 || slices.ContainsFunc(o.Attempts, kind(providers.Temporary)))
}

// NotSent notes that the message of a queue is not sent, or not tried again, and why.
func (d *Dispatcher) NotSent(ctx context.Context, id string, why Result) {
	_, news, _ := d.ledger.End(ctx, ledger.Ended{ID: id, Result: why}) // the message isn't sent all the same
	d.tell(news)
}
