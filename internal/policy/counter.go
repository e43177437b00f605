package policy

import (
	"context"
	"time"
)

// Charge is one message that counts towards one limit.
type Charge struct {
	Rule  Rule
	Limit Limit  // of the rule
	Key   uint64 // which number, account, address, prefix or country is counted; 0 where everything is counted together
}

// Counter counts messages. It may be used concurrently.
type Counter interface {
	// Take makes all the charges, or none of them if one would exceed its limit. Then over is the index of that charge, and after
	// is how long it takes until the limit allows it. Of several such charges, it is the one with the longest wait. If all were
	// made, over is -1 and after is 0.
	//
	// The charges are of different rules, in the order of the rules. now is the time of the charges. It may be earlier
	// than in the call before.
	//
	// Only a counter outside of the process returns an error, and then over and after mean nothing. It doesn't try again.
	Take(ctx context.Context, now time.Time, charges []Charge) (over int, after time.Duration, err error)

	// Forgotten returns how many keys were dropped for lack of room while they still used up some of their limit.
	Forgotten() uint64
}
