// Package ledger keeps one record for each message: who asked for it, how far it is, which instances have tried it, under which
// names they know it, and what came of it. The same record answers repeats, keeps two messages of one flow apart, finds the
// message that a delivery receipt is about, and says when a message has to be sent again.
//
// The record is plain data, so that it can be kept in the process ([Memory]), in a file or in a database. What waits, runs or
// can be cancelled is not in it: that belongs to package dispatch.
package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// Ledger remembers messages. All methods may be called concurrently. Package ledgertest holds the contract as tests.
//
// An error means that the ledger could not be asked. It says nothing about the message, and is safe to log.
type Ledger interface {
	// Begin asks for the right to send a message now. It answers at once, except for a repeat of a call, or a call of a flow,
	// whose message is just being sent: then it waits until that message has ended, until c.Deadline, or until ctx ends. The
	// error is then [ErrNoTime], or that of ctx; it is [ErrCrowded], at once, if too many wait, and [ErrReplayed] for a call that its
	// caller has long given up. If the answer is to go, the caller must call End.
	Begin(ctx context.Context, c Call) (Begun, error)

	// Attempt notes that an instance is about to be called. It must return before anything can leave: a repeat
	// that takes the message over has to know which instance may have it. The error is [ErrStopped] if the message is being sent
	// again and must not be any more: then nothing is noted, and the instance must not be called.
	Attempt(ctx context.Context, id string, a Attempt) error

	// End notes how a race for a message has ended. It returns the result for the caller, which is better than that of the
	// race if an earlier attempt was accepted in the meantime.
	End(ctx context.Context, e Ended) (Result, News, error)

	// Late notes an attempt that has ended after its race. If the instance has accepted the message, the message is accepted,
	// and a race that is still under way for it has nothing left to do: then the first value is true.
	Late(ctx context.Context, id string, a Attempt) (accepted bool, news News, err error)

	// Decided waits until no attempt at the message is pending, or until ctx ends, and returns the record as it is then.
	Decided(ctx context.Context, id string) (Message, error)

	// Receipt notes what an instance has reported. The message's own ID finds the record until the instance has told its name
	// for the message; it may be empty.
	Receipt(ctx context.Context, instance, id string, r providers.Receipt) (News, error)

	// Refuse notes a call that is refused before Begin is asked: by a rule, or, if that is empty, since its number can't be read. A call that
	// was answered before stays as it is.
	Refuse(ctx context.Context, c Call, result Result, rule string) error

	// Messages returns messages that a query asks for, the newest first. Their contents, and the instances' names for them, are left out.
	// If the error is [ErrAway], they are those that this process knows of.
	Messages(ctx context.Context, q Query) ([]Message, error)

	// Count counts messages by what they have in common, in no order. If the error is [ErrAway], it has counted those that this process
	// knows of.
	Count(ctx context.Context, q CountQuery) ([]Count, error)

	// Sweep forgets what is over: contents whose code has expired, receipts that nobody asked for, records that are old. It has
	// to be called about once a second, as long as it returns true.
	Sweep(ctx context.Context) (more bool, news News, err error)

	// Forgotten returns how many messages were forgotten before their time, for lack of room. Calls that were refused, and never sent,
	// don't count.
	Forgotten() uint64
}

// Call is one call for a message, or a repeat of one.
type Call struct {
	Message providers.Message // all that an instance is to be given
	Flow    Flow
	Number  string // masked
	Country string // ISO 3166-1; empty if it can't be told
	// Range is what the message is counted under when its use is judged, as the caller of Begin names it: keyed hashes, never digits.
	// It has [MaxRange] bytes at most.
	Range      string
	Kind       Kind   // if it is known
	Proven     bool   // the account has shown before that the number is its own
	LastSignIn string // when the user last signed in, as the caller writes it; it is only compared
	Stored     string // which messages the caller knew of when it made the call; it is only compared
	Account    Account
	ReceivedAt Time
	AskedAt    Time            // when the caller made the call, by its own clock; zero if that is not known
	Deadline   time.Time       // for waiting
	Life       time.Duration   // of the code, from ReceivedAt
	Charges    []policy.Charge // of the rate limits
	Queued     bool            // it comes from a [Queue], which knows what overtakes it and how long it is tried: no caller waits
	Observe    bool            // a limit that is used up is noted, but refuses nothing
}

// Flow is one user's way to one number. Two codes of one flow are of no use: Auth stores one, and only the code that was stored
// last works. So at most one message of a flow is being sent at a time.
//
// Auth keeps the code of each MFA challenge apart, and a text that the caller has written replaces no other. Such messages have a flow of
// their own, and don't wait for each other.
type Flow struct {
	User, Number string
	MFA          bool // its messages don't wait for each other: second factors, and texts that the caller has written
}

// Begun is the answer to a call.
type Begun struct {
	Go     bool   // send the message; nobody else does
	Repeat bool   // the message of this call has ended before, with Result
	Result Result // what to answer, unless Go

	// Over is the place in Call.Charges of the rate limit that refuses the message, or would if it did not only observe; -1 if
	// there is none. After is how long that limit goes on.
	Over  int
	After time.Duration

	FirstAt Time // when the call, or the call that it repeats, was received

	Tried []Attempt // at this message, for earlier calls
	Lost  string    // the instance that took the flow's last message, if that message seems to be lost
	News  News
}

// Result is what became of a call.
type Result int8

const (
	Failed    Result = iota // the message could not be sent; another call may succeed
	Accepted                // an instance has accepted the message, or may have
	BadNumber               // nobody will reach this number
	JustSent                // another message of the flow was accepted just before: its code is the valid one
	TooMany                 // too many messages in too little time; a later call may succeed
)

var resultNames = [...]string{"failed", "accepted", "bad_number", "just_sent", "too_many"}

func (r Result) String() string { return resultNames[r] }

// Ended is the end of a race.
type Ended struct {
	ID       string
	Result   Result
	Instance string // that has accepted the message, or may have; empty if none has
	Attempts []Attempt
	// Left: the caller has left. Then the code is no longer valid, also if the message was accepted.
	Left bool
	// Resend: the race was for a [Resend].
	Resend bool
}

// News is what the ledger has learnt that somebody else must know.
type News struct {
	Reports []Report
	Resend  *Resend  // a message that is to be sent again, by the one who is told
	Stop    []string // IDs of messages whose resending must stop
	// Judged are messages of which it is known now what became of their codes, as Messages returns them. Sweep finds them; if its answer
	// comes too late, they come with the next one. The same message may come again: a code that was taken to be unused may be used later.
	Judged []Message
}

// Report is a receipt, and the message it is about.
type Report struct {
	ID        string // of the message; empty if the receipt is for none that is known
	Number    string // masked
	Country   string
	Instance  string
	Receipt   providers.Receipt // without its ID: WhatsApp's contain the phone number
	Delivered bool              // with this receipt, and not before, the whole message is on the phone
	After     time.Duration     // since the call was received
}

// Resend is a message that is to be sent again since a receipt says that it won't be delivered: a late fallback.
type Resend struct {
	Message  providers.Message
	Lost     string // as it was when the message was first sent
	Tried    []Attempt
	Instance string         // that failed
	Kind     providers.Kind // why
}

var (
	// ErrNoTime means that the deadline came before the other message of the flow had ended.
	ErrNoTime = errors.New("no time left behind another request for the same number")
	// ErrReplayed means that the call is an old one, which its caller has long given up.
	ErrReplayed = errors.New("an old call, played again: it may have been captured")
	// ErrStopped means that the message must not be sent again: it was delivered, or its code is no longer valid.
	ErrStopped = errors.New("the message must not be sent again")
	// ErrCrowded means that too many calls wait for others.
	ErrCrowded = errors.New("too many requests wait behind others for the same number")
)
