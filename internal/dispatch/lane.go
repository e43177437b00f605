package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"
)

// A lane is one user's way to one number in one flow. Two calls on it at once would make two codes, of which only the one
// that Auth stores last works. So the second waits for the first; if that is accepted, the second is refused, which makes Auth
// forget its code and keep the first. So is one that comes a moment after the first was accepted, if Auth had not stored the
// first when it made the second: see justSent.
//
// A second factor has no lane: Auth holds each challenge's code apart.
//
// Sign-in, sign-up, their resends and reauthentication are one lane, where they go to the same number: at the time of a call
// nothing in its payload says which of them it is. (A phone change goes to another number.) What can be told is whether Auth had
// stored the message before: that shows in the user's record, by the field of its kind (Request.Stored). A call that comes a
// moment after and knows of the message before isn't a second tap. It is of another kind, or of an Auth whose
// GOTRUE_SMS_MAX_FREQUENCY is that short: Auth refuses a second one of the same kind by itself. So it is sent. Of two kinds at
// the very same time, the second is refused all the same.
type lanes struct {
	resendWindow time.Duration
	waiting      chan struct{} // has an element for each call that waits, of all lanes, and of the repeats that wait for theirs

	mu       sync.Mutex
	busy     map[flow]*lane
	last     *memory[flow, lastMessage]
	accepted *memory[flow, known] // by the time of the answer
}

// justSent is how long after the answer to a call another one is refused that was made before Auth had stored the message of the
// first. Auth reads the user's record, and checks how long ago the last message was, before it waits for its transaction. Measured
// with second taps 0 to 25 ms after the answer: 11 of 11 made two codes, of which the first was void.
const justSent = time.Second

// known is what the caller's record of the user said when it made a request. Where two requests differ in it, the record was read
// again in between.
type known struct{ stored, lastSignIn string }

func (r Request) known() known { return known{r.Stored, r.LastSignIn} }

// mostBehind is how many calls may wait behind another one of their lane, and how many repeats for their call. A user taps twice
// or three times; Auth makes each call three times.
const mostBehind = 16

type lane struct {
	free   chan struct{} // closed when the call is over; nil while nobody waits for that
	behind int           // how many have come to wait for that
	sent   bool          // and it was accepted; written before free is closed
}

// lastMessage is the one that was accepted last on a lane.
type lastMessage struct {
	id         string
	at         time.Time // of the request
	instance   string
	lastSignIn string
	arrived    bool // as the instance reports
}

const mostLast = 1 << 16

// newLanes returns lanes that know their last message as long as its code lives, at least. As many calls may wait, and repeats for
// their calls, as waiting has room for.
func newLanes(resendWindow, life time.Duration, waiting chan struct{}) *lanes {
	return &lanes{
		resendWindow: resendWindow,
		waiting:      waiting,
		busy:         map[flow]*lane{},
		accepted:     newMemory[flow, known](justSent, mostLast),
		last:         newMemory[flow, lastMessage](max(resendWindow, life), mostLast),
	}
}

// flow names the requests of which only the last one's code is of use. An older code of a second factor stays valid, but the
// app asks for the newest.
type flow struct {
	user, number string
	mfa          bool
}

func (r Request) flow() flow {
	return flow{r.User, short(strings.TrimPrefix(r.Phone.Reveal(), "+")), r.MFA}
}

// short returns a text of 128 bytes at most that stands for s where texts are only compared: s as a rule, else a hash of it. What is
// remembered of a request must not be as long as a caller likes.
func short(s string) string {
	if len(s) <= 128 {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

var (
	errJustSent = errors.New("another request for the same number has just been accepted")
	errBehind   = errors.New("no time left behind another request for the same number")
	errCrowd    = errors.New("too many requests wait behind others for the same number")
)

// alone runs a request when it has its lane for itself, and refuses it if the one before was accepted.
func (ls *lanes) alone(ctx context.Context, deadline time.Time, r Request, send func() Outcome) (outcome Outcome) {
	if r.MFA {
		return send()
	}
	mine, err := ls.enter(ctx, deadline, r)
	switch err {
	case nil:
	case errJustSent:
		return Outcome{Result: JustSent, Reason: err}
	default:
		return Outcome{Result: Failed, Reason: err}
	}
	// A message whose request nobody waits for any more carries a void code: the next request needs one of its own.
	defer func() { ls.leave(r, mine, outcome.Result == Accepted && ctx.Err() == nil) }()
	return send()
}

// enter waits until the lane of a request is free and takes it. Who has entered must leave. It returns errJustSent if a message
// was sent on the lane while we waited, or just before; errBehind at the deadline or when ctx ends; and errCrowd, at once, where
// too many wait.
func (ls *lanes) enter(ctx context.Context, deadline time.Time, r Request) (*lane, error) {
	mine, other, err := ls.take(r, false)
	if other == nil {
		return mine, err
	}
	select {
	case ls.waiting <- struct{}{}:
		defer func() { <-ls.waiting }()
	default:
		return nil, errCrowd
	}
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for other != nil {
		select {
		case <-other.free:
			if other.sent {
				return nil, errJustSent
			}
		case <-limited.Done():
			return nil, errBehind
		}
		mine, other, err = ls.take(r, true)
	}
	return mine, err
}

// take takes the lane of a request if it is free, and otherwise returns who has it, to be waited for. Who has waited may wait
// again. Or it returns why the request can do neither.
func (ls *lanes) take(r Request, waited bool) (mine, other *lane, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	flow := r.flow()
	if before := ls.accepted.get(flow, r.ReceivedAt); before != nil && *before == r.known() {
		return nil, nil, errJustSent
	}
	other = ls.busy[flow]
	switch {
	case other == nil:
		mine = new(lane)
		ls.busy[flow] = mine
		return mine, nil, nil
	case other.behind >= mostBehind && !waited:
		return nil, nil, errCrowd
	}
	other.behind++
	if other.free == nil {
		other.free = make(chan struct{})
	}
	return nil, other, nil
}

func (ls *lanes) leave(r Request, mine *lane, accepted bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	flow := r.flow()
	delete(ls.busy, flow)
	if accepted {
		ls.accepted.put(flow, r.known(), time.Now())
	}
	mine.sent = accepted
	if mine.free != nil {
		close(mine.free)
	}
}

// took notes which instance the message of a request went out by.
func (ls *lanes) took(r Request, instance string) {
	if r.MFA {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.last.put(r.flow(), lastMessage{id: r.ID, at: r.ReceivedAt, instance: instance, lastSignIn: r.LastSignIn}, r.ReceivedAt)
}

// arrived notes that the message of a request is on the phone.
func (ls *lanes) arrived(r Request) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if last := ls.last.get(r.flow(), time.Now()); last != nil && last.id == r.ID {
		last.arrived = true
	}
}

// lost returns the instance that took the last message on the lane if that, it seems, never arrived: the user asks again, and
// has not signed in since. To Auth, nothing else says so. No clocks are compared: the last sign-in is a mark, not a time. It
// is empty if there is none.
func (ls *lanes) lost(r Request) (instance string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	last := ls.unused(r, ls.resendWindow)
	if last == nil || last.arrived {
		return ""
	}
	return last.instance
}

// valid reports whether the code of the last message on the lane can still be used, if a code lives that long: the user has
// not signed in with it, and the request, if it is refused, makes no other one.
func (ls *lanes) valid(r Request, life time.Duration) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.unused(r, life) != nil
}

// unused returns the last message on the lane if it is not as old as that and the user has not signed in since, or else nil.
// ls.mu is held.
func (ls *lanes) unused(r Request, age time.Duration) *lastMessage {
	if r.MFA {
		return nil
	}
	last := ls.last.get(r.flow(), r.ReceivedAt)
	if last == nil || r.ReceivedAt.Sub(last.at) >= age || last.lastSignIn != r.LastSignIn {
		return nil
	}
	return last
}
