package ledger

import (
	"time"

	"github.com/smshook/smshook/providers"
)

const (
	// KeepEarly is how long a receipt waits for its message: providers are known to report before they answer.
	KeepEarly = 10 * time.Second
	MaxEarly  = 1 << 12 // messages, each with one receipt for every state at most
)

// early are the receipts for one name that no message is known by yet.
type early struct {
	name     Name
	at       Time
	receipts map[providers.State]providers.Receipt
}

// earlyReceipts are all of them, the oldest first.
type earlyReceipts struct {
	byName map[Name]*early
	byAge  []*early
}

// keep keeps a receipt, and reports whether there is room.
func (e *earlyReceipts) keep(n Name, r providers.Receipt, now Time) bool {
	known := e.byName[n]
	if known == nil {
		if len(e.byName) == MaxEarly {
			return false
		}
		known = &early{n, now, map[providers.State]providers.Receipt{}}
		e.byName[n] = known
		e.byAge = append(e.byAge, known)
	}
	known.receipts[r.State] = r
	return true
}

// take returns the receipts for a name, which wait no longer.
func (e *earlyReceipts) take(n Name) map[providers.State]providers.Receipt {
	known := e.byName[n]
	if known == nil {
		return nil
	}
	delete(e.byName, n)
	return known.receipts
}

// old returns the receipts that have waited long enough. They wait no longer.
func (e *earlyReceipts) old(now Time) (reports []Report) {
	for len(e.byAge) > 0 && now.Sub(e.byAge[0].at) >= KeepEarly {
		oldest := e.byAge[0]
		e.byAge[0], e.byAge = nil, e.byAge[1:]
		if e.byName[oldest.name] != oldest { // taken
			continue
		}
		for _, receipt := range e.take(oldest.name) {
			reports = append(reports, report(oldest.name.Instance, receipt))
		}
	}
	return reports
}
