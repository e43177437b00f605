package dispatch

import (
	"time"

	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
)

// judge asks the policy whether the number may be texted now. It asks once for a call and all its repeats: who was let through,
// and charged, is not refused because an instance failed. The limits' time is that of the verdict: calls that waited are not judged
// in the order in which they arrived.
func (d *Dispatcher) judge(r Request, c *call, number phone.Number) policy.Verdict {
	return d.calls.judged(c, func() policy.Verdict {
		return d.Policy.Judge(policy.Call{Number: number, User: r.User, IP: r.IP, Proven: r.Proven, At: time.Now()})
	})
}

// refused is the outcome of a request that the policy doesn't let through. The user doesn't learn which rule it was, and where
// a code that is still valid has been sent, is told of that.
func (d *Dispatcher) refused(r Request, number phone.Number, verdict policy.Verdict) Outcome {
	result := BadNumber
	if verdict.Limited() {
		result = TooMany
		if d.lanes.valid(r, d.life(r)) {
			result = JustSent
		}
	}
	return Outcome{Result: result, Number: number, Verdict: verdict, Reason: verdict.Reason()}
}
