// Package providers is the contract between smshook and the providers that send its messages.
//
// A provider is one folder below this one and one line in providers/all. It implements [Provider] and whichever of the
// optional interfaces ([Receiver], [Challenger], [Checker], [Channeler]) it can. Callers find an ability by a type
// assertion, so a Provider is never wrapped in another Provider: the abilities would vanish.
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
	// says what the caller may do next; one that is not is taken as [Temporary] if the request never left this machine,
	// and as [Unknown] if it did. No error text may hold the number, the code, the text or a credential.
	Send(ctx context.Context, m Message) (Sent, error)
}

// Receiver is a Provider whose provider reports what became of a message.
type Receiver interface {
	Provider
	// Receipts authenticates a call of the provider and returns what it reports, oldest first; none is a valid answer.
	// The body has been read whole and is passed apart. r.URL is the whole address as the provider was given it, with the
	// query that it called: r.Host and the like are a stranger's words. The token in the path has been checked. Receipts may
	// be called concurrently.
	//
	// The error is [ErrForged] if the call is not the provider's, [ErrUnsigned] if it may be but has to come again signed,
	// and anything else if it can't be read. No error text may quote the call.
	Receipts(r *http.Request, body []byte) ([]Receipt, error)
	// Setup says what is left to the operator.
	Setup() ReceiptSetup
}

// ReceiptSetup is what an operator has to know, or to do at the provider, for receipts to come and to be trusted.
type ReceiptSetup struct {
	// Enter says where at the provider the address must be entered. It is empty if each message tells it.
	Enter string
	// Unsigned says why the provider's signature can't be checked, so that the token in the path alone proves a receipt. It
	// is empty if it is checked, and then a receipt without one is refused.
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
	// wrong token ([Account]) and an unreachable host ([Temporary]) can be told apart.
	Check(ctx context.Context) error
	// Credentials names the settings that Check tries, without prefix, such as AUTH_TOKEN: for who has to correct them.
	Credentials() []string
}

// Channeler is a Provider whose messages don't travel as plain SMS.
type Channeler interface {
	Provider
	// Channel names the way the messages travel, such as "whatsapp".
	Channel() string
}

// Message is one text for one phone.
type Message struct {
	ID       string        // names the message in our log; the same for every provider that tries it
	To       Secret        // the number in E.164 form, with its "+"
	National Secret        // the number without "+" and its country's calling code
	Locale   string        // the language the user asked for, as a BCP 47 tag; empty if unknown
	Text     Secret        // the whole text
	Code     Secret        // the one-time code in it, for providers that send templates of their own
	Unicode  bool          // the text has a character outside GSM-7
	Segments int           // SMS segments the text takes, 1 or more
	Life     time.Duration // how long the code stays valid; 0 if not known, and then the provider's own default applies
}

// Sent is what a provider says when it accepts a message.
type Sent struct {
	// IDs are the provider's names for the message, more than one if it names the parts; receipts refer to them. They reach
	// the log: a provider passes on only what has the shape of its names.
	IDs   []string
	Parts int // segments the provider counted, up to MostParts, see [Parts]; 0 if it didn't say
}

// MostParts is how many segments a provider may count. A text that holds a code is far shorter.
const MostParts = 16

// Parts returns a provider's count of segments as [Sent] has it: 0 if no provider can mean it. What is counted becomes a metric.
func Parts(count int) int {
	if count < 0 || count > MostParts {
		return 0
	}
	return count
}

// Receipt is one report about one message.
type Receipt struct {
	ID    string // one of [Sent.IDs]
	State State
	Kind  Kind      // why it failed; meaningless in the other states
	Code  string    // the provider's own code, if any
	At    time.Time // the provider's clock; zero if it didn't say
}

// State is how far a message has come. Reports come late, twice and out of order, so a message keeps the highest state that
// was reported: what is on the phone was delivered, whatever else is said.
type State int

const (
	StateQueued      State = iota // the provider has it
	StateSent                     // handed to the network
	StateFailed                   // never handed over
	StateUndelivered              // handed over, and not delivered
	StateDelivered                // on the phone
	StateRead                     // opened
)

var stateNames = [...]string{"queued", "sent", "failed", "undelivered", "delivered", "read"}

func (s State) String() string { return stateNames[s] }

// Failed reports whether the message won't arrive.
func (s State) Failed() bool { return s == StateFailed || s == StateUndelivered }

// Delivered reports whether the message is on the phone.
func (s State) Delivered() bool { return s >= StateDelivered }

var (
	// ErrForged is the error of a receipt or a challenge that the provider didn't make.
	ErrForged = errors.New("not signed by the provider")
	// ErrUnsigned is the error of a receipt without the signature that is due, from a provider that forgets it at times and
	// signs when it is asked again.
	ErrUnsigned = errors.New("not signed, though a signature is due")
)
