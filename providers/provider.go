// Package providers is the contract between smshook and the providers that send its messages.
//
// A provider is one folder below this one and one line in providers/all. It implements [Provider], and those of the optional
// interfaces ([Receiver], [Challenger], [Checker], [Channeler], [Sender], [MediaSender], [CodeSender]) that it can. Callers find the optional ones by [As].
package providers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Provider sends messages through one account of one provider.
type Provider interface {
	// Send makes one attempt and returns when the provider has answered or ctx has ended. It does not retry, fall back
	// or log: the caller does. It may be called concurrently.
	//
	// A nil error means that the provider has accepted the message. Any other error should be an [*Error], whose Kind
	// says what the caller may do next. An error of another type counts as [Temporary] if the request never left this machine,
	// and as [Unknown] if it did. No error text may hold the number, the code, the text or a credential.
	Send(ctx context.Context, m Message) (Sent, error)
}

// Receiver is a Provider whose provider sends delivery receipts.
type Receiver interface {
	Provider
	// Receipts authenticates a call of the provider and returns the receipts in it, oldest first. There may be none.
	// The caller has read the body, and has checked the token in the path. r.URL is the address that the provider was given,
	// with the query of the call. Nothing else in r may be trusted, such as r.Host. Receipts may be called concurrently.
	//
	// The error is [ErrForged] if the call doesn't come from the provider, [ErrUnsigned] if the provider must send it again
	// with a signature, and any other error if it can't be read. No error text may quote the call.
	// The errors of parsers quote what they found, and must not be passed on.
	Receipts(r *http.Request, body []byte) ([]Receipt, error)
	// Setup says what the operator still has to do.
	Setup() ReceiptSetup
}

// ReceiptSetup is what an operator must do at the provider before receipts come, and what must be set before they are trusted.
type ReceiptSetup struct {
	// Enter says where at the provider the address must be entered. It is empty if each message carries the address.
	Enter string
	// Unsigned says why the provider's signature can't be checked. Then the token in the path is the only proof. Unsigned is
	// empty if signatures are checked, and then a receipt without a signature is refused.
	Unsigned string
}

// Challenger is a Receiver whose provider checks the receipt address by a GET before it uses it.
type Challenger interface {
	Receiver
	// Challenge returns the text to answer with, or [ErrForged].
	Challenge(query url.Values) (string, error)
}

// Checker is a Provider that can try its credentials without sending a message and without cost.
type Checker interface {
	Provider
	// Check returns nil if the provider knows the account, and otherwise an error of the same classes as Send, so that a
	// wrong token ([Account]) differs from an unreachable host ([Temporary]).
	Check(ctx context.Context) error
	// Credentials names the settings that Check tries, without prefix, such as AUTH_TOKEN.
	Credentials() []string
}

// Channeler is a Provider whose messages may be something other than SMS.
type Channeler interface {
	Provider
	// Channel names the channel, such as "whatsapp" or [Voice].
	Channel() string
}

// Voice is the channel of providers that call and speak. Such a provider isn't started beside an attempt that may still be accepted, as
// long as there is time to wait.
const Voice = "voice"

// Sender is a Provider that sends from numbers or names which the operator has set.
type Sender interface {
	Provider
	// Senders returns them, as a caller of the message API may write them.
	Senders() []string
}

// MediaSender is a Provider that can send pictures and documents with a text.
type MediaSender interface {
	Provider
	// SendsMedia reports whether it can send these, all in one message. Their addresses end in jpg, jpeg, png, gif or pdf.
	SendsMedia(addresses []string) bool
}

// CodeSender is a Provider whose messages may be a template of the provider's, in which only the code changes.
type CodeSender interface {
	Provider
	// OnlyCodes reports whether they are: then a text of a caller can't be sent.
	OnlyCodes() bool
}

// Message is one text for one phone.
type Message struct {
	ID       string        // names the message in the log; the same for every provider
	To       Secret        // the number in E.164 form, with its "+"
	National Secret        // the number without "+" and its country's calling code
	Locale   string        // the language the user asked for, as a BCP 47 tag; empty if unknown
	Text     Secret        // the whole text
	Code     Secret        // the one-time code in it, for providers that send templates of their own
	Unicode  bool          // the text has a character outside GSM-7
	Segments int           // SMS segments the text takes, 1 or more
	Life     time.Duration // how long the code stays valid; 0 if not known, and then the provider's own default applies
	From     string        // one of the instance's [Sender.Senders], if the caller wants that one; else empty
	Media    []string      // addresses of pictures and documents that the provider fetches; only a [MediaSender] is given any
}

// Sent is what a provider answers when it accepts a message.
type Sent struct {
	// IDs are the provider's names for the message, or one for each part. Receipts refer to them. They are logged, and
	// therefore only what has the form of the provider's names may stand here.
	IDs   []string
	Parts int // segments that the provider counted, at most MostParts, see [Parts]; 0 if unknown
}

// MostParts is how many segments a provider may count. A text that holds a code is far shorter.
const MostParts = 16

// Parts returns a provider's count of segments for [Sent]: 0 if the count can't be right. The count becomes a metric.
func Parts(count int) int {
	if count < 0 || count > MostParts {
		return 0
	}
	return count
}

// Receipt is one report about one message.
type Receipt struct {
	ID    string // one of [Sent.IDs], and of the same form: it is logged
	State State
	Kind  Kind      // why it failed; not used in other states
	Code  string    // the provider's own code, if any; it is logged, see [Codes.OfReceipt]
	At    time.Time // by the provider's clock; zero if unknown
}

// State is how far a message has come. Receipts come late, twice and out of order. Therefore a message keeps the highest state
// that was reported.
type State int

const (
	StateQueued      State = iota // the provider has it
	StateSent                     // handed to the mobile network
	StateFailed                   // never handed to the mobile network
	StateUndelivered              // handed to the mobile network, and not delivered
	StateDelivered                // on the phone
	StateRead                     // opened
)

var stateNames = [...]string{"queued", "sent", "failed", "undelivered", "delivered", "read"}

func (s State) String() string { return stateNames[s] }

// Failed reports whether the message won't be delivered.
func (s State) Failed() bool { return s == StateFailed || s == StateUndelivered }

// Delivered reports whether the message is on the phone.
func (s State) Delivered() bool { return s >= StateDelivered }

var (
	// ErrForged is the error of a receipt or a challenge that doesn't come from the provider.
	ErrForged = errors.New("not signed by the provider")
	// ErrUnsigned is the error of a receipt without its signature, from a provider that sometimes leaves the signature out and
	// sends the receipt again with it.
	ErrUnsigned = errors.New("not signed, though a signature is due")
)
