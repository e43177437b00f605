package ledger

import "github.com/smshook/smshook/internal/policy"

// Erasure says whose records are to go before their time. Exactly one of User and Number is set, as in [Query].
type Erasure struct {
	User    string
	Number  string
	Charges []policy.Charge // whose counters are theirs alone; the limits don't matter
}
