package race

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Attempt is one call of one instance for a message, and how it ended.
type Attempt struct {
	MessageID string
	Instance  string
	Channel   string // see [Instance.Channel]
	BegunAt   time.Time
	Took      time.Duration

	Sent     providers.Sent   // what the provider returned if it accepted the message
	Segments int              // of the message: as the provider counted them, or else as smshook did
	Err      *providers.Error // nil if the provider accepted the message
	Panic    *Panic           // set if the provider's code panicked

	Pending bool // the attempt had not ended when the race was over: Err holds the assumed result
	Late    bool // the attempt ended after the race
	Double  bool // another instance had accepted the message before this one did
}

// Panic is a bug. The value of the panic may contain the message, so only its type is kept.
type Panic struct {
	Type  string
	Stack []byte
}

func newPanic(value any) *Panic { return &Panic{fmt.Sprintf("%T", value), debug.Stack()} }

// failure returns a provider's error as an *Error. The text of another type of error may contain anything, so only the type is
// kept.
func failure(err error, watched *call.Watched) *providers.Error {
	var classified *providers.Error
	if errors.As(err, &classified) {
		copied := *classified
		return &copied
	}
	return unclassified(fmt.Errorf("an error of type %T", err), watched)
}

// unclassified returns err with a Kind that depends on one fact: whether the request has been sent.
func unclassified(err error, watched *call.Watched) *providers.Error {
	kind := providers.Temporary
	if watched.Written() {
		kind = providers.Unknown
	}
	return &providers.Error{Kind: kind, Err: err}
}
