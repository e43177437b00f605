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
	traffic   traffic // to unproven numbers
	all       traffic
	mu        sync.Mutex
	seed      uint64
	world     area
	countries map[string]*country
	areas     [2]map[uint64]*area // by the digits without the last five and six
	prefixes  table[prefix]
	addresses table[address]
	bypass    table[int64] // when an address has last passed a flagged range
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
	g := &Guard{settings: s, countries: map[string]*country{}, areas: [2]map[uint64]*area{{}, {}}}
	g.prefixes = newTable(s.Most, (*prefix).worth, g.removed)
	g.addresses = newTable(s.Most, (*address).worth, nil)
	g.accounts = newTable(s.Most, (*account).worth, nil)
	g.chains = newTable(s.Most, (*chain).worth, nil)
	g.bypass = newTable(s.Most, func(last *int64, now int64) float64 { return float64(max(0, *last+oneBypass-now)) }, nil)
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
	p := g.prefix(s.Number/10_000, s.Country, at)
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
		return Verdict{Way: Bypass, Range: blame, Why: p.why() + ", but codes that this address asks for are"}
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
	case v.Way == Bypass:
		p.country.bypassNext = now + bypassPause
		last := g.bypass.get(places.self)
		if last == nil {
			last = g.bypass.add(places.self, now)
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
	last := g.bypass.get(places.self)
	return (last == nil || now-*last >= oneBypass) && p.country.bypasses(now)
}

// account returns what is known of an account, or nil.
func (g *Guard) account(s Subject) *account {
	if s.Account == "" {
		return nil
	}
	return g.accounts.get(g.accountKey(s))
}

func (g *Guard) accountKey(s Subject) uint64 {
	if s.Account == "" {
		return 0
	}
	return g.hash(Account, []byte(s.Account))
}

// prefix returns what is known of a prefix.
func (g *Guard) prefix(key uint64, country string, now int64) *prefix {
	p := g.prefixes.get(key)
	if p != nil {
		p.age(now)
		return p
	}
	p = g.prefixes.add(key, now)
	p.at = now
	p.country = g.country(country)
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
