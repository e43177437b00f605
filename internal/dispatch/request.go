package dispatch

import (
	"net/netip"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Request asks for one message to one phone: a code, in the operator's text, or a text that the caller has written.
type Request struct {
	ID         string // the idempotency key: names the request and all its repeats, the message at the providers, and both in the log
	User       string // the account that asks
	Phone      providers.Secret
	Code       providers.Secret
	Text       providers.Secret // the whole text, if the caller has written it; else empty
	Locale     string           // the language the user asked for, as a BCP 47 tag; may be empty
	MFA        bool             // the code is a second factor
	Channel    string           // the only channel that the caller wants, such as voice; empty for any
	From       string           // the sender that the caller wants; empty for any
	Media      []string         // addresses of pictures and documents that go with the text
	Trusted    bool             // the caller limits itself: the rate limits don't apply, the lists do
	Kind       Kind             // what the code is for, if the caller says so
	IP         netip.Addr       // of the user; the zero Addr if it isn't known
	Proven     bool             // the account has shown before that the number is its own
	LastSignIn string           // when the user last signed in; only compared with that of another request
	Account    Account          // what the caller knows of the user's codes
	Stored     string           // which messages the caller's record of the user knew of when it made the request; only compared
	AskedAt    ledger.Time      // when the caller made the request, by its own clock; zero if that is not known
	ReceivedAt time.Time        // the budget counts from here
	Spent      time.Duration    // how long the caller had waited when the request was received; 0 if that is not known

	// ExpiresAt is set for a request from a queue: when its message makes no sense any more. Nobody waits for the answer, so the
	// request has 8 s, or until then; and the queue's worker limits how many are under way.
	ExpiresAt time.Time
}

func (r Request) queued() bool { return !r.ExpiresAt.IsZero() }

func (r Request) flow() ledger.Flow {
	// A text that the caller has written replaces no other message: such messages don't wait for each other.
	alone := r.MFA || !r.Text.Empty()
	return ledger.Flow{User: r.User, Number: strings.TrimPrefix(r.Phone.Reveal(), "+"), MFA: alone}
}

// subject is what the policy judges of a request.
func (r Request) subject(number phone.Number) policy.Subject {
	return policy.Subject{Number: number, User: r.User, IP: r.IP, Proven: r.Proven}
}

// Account is what the caller knows of a user's codes.
type Account = ledger.Account

// At returns a time of a caller as the ledger notes it; zero for the zero Time.
func At(t time.Time) ledger.Time {
	if t.IsZero() {
		return 0
	}
	return ledger.At(t)
}

// Kind is what a code is for.
type Kind = ledger.Kind

// Other is the kind of a message that doesn't come from Supabase Auth: nothing is known of its use.
const Other = ledger.Other

// ParseKind returns the Kind of a name.
func ParseKind(name string) (Kind, bool) { return ledger.ParseKind(name) }

// Result is what became of a request.
type Result = ledger.Result

// The results are described at [ledger.Result].
const (
	Failed    = ledger.Failed
	Accepted  = ledger.Accepted
	BadNumber = ledger.BadNumber
	JustSent  = ledger.JustSent
	TooMany   = ledger.TooMany
)

// Outcome is the result and, for the operator, how it came about.
type Outcome struct {
	Result   Result
	Number   phone.Number // the zero Number if it could not be read
	Lost     string       // the instance whose last message seems to be lost: the user asked again; may be empty
	Attempts []race.Attempt
	Verdict  policy.Verdict // the zero Verdict if it came to none
	Reason   error          // why no instance was tried, or what else there is to say; may be nil. It is safe to log
}
