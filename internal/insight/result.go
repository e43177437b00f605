package insight

import "time"

// Result tells what became of a message. now must not go back. The same result may come twice.
func (g *Guard) Result(r Result, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, sent := now.UnixNano(), r.SentAt.UnixNano()
	g.settle(at)
	o, ok := g.open(r.Tag)
	if !ok || r.Outcome == Undelivered {
		return
	}
	c := g.chains.get(o.chain)
	if c == nil {
		c = g.chains.add(o.chain, at)
	}
	if sent < c.first {
		return // an older chain, which was counted, or has been overtaken
	}
	if sent > c.due {
		*c = chain{origin: o, country: r.Country, proven: r.Proven, first: sent, due: max(sent+chainLasts, at)}
		g.queue = append(g.queue, due{o.chain, c.due})
		if len(g.queue) > 2*g.settings.Most { // chains that were dropped for lack of room
			g.queue = g.queue[1:]
		}
	}
	switch {
	case r.Outcome == Used && !c.used:
		c.used = true
		g.learn(c, true, at)
	case r.Outcome == Unused:
		c.ended = true
		if !c.extended && !r.Proven && sent > c.first {
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
		case c == nil || c.used || c.unused:
		case c.due > now:
			g.queue = append(g.queue, due{d.key, c.due})
		case c.ended:
			c.unused = true
			g.learn(c, false, now)
		}
	}
}

// learn counts the result of a chain.
func (g *Guard) learn(c *chain, used bool, now int64) {
	land := g.country(c.country)
	base := land.proven.base()
	points := score(base, used)
	if used && c.unused {
		points -= unusedScore(base) // it was counted as unused before
	}
	if !c.proven || used {
		g.learnAddress(c, points, now)
	}
	switch {
	case c.proven:
		g.learnProven(c, land, base, used, now)
	case c.bypass:
		land.bypass.add(bypassKeeps, used)
	default:
		g.learnPrefix(c, land, points, used, now)
	}
}

func (g *Guard) learnPrefix(c *chain, land *country, points float64, used bool, now int64) {
	p := g.prefix(c.prefix, c.country, now)
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
		p.usedTrial(now)
	}
	g.judge(p, now)
}

// learnAddress counts a result for the ranges of the address. Unused codes of accounts that have proven their number are not counted:
// many accounts share an address.
func (g *Guard) learnAddress(c *chain, points float64, now int64) {
	for _, key := range c.places {
		if key == 0 {
			continue
		}
		a := g.addresses.get(key)
		if a == nil {
			a = g.addresses.add(key, now)
			a.at = now
		}
		a.add(points, now)
	}
}

func (g *Guard) learnProven(c *chain, land *country, base float64, used bool, now int64) {
	if c.account == 0 {
		return
	}
	a := g.accounts.get(c.account)
	if a == nil {
		a = g.accounts.add(c.account, now)
		a.at, a.countedAt = now, now-day
	}
	if now-a.countedAt >= day {
		a.countedAt = now
		land.proven.add(provenKeeps, used)
	}
	a.add(base, used, now)
}
