// Package providers is the contract between smshook and the carriers that send its messages.
//
// A carrier is one folder below this one and one line in providers/all. It implements [Provider] and whichever of the
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

// Provider sends messages through one account of one carrier.
type Provider interface {
	// Send makes one attempt and returns when the carrier has answered or ctx has ended. It does not retry, fall back
	// or log: the caller does. It may be called concurrently.
	//
	// A nil error means that the carrier has accepted the message. Any other error should be an [*Error], whose Kind
	// says what the caller may do next; one that is not is taken as [Temporary] if the request never left this machine,
	// and as [Unknown] if it did. No error text may hold the number, the code, the text or a credential.
	Send(ctx context.Context, m Message) (Sent, error)
}

// Receiver is a Provider whose carrier reports what became of a message.
type Receiver interface {
	Provider
	// Receipts authenticates a call of the carrier and returns what it reports, oldest first; none is a valid answer.
	// The body has been read whole and is passed apart; r.URL is the address as the carrier was given it. The error is
	// [ErrForged] if the call is not the carrier's, anything else if it can't be read.
	Receipts(r *http.Request, body []byte) ([]Receipt, error)
}

// Challenger is a Receiver whose carrier checks the receipt address by a GET before it uses it.
type Challenger interface {
	Receiver
	// Challenge returns the text to answer with, or [ErrForged].
	Challenge(query url.Values) (string, error)
}

// Checker is a Provider that can try its credentials without sending a message and without cost.
type Checker interface {
	Provider
	// Check returns nil if the carrier knows the account, and otherwise an error of the same classes as Send, so that a
	// wrong token ([Account]) and an unreachable host ([Temporary]) can be told apart.
	Check(ctx context.Context) error
}

// Channeler is a Provider whose messages don't travel as plain SMS.
type Channeler interface {
	Provider
	// Channel names the way the messages travel, such as "whatsapp".
	Channel() string
}

// Message is one text for one phone.
type Message struct {
	ID       string        // names the message in our log; the same for every carrier that tries it
	To       Secret        // the number in E.164 form, with its "+"
	Country  string        // ISO 3166-1 code of the number; empty where it can't be told
	Locale   string        // the language the user asked for, as a BCP 47 tag; empty if unknown
	Text     Secret        // the whole text
	Code     Secret        // the one-time code in it, for carriers that send templates of their own
	Unicode  bool          // the text has a character outside GSM-7
	Segments int           // SMS segments the text takes, 1 or more
	Life     time.Duration // how long the code stays valid; 0 if not known, and then the carrier's own default applies
}

// Sent is what a carrier says when it accepts a message.
type Sent struct {
	// IDs are the carrier's names for the message, more than one if it names the parts; receipts refer to them. They reach
	// the log: a carrier passes on only what has the shape of its names.
	IDs   []string
	Parts int // segments the carrier counted; 0 if it didn't say
}

// Receipt is one report about one message.
type Receipt struct {
	ID    string // one of [Sent.IDs]
	State State
	Kind  Kind      // why it failed; meaningless in the other states
	Code  string    // the carrier's own code, if any
	At    time.Time // the carrier's clock; zero if it didn't say
}

// State is how far a message has come. From StateQueued to StateRead is a way forward: reports come late, twice and out of
// order, and an earlier state never replaces a later one. The two failures are final, but don't undo a delivery.
type State int

const (
	StateQueued      State = iota // the carrier has it
	StateSent                     // handed to the network
	StateDelivered                // on the phone
	StateRead                     // opened
	StateUndelivered              // handed over, and refused there
	StateFailed                   // never handed over
)

// ErrForged is the error of a receipt or a challenge that the carrier didn't make.
var ErrForged = errors.New("not signed by the carrier")
