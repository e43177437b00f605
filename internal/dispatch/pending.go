package dispatch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

const (
	// keepPending is how long a receipt may follow its message. The code itself goes when its life is over.
	keepPending = 10 * time.Minute
	mostPending = 1 << 16

	// keepEarly is how long a receipt waits for its message: instances are known to report before they answer.
	keepEarly = 10 * time.Second
	mostEarly = 1 << 12 // messages, each with one receipt for every state at most

	// mostParts is how many names of one instance a message may go by. No instance lets a text have so many segments.
	mostParts = 16

	// wipeEvery is how often dead codes are looked for while there are live ones. A timer for each would cost more.
	wipeEvery = time.Second

	// leastLife is what must be left of a code's life for another message to be worth its price.
	leastLife = 15 * time.Second
)

// pendings are the messages of which it may still be learnt what became of them. An accepted message is not a delivered one:
// WhatsApp accepts numbers that it can't reach, and says so only by a receipt.
type pendings struct {
	events   Events
	arrived  func(Request)
	fallBack func(ctx context.Context, p *pending, m providers.Message, f Fallback, route []*race.Instance) // must not block

	mu     sync.Mutex
	byID   *memory[string, pending]
	byName map[name]*pending
	newest map[flow]*pending                              // the one whose code is valid
	dying  map[time.Duration][]*pending                   // by the life of their codes, and so in the order in which these die
	early  map[name]map[providers.State]providers.Receipt // those whose message isn't known yet
}

// name is an instance's for a message, or for a part of one.
type name struct{ instance, id string }

// pending is one message. Its fields belong to pendings.mu.
type pending struct {
	request  Request // without its code
	number   phone.Number
	message  *providers.Message // nil once its code is void: it must not be sent again
	life     time.Duration      // of the code
	tries    []try              // one for each instance of the route, in its order
	answered bool               // a caller was there to hear that it was accepted
	stop     context.CancelFunc // ends its being sent through other instances because of a receipt; nil if it isn't
}

// try is what one instance made of the message.
type try struct {
	instance *race.Instance
	begun    bool
	over     bool // the attempt has ended
	accepted bool
	kind     providers.Kind // why it failed, at once or later
	parts    []part
}

// part is a message, or a part of one, as its instance counts.
type part struct {
	id    string
	state providers.State
}

// failed reports whether the message won't arrive by this try: without one of its parts it is none.
func (t *try) failed() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.state.Failed() })
}

// dead reports whether the try has failed, at once or later.
func (t *try) dead() bool { return t.over && !t.accepted || t.failed() }

// arrived reports whether the whole message is on the phone.
func (t *try) arrived() bool {
	return len(t.parts) > 0 && !slices.ContainsFunc(t.parts, func(p part) bool { return !p.state.Delivered() })
}

// mayArrive reports whether the try is out and nothing bad is known of it. Of one that ended in silence nothing will ever be
// known, so it doesn't count.
func (t *try) mayArrive() bool { return t.begun && (!t.over || t.accepted) && !t.failed() }

func newPendings(events Events) *pendings {
	ps := &pendings{
		events: events,
		byID:   newMemory[string, pending](keepPending, mostPending),
		byName: map[name]*pending{},
		newest: map[flow]*pending{},
		dying:  map[time.Duration][]*pending{},
		early:  map[name]map[providers.State]providers.Receipt{},
	}
	ps.byID.forgot = ps.forgot
	return ps
}

// open notes a message that is about to be sent, for the first time or for a repeat of its call.
func (ps *pendings) open(r Request, number phone.Number, m providers.Message, route []*race.Instance, life time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.byID.get(r.ID, r.ReceivedAt) != nil {
		return
	}
	r.Code = providers.Secret{}
	p := ps.byID.put(r.ID, pending{request: r, number: number, message: &m, life: life, tries: make([]try, len(route))}, r.ReceivedAt)
	for i, instance := range route {
		p.tries[i].instance = instance
	}
	ps.dying[life] = append(ps.dying[life], p)
	if len(ps.dying[life]) == 1 {
		time.AfterFunc(p.lives(), func() { ps.wipe(life) })
	}
}

// lives is how long the code will live.
func (p *pending) lives() time.Duration { return time.Until(p.request.ReceivedAt.Add(p.life)) }

// wipe drops the messages whose codes have died, and comes again for the others.
func (ps *pendings) wipe(life time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for len(ps.dying[life]) > 0 {
		p := ps.dying[life][0]
		if lives := p.lives(); lives > 0 {
			time.AfterFunc(max(lives, wipeEvery), func() { ps.wipe(life) })
			return
		}
		ps.die(p)
	}
}

// die drops the message that is the next whose code dies, if p is that. ps.mu is held.
func (ps *pendings) die(p *pending) {
	p.void()
	if dying := ps.dying[p.life]; len(dying) > 0 && dying[0] == p {
		dying[0] = nil
		ps.dying[p.life] = dying[1:]
	}
}

// void makes sure that the message isn't sent again, nor by one more instance if that is under way. ps.mu is held.
func (p *pending) void() {
	p.message = nil
	if p.stop != nil {
		p.stop()
	}
}

// forgot drops what leads to a message that has been forgotten. ps.mu is held.
func (ps *pendings) forgot(p *pending, old bool) {
	ps.die(p) // the oldest is the first to die, too
	for _, t := range p.tries {
		for _, part := range t.parts {
			delete(ps.byName, name{t.instance.Name, part.id})
		}
	}
	if flow := p.request.flow(); ps.newest[flow] == p {
		delete(ps.newest, flow)
	}
	if !old {
		ps.events.Forgot()
	}
}

// begin notes that a message is about to be given to an instance. From here on the instance may report of it.
func (ps *pendings) begin(messageID, instance string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byID.get(messageID, time.Now())
	if p == nil {
		return
	}
	if t := p.try(instance); t != nil {
		t.begun = true
	}
}

func (ps *pendings) noteAll(attempts []race.Attempt) {
	for _, a := range attempts {
		ps.note(a)
	}
}

// note notes how an attempt stands, or how it has ended. The receipts that came before its end are applied.
func (ps *pendings) note(a race.Attempt) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byID.get(a.MessageID, time.Now())
	if p == nil {
		return
	}
	t := p.try(a.Instance)
	if t == nil {
		return
	}
	t.over, t.accepted = !a.Pending, a.Err == nil
	if a.Err != nil && !t.failed() {
		t.kind = a.Err.Kind
	}
	for _, id := range a.Sent.IDs {
		n := name{a.Instance, id}
		ps.bind(p, t, n)
		for _, receipt := range ps.early[n] {
			ps.apply(p, n, receipt)
		}
		delete(ps.early, n)
	}
	ps.consider(p)
}

// try returns what an instance made of the message, or nil if it is none of the route.
func (p *pending) try(instance string) *try {
	for i := range p.tries {
		if p.tries[i].instance.Name == instance {
			return &p.tries[i]
		}
	}
	return nil
}

// bind notes the instance's name for a message.
func (ps *pendings) bind(p *pending, t *try, n name) {
	if _, known := ps.byName[n]; known || len(t.parts) == mostParts {
		return
	}
	ps.byName[n] = p
	t.parts = append(t.parts, part{id: n.id})
}

// answer notes that the caller of a request has heard that it was accepted. From here on the codes of the requests before it
// are void.
func (ps *pendings) answer(r Request) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byID.get(r.ID, time.Now())
	if p == nil {
		return
	}
	p.answered = true
	flow := p.request.flow()
	newest := ps.newest[flow]
	switch {
	case newest == nil || newest == p:
		ps.newest[flow] = p
	case p.request.ReceivedAt.Before(newest.request.ReceivedAt): // a late repeat
		p.void()
	default:
		newest.void()
		ps.newest[flow] = p
	}
	ps.consider(p)
}

// receive takes one receipt. The message's own name finds it only until the instance has told its name.
func (ps *pendings) receive(instance, messageID string, receipt providers.Receipt) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	n := name{instance, receipt.ID}
	p := ps.byName[n]
	if p == nil {
		p = ps.unnamed(messageID, instance)
		if p == nil {
			ps.wait(n, receipt)
			return
		}
		ps.bind(p, p.try(instance), n)
	}
	ps.apply(p, n, receipt)
	ps.consider(p)
}

// unnamed returns a message that an instance has, or may have, without having told its name for it. An instance that was never
// given the message has nothing to report of it: whoever knows the instance's address for receipts could say that the message has
// arrived, or won't, and so stop its being sent through the others.
func (ps *pendings) unnamed(messageID, instance string) *pending {
	p := ps.byID.get(messageID, time.Now())
	if p == nil {
		return nil
	}
	t := p.try(instance)
	if t == nil || !t.begun || t.over && (len(t.parts) > 0 || !t.accepted && t.kind != providers.Unknown) {
		return nil
	}
	return p
}

// wait keeps a receipt whose message isn't known: it may have overtaken the answer to Send.
func (ps *pendings) wait(n name, receipt providers.Receipt) {
	if receipts, waiting := ps.early[n]; waiting {
		receipts[receipt.State] = receipt
		return
	}
	if len(ps.early) == mostEarly {
		ps.events.Reported(Report{Instance: n.instance, Receipt: receipt})
		return
	}
	ps.early[n] = map[providers.State]providers.Receipt{receipt.State: receipt}
	time.AfterFunc(keepEarly, func() {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		for _, receipt := range ps.early[n] {
			ps.events.Reported(Report{Instance: n.instance, Receipt: receipt})
		}
		delete(ps.early, n)
	})
}

// apply notes what a receipt says, if that is news.
func (ps *pendings) apply(p *pending, n name, receipt providers.Receipt) {
	t := p.try(n.instance)
	i := slices.IndexFunc(t.parts, func(part part) bool { return part.id == n.id })
	if i < 0 || receipt.State <= t.parts[i].state {
		return
	}
	before := t.arrived()
	t.parts[i].state = receipt.State
	if receipt.State.Failed() {
		t.kind = receipt.Kind
	}
	ps.events.Reported(Report{
		MessageID: p.request.ID,
		Number:    p.number,
		Instance:  n.instance,
		Receipt:   receipt,
		After:     time.Since(p.request.ReceivedAt),
		Delivered: t.arrived() && !before,
	})
	if t.arrived() && !before {
		p.void()
		ps.arrived(p.request)
	}
}

// consider sends a message through the instances that are left if a receipt has made that necessary, and it still makes sense.
func (ps *pendings) consider(p *pending) {
	if ps.fallBack == nil || p.message == nil || !p.answered || p.stop != nil || p.lives() < leastLife {
		return
	}
	failed := p.failed()
	if failed == nil {
		return
	}
	if route := p.left(); len(route) > 0 {
		var ctx context.Context
		ctx, p.stop = context.WithCancel(context.Background())
		ps.fallBack(ctx, p, *p.message, Fallback{MessageID: p.request.ID, Instance: failed.instance.Name, Kind: failed.kind}, route)
	}
}

// failed returns the last try of which a receipt has said that it failed, or nil if another try may arrive, or if nobody will
// reach the number. A message that has arrived is void.
func (p *pending) failed() *try {
	var failed *try
	for i := range p.tries {
		t := &p.tries[i]
		if t.mayArrive() || t.dead() && t.kind == providers.Recipient {
			return nil
		}
		if t.failed() {
			failed = t
		}
	}
	return failed
}

// left returns the instances that have not tried the message, without those of a channel that the person isn't on.
func (p *pending) left() []*race.Instance {
	var route []*race.Instance
	for _, t := range p.tries {
		off := slices.ContainsFunc(p.tries, func(o try) bool {
			return o.dead() && o.kind == providers.Channel && o.instance.Channel() == t.instance.Channel()
		})
		if !t.begun && !off {
			route = append(route, t.instance)
		}
	}
	return route
}

// sent notes that a message has been sent through other instances, or that there was no room for that.
func (ps *pendings) sent(p *pending, attempts []race.Attempt) {
	ps.noteAll(attempts)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.stop()
	p.stop = nil
	if len(attempts) > 0 { // else it would be in vain again
		ps.consider(p)
	}
}
