package dispatch

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// A lane is one user's way to one number in one flow. Two calls on it at once would make two codes, of which only the one
// that Auth stores last works. So the second waits for the first; if that is accepted, the second is refused, which makes Auth
// forget its code and keep the first.
//
// A second factor has no lane: Auth holds each challenge's code apart.
type lanes struct {
	resendWindow time.Duration

	mu   sync.Mutex
	busy map[flow]*lane
	last *memory[flow, lastMessage]
}

type lane struct {
	free chan struct{} // closed when the call is over; nil while nobody waits for that
	sent bool          // and it was accepted; written before free is closed
}

// lastMessage is the one that was accepted last on a lane.
type lastMessage struct {
	id         string
	at         time.Time // of the request
	carrier    string
	lastSignIn string
	arrived    bool // as the carrier reports
}

const mostLast = 1 << 16

// newLanes returns lanes that know their last message as long as its code lives, at least.
func newLanes(resendWindow, life time.Duration) *lanes {
	return &lanes{
		resendWindow: resendWindow,
		busy:         map[flow]*lane{},
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
	return flow{r.User, strings.TrimPrefix(r.Phone.Reveal(), "+"), r.MFA}
}

var errBehind = errors.New("no time left behind another request for the same number")

// alone runs a request when it has its lane for itself, and refuses it if the one before was accepted.
func (ls *lanes) alone(ctx context.Context, deadline time.Time, r Request, send func() Outcome) (outcome Outcome) {
	if r.MFA {
		return send()
	}
	flow := r.flow()
	mine, sent := ls.enter(ctx, deadline, flow)
	if sent {
		return Outcome{Result: JustSent, Reason: errJustSent}
	}
	if mine == nil {
		return Outcome{Result: Failed, Reason: errBehind}
	}
	// A message whose request nobody waits for any more carries a void code: the next request needs one of its own.
	defer func() { ls.leave(flow, mine, outcome.Result == Accepted && ctx.Err() == nil) }()
	return send()
}

var errJustSent = errors.New("another request for the same number has just been accepted")

// enter waits until the lane is free and takes it. It returns none at the deadline, when ctx ends, or if a message was sent on
// it while we waited. Who has entered must leave.
func (ls *lanes) enter(ctx context.Context, deadline time.Time, f flow) (mine *lane, sent bool) {
	mine, other := ls.take(f)
	if mine != nil {
		return mine, false
	}
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for mine == nil {
		select {
		case <-other.free:
			if other.sent {
				return nil, true
			}
		case <-limited.Done():
			return nil, false
		}
		mine, other = ls.take(f)
	}
	return mine, false
}

// take takes the lane if it is free, and otherwise returns who has it, to be waited for.
func (ls *lanes) take(f flow) (mine, other *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if other, busy := ls.busy[f]; busy {
		if other.free == nil {
			other.free = make(chan struct{})
		}
		return nil, other
	}
	mine = new(lane)
	ls.busy[f] = mine
	return mine, nil
}

func (ls *lanes) leave(f flow, mine *lane, sent bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.busy, f)
	mine.sent = sent
	if mine.free != nil {
		close(mine.free)
	}
}

// took notes which carrier the message of a request went out by.
func (ls *lanes) took(r Request, carrier string) {
	if r.MFA {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.last.put(r.flow(), lastMessage{id: r.ID, at: r.Arrived, carrier: carrier, lastSignIn: r.LastSignIn}, r.Arrived)
}

// arrived notes that the message of a request is on the phone.
func (ls *lanes) arrived(r Request) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if last := ls.last.get(r.flow(), time.Now()); last != nil && last.id == r.ID {
		last.arrived = true
	}
}

// lost returns the carrier that took the last message on the lane if that, it seems, never arrived: the user asks again, and
// has not signed in since. To Auth, nothing else says so. No clocks are compared: the last sign-in is a mark, not a time. It
// is empty if there is none.
func (ls *lanes) lost(r Request) (carrier string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	last := ls.unused(r, ls.resendWindow)
	if last == nil || last.arrived {
		return ""
	}
	return last.carrier
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
	last := ls.last.get(r.flow(), r.Arrived)
	if last == nil || r.Arrived.Sub(last.at) >= age || last.lastSignIn != r.LastSignIn {
		return nil
	}
	return last
}
