package dispatch

import (
	"time"

	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/route"
)

// Settings are what an operator decides.
type Settings struct {
	CallerWaits time.Duration // how long the caller waits for the answer, for all its attempts at a request together
	Budget      time.Duration // how long a request may take, from when it was received
	Concurrency int           // messages that are being sent at once
	CodeLife    time.Duration // how long a code stays valid, if the operator says; else 0
	PhoneCheck  phone.Check
	Policy      policy.Settings
	Texts       *message.Texts
	Routes      route.Table
	Guard       *Guard         // nil: there is none
	Learned     *insight.Order // of the instances for a country; nil: the operator's order stands
}

// The life of a code in Auth, if the operator has not changed it: GOTRUE_SMS_OTP_EXP's default, and the least that a second
// factor's code has.
const (
	DefaultLife = time.Minute
	FactorLife  = 5 * time.Minute
)

// queuedBudget is how long a request from a queue may take: as long as one attempt may.
const queuedBudget = 8 * time.Second

// life is how long the code of a request stays valid.
func (s Settings) life(r Request) time.Duration {
	switch {
	case r.queued():
		return r.ExpiresAt.Sub(r.ReceivedAt)
	case r.MFA:
		return FactorLife
	case s.CodeLife > 0:
		return s.CodeLife
	}
	return DefaultLife
}

const (
	// The answer must leave this long before the caller gives up. Auth's 5.00 s end when it has read the whole answer, so they include
	// the answer's way: less than 150 ms between any two continents, and a few ms for the proxies.
	margin = 200 * time.Millisecond

	// unseen is what the caller may have spent before its first attempt was received: Auth's 5.00 s include the connection, TLS and
	// the request's way. It is added if the caller's own clock doesn't say what was spent.
	unseen = 200 * time.Millisecond
)

// deadline returns when the answer is due. first is when the caller's first attempt at the request was received. A repeat has less
// time than the first attempt had. Auth's third attempt comes after 4 s, and has 0.8 s, or 0.6 s if Spent is not known: enough for a
// provider that answers in 300 ms.
func (s Settings) deadline(r Request, first time.Time) time.Time {
	if r.queued() {
		return r.ReceivedAt.Add(min(queuedBudget, s.life(r)))
	}
	sinceFirst := r.ReceivedAt.Sub(first)
	spent := sinceFirst + unseen
	if r.Spent > 0 {
		spent = max(r.Spent, sinceFirst)
	}
	return r.ReceivedAt.Add(min(s.Budget, s.CallerWaits-spent-margin))
}
