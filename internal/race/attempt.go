package race

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Attempt is one instance's try at a message.
type Attempt struct {
	MessageID string
	BegunAt   time.Time
	Instance  string
	Took      time.Duration
	Sent      providers.Sent   // what the instance said when it accepted
	Segments  int              // of the message: as the instance counted them, or else as we did
	Err       *providers.Error // nil if it accepted
	Pending   bool             // it had not ended when the race was over; Err says what it was taken for
	Late      bool             // it ended after the race was over
	Double    bool             // it accepted a message that another instance had accepted before
	Panic     *Panic           // what the instance's code died of, if it did
}

// Panic is a bug. The value that the code panicked with may quote the message, so only the type of that is kept.
type Panic struct {
	Type  string
	Stack []byte
}

func newPanic(value any) *Panic { return &Panic{fmt.Sprintf("%T", value), debug.Stack()} }

// maxAttempt is how long an attempt may go on, whether or not anybody still waits for it.
const maxAttempt = 8 * time.Second

// flight is an attempt under way.
type flight struct {
	instance *Instance
	began    time.Time
	watched  *call.Watched
	cancel   context.CancelFunc
	silent   bool        // for its patience; belongs to the race
	noWord   atomic.Bool // how it ends says nothing about the instance
	unsaid   atomic.Bool // how it ends says nothing, but what else is heard of the instance until the patience is over will
	verdict  *verdict
	slow     *time.Timer // tells the verdict when the patience is over
	doubt    *time.Timer // raises a doubt when the learned patience is over; nil if that is no shorter

	result Attempt // once it has ended
}

// fly begins an attempt. Its context is its own: it goes on when the race, or the call that it is for, is over. The result
// comes on landed, which must have room for it.
func fly(m providers.Message, began time.Time, c *Instance, v *verdict, p patiences, landed chan<- *flight) *flight {
	f := &flight{instance: c, began: began, verdict: v}
	ctx, cancel := context.WithTimeout(context.Background(), maxAttempt)
	ctx, f.watched = call.Watch(ctx)
	f.cancel = cancel
	f.slow = time.AfterFunc(p.most, f.outOfPatience)
	if p.learned < p.most {
		f.doubt = time.AfterFunc(p.learned, func() { f.outOfLearned(p.most) })
	}
	go func() {
		defer cancel()
		growStack(0)
		f.result = f.send(ctx, m)
		f.tell()
		landed <- f
	}()
	return f
}

// patiences are how long an instance may be silent: before that is a doubt, and before it is a bad word.
type patiences struct{ learned, most time.Duration }

// tell says what the end of the attempt says about the instance.
func (f *flight) tell() {
	if f.doubt != nil {
		f.doubt.Stop()
	}
	word := wordFor(f.result.Err)
	if word == nil {
		f.instance.health.hear(f.result.Took)
	}
	switch {
	case f.unsaid.Load(): // outOfPatience will
		return
	case f.noWord.Load():
		word = errNoWord
	}
	f.slow.Stop()
	f.verdict.tell(word)
}

// outOfLearned raises a doubt, unless other answers have shown since the attempt began that they take longer now.
func (f *flight) outOfLearned(most time.Duration) {
	if time.Since(f.began) >= f.instance.Patience(most) {
		f.instance.health.doubt.raise()
	}
}

// outOfPatience tells that the whole patience is over. Of an attempt that was called back before, that counts only if nothing
// else has been heard of the instance since.
func (f *flight) outOfPatience() {
	if f.unsaid.Load() && f.instance.health.doubt.heardSince(f.began) {
		f.verdict.tell(errNoWord)
		return
	}
	f.verdict.tell(errBadWord)
}

// growStack takes the stack that a call over HTTP needs while there is little on it. Later it would have to be moved with all
// that is on it, and more than once.
//
//go:noinline
func growStack(i int) byte {
	var room [8 << 10]byte
	return room[i] // which one isn't known here, or the compiler would leave all of them out
}

// recall ends the attempt if nothing of it has left yet. A message that has left can't be called back. It says nothing about
// the instance, unless that could not even be reached before its successor started. That may have been soon, so what is heard
// of the instance until the whole patience is over decides.
func (f *flight) recall() {
	if f.watched.Written() {
		return
	}
	f.unsaid.Store(f.silent)
	f.noWord.Store(true)
	f.cancel()
}

// pending is what the attempt is taken for while it has not ended.
func (f *flight) pending(m providers.Message) Attempt {
	return Attempt{
		MessageID: m.ID,
		Instance:  f.instance.Name,
		BegunAt:   f.began,
		Took:      time.Since(f.began),
		Err:       unclassified(errors.New("no answer yet"), f.watched),
		Pending:   true,
	}
}

func (f *flight) send(ctx context.Context, m providers.Message) (a Attempt) {
	a = Attempt{MessageID: m.ID, Instance: f.instance.Name, BegunAt: f.began}
	defer func() {
		if value := recover(); value != nil {
			a.Panic = newPanic(value)
			a.Err = unclassified(errors.New("the instance's code panicked"), f.watched)
		}
		a.Took = time.Since(f.began)
	}()
	if !f.instance.enter() {
		f.noWord.Store(true) // it says something about us, not about the instance
		a.Err = &providers.Error{Kind: providers.Temporary, Err: errors.New("too many attempts at this instance at once")}
		return a
	}
	defer f.instance.leave()
	sent, err := f.instance.Provider().Send(ctx, m)
	if err == nil {
		a.Sent, a.Segments = sent, cmp.Or(sent.Parts, m.Segments)
		return a
	}
	a.Err = failure(err, f.watched)
	if kind, ours := f.instance.Codes[a.Err.Code]; ours {
		a.Err.Kind = kind
	}
	return a
}

// failure returns err as the *Error it should be. The text of one that isn't may hold anything, so only its type is told.
func failure(err error, watched *call.Watched) *providers.Error {
	var classified *providers.Error
	if errors.As(err, &classified) {
		copied := *classified
		return &copied
	}
	return unclassified(fmt.Errorf("an error of type %T", err), watched)
}

// unclassified returns an error of the Kind that goes with what is known: whether the request has left.
func unclassified(err error, watched *call.Watched) *providers.Error {
	kind := providers.Temporary
	if watched.Written() {
		kind = providers.Unknown
	}
	return &providers.Error{Kind: kind, Err: err}
}
