package web

import (
	"context"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Source is what the operator's page shows. All methods may be called concurrently.
type Source interface {
	// Messages is that of [ledger.Ledger]. With the error ledger.ErrAway there are messages all the same.
	Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error)

	// Count is that of [ledger.Ledger].
	Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error)

	// Live says how the program is now.
	Live() Live

	// Queues asks the store how deep its queues are; none if it doesn't answer within a second.
	Queues() []Queue

	// Setup says how the program is set up.
	Setup() Setup

	// Check tries what can be tried without sending a message. It takes seconds.
	Check(ctx context.Context) []Finding

	// Draft says what a test message to a number would be. The error is for the operator.
	Draft(number string) (Draft, error)

	// Send sends a test message, and says what came of it, one line for each attempt.
	Send(ctx context.Context, number string) []Finding
}

// Live is the state of the program.
type Live struct {
	Instances []Instance
	Store     Store
}

// Queue is what waits to be done, of one kind.
type Queue struct {
	Name    string
	Waiting int           // due, and nobody does it yet
	Oldest  time.Duration // since the oldest of these was due
}

// Instance is one configured account.
type Instance struct {
	Name     string
	Provider string // the title of its provider
	Channel  string
	Breaker  string // closed, half-open or open
	Patience time.Duration
	Account  *Problem // why the provider refuses the account; nil if it doesn't
}

// Problem is an error of an instance.
type Problem struct {
	At   time.Time // of the last time
	Code string    // the provider's; may be empty
	Text string
}

// Store is where the ledger is.
type Store struct {
	Kind  string // memory, sqlite or postgres
	Away  bool   // the database can't be reached
	Held  bool   // the database is a copy, and what waits in it is held
	Owed  uint64 // messages that have to be written to it
	Keeps string // what it keeps, and how long
}

// Setup is what was set, without secrets.
type Setup struct {
	Version  string
	Settings []Setting
	Warnings []string
	Receipts []Finding
	Routes   []Route
	Lists    []string // of numbers that get no messages
	Limits   []Limit
	Observe  bool   // limits refuse nothing
	Guard    string // off, observe or enforce
	Learned  bool   // the order of a route is that of the conversion
	Texts    []Text
	App      string
}

// Setting is a setting as it was read.
type Setting struct {
	Name, Value, Help string
	Secret            bool // the value is not shown
	Default           bool
}

// Finding is what was found out about something.
type Finding struct {
	What, Text string
	Bad        bool
}

// Route is the order of instances for a destination.
type Route struct {
	To        string
	Instances []string
}

// Limit is a rate limit.
type Limit struct{ Rule, Counts, Words string }

// Text is the text of one locale, with an example code.
type Text struct {
	Locale, Text, Encoding string
	Segments               int
}

// Draft is a test message before it is sent.
type Draft struct {
	Number    string // whole, as it will be dialled
	Country   string
	Text      string
	Segments  int
	Instances []string // in the order in which they are tried
}
