package policy

import (
	"context"
	"time"
)

// Charge is one message that counts towards one limit.
type Charge struct {
	Rule  Rule // whose limit it is
	Limit Limit
	Key   uint64 // which number, account, address, prefix or country
}

// Counter counts messages. It may be used concurrently.
type Counter interface {
	// Take makes all the charges, or, if one of them goes over its limit, none. Then it returns the place of that charge in the
	// list, of several the one that has to wait longest, and how long that is; else the place is -1.
	//
	// No two charges are of one rule, and they are in the order of the rules. An error means that nothing could be counted.
	Take(ctx context.Context, now time.Time, charges []Charge) (over int, after time.Duration, err error)
	// Forgotten returns how many keys were forgotten before their time, for lack of room.
	Forgotten() uint64
}
