package insight

import (
	"sync"
	"time"
)

// Settings are what a guard is made with.
type Settings struct {
	Key [32]byte // of the hashes of addresses and accounts: the same in all replicas, and after a restart
	// The rate limits by messages an hour: of a country and in total, both for unproven numbers, and of all messages. When one is nearly
	// used up, what is left of it is kept for ranges and accounts against which nothing is held. 0: no limit.
	Country, Total, All float64
	Most                int // ranges, addresses, accounts and numbers, of each; 0: 65,536
}

// Guard says which messages to refuse. It learns from results. With too few of them it allows everything.
// It may be used concurrently.
type Guard struct {
	settings  Settings
	key       [32]byte
	traffic   traffic // to unproven numbers
	all       traffic
	mu        sync.Mutex
	seed      uint64
	world     area
	countries map[string]*country
	areas     [2]map[uint64]*area // by the digits without the last five and six
	prefixes  table[prefix]
	addresses table[address]
	lane      table[int64] // when an address has last passed a flagged range
	accounts  table[account]
	chains    table[chain]
	queue     []due
}

const most = 1 << 16

// NewGuard returns a Guard that knows nothing.
func NewGuard(s Settings) *Guard {
	if s.Most == 0 {
		s.Most = most
	}
	g := &Guard{settings: s, key: s.Key, countries: map[string]*country{}, areas: [2]map[uint64]*area{{}, {}}}
	g.prefixes = newTable(s.Most, (*prefix).worth, g.removed)
	g.addresses = newTable(s.Most, (*address).worth, nil)
	g.accounts = newTable(s.Most, (*account).worth, nil)
	g.chains = newTable(s.Most, (*chain).worth, nil)
	g.lane = newTable(s.Most, func(last *int64, now int64) float64 { return float64(max(0, *last+oneInLane-now)) }, nil)
	return g
}

// Ask answers whether a message is to be sent. It counts the message, and a trial that it allows is used up: ask once a message.
func (g *Guard) Ask(s Subject, now time.Time) Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := now.UnixNano()
	g.settle(at)
	if s.Proven {
		a := g.account(s)
		v := a.verdict(at, g.all.full(g.settings.All, at))
		if v.Way == Trial {
			a.trial(at)
		}
		if v.Way.Sends() {
			g.all.add(at)
		}
		return v
	}
	p := g.prefix(s, at)
	p.asked++
	p.weekly++
	g.judge(p, at)
	places := g.places(s.IP)
	v := g.verdict(s, p, places, at)
	if v.Way.Sends() {
		g.let(v, p, places, at)
	}
	return v
}

// Look answers as Ask would, and counts nothing.
func (g *Guard) Look(s Subject, now time.Time) Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := now.UnixNano()
	g.settle(at)
	if s.Proven {
		return g.account(s).verdict(at, g.all.full(g.settings.All, at))
	}
	return g.verdict(s, g.look(s), g.places(s.IP), at)
}

// verdict judges a message to an unproven number: first its address, then its prefix.
func (g *Guard) verdict(s Subject, p *prefix, places places, now int64) Verdict {
	v := Verdict{}
	for i, key := range places.keys[:places.n] {
		a := g.addresses.get(key)
		if a == nil || !a.flagged {
			continue
		}
		v = Verdict{Way: Trial, Range: Range{Kind: places.kinds[i]}, Why: "a trial: codes that this address range asked for were not used"}
		if now < a.trialAt {
			v.Way, v.Until, v.Why = Refuse, time.Unix(0, a.trialAt), "codes that this address range asked for are not used"
			return v
		}
	}
	full := p.country.traffic.full(g.settings.Country, now) || g.traffic.full(g.settings.Total, now)
	blame := Range{Prefix, s.Number / 10_000}
	switch h := g.history(places, now); {
	case !p.flagged && full && p.score > 0 && g.odds(p) > suspicious:
		return Verdict{Refuse, blame, time.Unix(0, now+fullPause), p.why() + ", and a rate limit is nearly used up"}
	case !p.flagged:
		return v
	case h == good && g.passes(p, places, now):
		return Verdict{Way: Lane, Range: blame, Why: p.why() + ", but codes that this address asks for are"}
	case now < p.trialAt, now < p.country.trialNext, full, h == bad && now < p.trialAt+p.pause:
		return Verdict{Refuse, blame, time.Unix(0, max(p.trialAt, now+minute)), p.why()}
	}
	return Verdict{Way: Trial, Range: blame, Why: "a trial: " + p.why()}
}

// let notes a message that is let through.
func (g *Guard) let(v Verdict, p *prefix, places places, now int64) {
	g.all.add(now)
	g.traffic.add(now)
	p.country.traffic.add(now)
	switch {
	case v.Way == Lane:
		p.country.laneNext = now + lanePause
		last := g.lane.get(places.self)
		if last == nil {
			last = g.lane.add(places.self, now)
		}
		*last = now
	case v.Way == Trial && v.Range.Kind == Prefix:
		g.trial(p, now)
	}
	for _, key := range places.keys[:places.n] {
		if a := g.addresses.get(key); a != nil && a.flagged {
			a.trial(now)
		}
	}
}

// passes reports whether a message with an address of good history passes a flagged prefix.
func (g *Guard) passes(p *prefix, places places, now int64) bool {
	last := g.lane.get(places.self)
	return (last == nil || now-*last >= oneInLane) && p.country.open(now)
}

// account returns what is known of an account, or nil.
func (g *Guard) account(s Subject) *account {
	if s.Account == "" {
		return nil
	}
	return g.accounts.get(g.accountKey(s))
}

func (g *Guard) accountKey(s Subject) uint64 { return g.hash(Account, []byte(s.Account)) }

// prefix returns what is known of the prefix of a number.
func (g *Guard) prefix(s Subject, now int64) *prefix {
	key := s.Number / 10_000
	p := g.prefixes.get(key)
	if p != nil {
		p.age(now)
		return p
	}
	p = g.prefixes.add(key, now)
	p.at = now
	p.country = g.country(s.Country)
	for i := range p.above {
		key /= 10
		a := g.areas[i][key]
		if a == nil {
			a = &area{key: key}
			g.areas[i][key] = a
		}
		a.active++
		p.above[i] = a
	}
	p.country.active++
	g.world.active++
	return p
}

// look returns what is known of the prefix of a number, and counts nothing.
func (g *Guard) look(s Subject) *prefix {
	key := s.Number / 10_000
	if p := g.prefixes.get(key); p != nil {
		return p
	}
	p := &prefix{country: g.countries[s.Country]}
	if p.country == nil {
		p.country = &country{}
	}
	for i := range p.above {
		key /= 10
		if p.above[i] = g.areas[i][key]; p.above[i] == nil {
			p.above[i] = &area{}
		}
	}
	return p
}

// removed takes a prefix out of the counts of the ranges around it.
func (g *Guard) removed(p *prefix) {
	if p.flagged {
		g.count(p, -1)
	}
	g.world.active--
	p.country.active--
	for i, a := range p.above {
		if a.active--; a.active == 0 {
			delete(g.areas[i], a.key)
		}
	}
}

// Result tells what became of a message.
func (g *Guard) Result(r Result, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := now.UnixNano()
	g.settle(at)
	if r.Outcome == Undelivered {
		return
	}
	key := mix(r.Number)
	if r.Proven {
		key++
	}
	c := g.chains.get(key)
	if c == nil || r.SentAt.UnixNano() > c.due {
		if c == nil {
			c = g.chains.add(key, at)
		}
		sent := r.SentAt.UnixNano()
		*c = chain{subject: r.Subject, places: g.places(r.IP), lane: r.Lane, first: sent, due: max(sent+chainLasts, at)}
		g.queue = append(g.queue, due{key, c.due})
	}
	switch {
	case r.Outcome == Used && !c.used:
		c.used = true
		g.learn(c, true, at)
	case r.Outcome == Unused:
		c.delivered = true
		if !c.extended && !r.Proven && r.SentAt.UnixNano() > c.first {
			c.extended = true
			c.due += chainLasts
		}
	}
}

// settle ends the chains that are due.
func (g *Guard) settle(now int64) {
	for len(g.queue) > 0 && g.queue[0].at <= now {
		d := g.queue[0]
		g.queue = g.queue[1:]
		c := g.chains.get(d.key)
		switch {
		case c == nil:
		case c.due > now:
			g.queue = append(g.queue, due{d.key, c.due})
		case c.delivered && !c.used && !c.unused:
			c.unused = true
			g.learn(c, false, now)
		}
	}
}

// learn counts the result of a chain.
func (g *Guard) learn(c *chain, used bool, now int64) {
	s := c.subject
	land := g.country(s.Country)
	base := land.proven.base()
	points := score(base, used)
	if used && c.unused {
		points -= unusedScore(base) // it was counted as unused before
	}
	if s.Proven {
		g.learnProven(s, land, base, used, now)
	}
	if !s.Proven || used {
		for _, key := range c.places.keys[:c.places.n] {
			a := g.addresses.get(key)
			if a == nil {
				a = g.addresses.add(key, now)
				a.at = now
			}
			a.add(points, now)
		}
	}
	switch {
	case s.Proven:
	case c.lane:
		land.lane.add(laneKeeps, used)
	default:
		p := g.prefix(s, now)
		if p.flagged {
			land.tried(used)
		} else {
			land.addUnproven(used)
		}
		p.score = clamp(p.score+points, floor, ceiling)
		p.due++
		if used {
			p.used++
		}
		if used && p.flagged {
			g.usedTrial(p, now)
		}
		g.judge(p, now)
	}
}

func (g *Guard) learnProven(s Subject, land *country, base float64, used bool, now int64) {
	if s.Account == "" {
		return
	}
	key := g.accountKey(s)
	a := g.accounts.get(key)
	if a == nil {
		a = g.accounts.add(key, now)
		a.at, a.countedAt = now, now-day
	}
	if now-a.countedAt >= day {
		a.countedAt = now
		land.proven.add(provenKeeps, used)
	}
	a.add(base, used, now)
}
