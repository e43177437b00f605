package insight

import (
	"fmt"
	"math"
)

const (
	floor   = -0.5 // without it, a range that was good for long would take long to be found bad
	ceiling = 12.0

	flagAbove  = 1.5 // logarithm of the odds that a range is attacked
	clearBelow = 0.0

	// While a rate limit is nearly used up, something has to be refused. Then it is what seems to be bad, rather than whatever comes.
	suspicious = -2.7
	fullFrom   = 0.9
	fullPause  = 10 * minute

	firstPause = 6 * hour
	alarmFrom  = 0.2 // share of a country's codes that seem to go to an attacker
	alarmDiv   = 8

	leastPrior = 0.01
	mostPrior  = 0.97
	priorMass  = 10.0 // ranges whose worth the prior of the range around has
)

// prefix is what is known of the 10,000 numbers that differ in their last four digits.
type prefix struct {
	country   *country
	above     [2]*area // the ranges of 100,000 and of a million numbers that the prefix is in
	score     float64  // -0.5 to 12
	asked     float64  // messages asked for, half-life 12 h
	weekly    float64  // the same, of the last week
	used, due float64  // results, as the score remembers them; for the explanation
	at        int64    // time of the above
	flagged   bool
	trialAt   int64 // when the next trial is due, if flagged
	pause     int64
}

// area counts the prefixes in a larger range.
type area struct {
	key             uint64
	active, flagged int
}

func (a *area) prior(around float64, self int) float64 {
	return max(leastPrior, (float64(a.flagged-self)+priorMass*around)/(float64(a.active-1)+priorMass))
}

const (
	askedHalfLife = 12 * hour
	scoreHalfLife = 24 * hour
)

// asksAtRest is how many messages asked counts for one an hour that goes on.
var asksAtRest = float64(askedHalfLife) / float64(hour) / math.Ln2

// age lets the prefix forget.
func (p *prefix) age(now int64) {
	since := now - p.at
	if since <= 0 {
		return
	}
	p.at = now
	p.asked *= decay(since, askedHalfLife)
	p.weekly *= math.Exp(-float64(since) / float64(week))
	if !p.flagged {
		left := decay(since, scoreHalfLife)
		p.score *= left
		p.used *= left
		p.due *= left
	}
}

// prior is the probability that the prefix is attacked, as the ranges around it say.
func (g *Guard) prior(p *prefix) float64 {
	self := 0
	if p.flagged {
		self = 1
	}
	prior := g.world.prior(leastPrior, self)
	prior = p.country.prior(prior, self)
	prior = p.above[1].prior(prior, self)
	prior = p.above[0].prior(prior, self)
	if alarm := p.country.attacked(); alarm > alarmFrom {
		prior = max(prior, alarm/alarmDiv)
	}
	return min(prior, mostPrior)
}

// growth says how much more is asked for than in the days before, if results are bad too.
func (p *prefix) growth() float64 {
	if p.score <= 0 {
		return 0
	}
	expected := max(1.2, p.weekly/float64(week/hour)*asksAtRest)
	return clamp(p.asked*math.Log(4)-3*expected, 0, 3)
}

// odds is the logarithm of the odds that a prefix is attacked.
func (g *Guard) odds(p *prefix) float64 { return logit(g.prior(p)) + p.score + p.growth() }

// judge flags or clears a prefix.
func (g *Guard) judge(p *prefix, now int64) {
	posterior := g.odds(p)
	switch {
	case !p.flagged && posterior > flagAbove:
		p.flagged = true
		p.pause = firstPause
		p.trialAt = now + g.spread(p, p.pause)
		g.count(p, 1)
	case p.flagged && posterior < clearBelow:
		p.flagged = false
		g.count(p, -1)
	}
}

func (g *Guard) count(p *prefix, flagged int) {
	g.world.flagged += flagged
	p.country.flagged += flagged
	p.above[0].flagged += flagged
	p.above[1].flagged += flagged
}

// trial lets one message through, and the next later.
func (g *Guard) trial(p *prefix, now int64) {
	p.country.trialNext = now + p.country.trialPause
	p.pause = min(4*p.pause, 48*hour)
	p.trialAt = now + g.spread(p, p.pause)
}

// usedTrial brings the next trial nearer.
func (p *prefix) usedTrial(now int64) {
	p.pause = max(p.pause/4, hour)
	p.trialAt = min(p.trialAt, now+p.pause)
}

// spread keeps an attacker from knowing when trials are.
func (g *Guard) spread(p *prefix, pause int64) int64 {
	g.seed = mix(g.seed + uint64(p.at))
	return pause*3/4 + int64(g.seed>>1)%(pause/2)
}

// worth is what would be lost without the prefix.
func (p *prefix) worth(now int64) float64 {
	left := decay(now-p.at, askedHalfLife)
	worth := math.Abs(p.score)*left + p.asked*left + 0.1*p.weekly
	if p.flagged {
		return 100 + worth
	}
	if worth < 0.2 {
		return 0
	}
	return worth
}

// why says in a sentence what is held against the prefix.
func (p *prefix) why() string {
	if p.due < 1.5 {
		return "codes to the number ranges around this one are not used"
	}
	return fmt.Sprintf("of about %.0f codes to this number range, %.0f were used", p.due, p.used)
}
