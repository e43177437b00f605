package insight

import "math"

// country is what is known of one country.
type country struct {
	area
	fresh, usual rate // of unproven numbers outside of flagged ranges: lately, and for long
	traffic      traffic
	proven       rate // of accounts that have proven their number
	bypass       rate // of messages to flagged ranges from addresses with a good history
	// Trials follow each other the more slowly the more of them fail.
	trialNext, trialPause int64
	bypassNext            int64 // when the next message from such an address is let through, if codes of the last ones were not used
}

const (
	provenKeeps     = 0.95
	bypassKeeps     = 0.97
	bypassPause     = 30 * minute
	leastTrialPause = minute
	mostTrialPause  = 30 * minute
)

// bypasses reports whether the codes of messages that were let through by the good history of their address are used.
func (c *country) bypasses(now int64) bool {
	return c.bypass.Used+3 >= 0.5*(c.bypass.Due+3) || now >= c.bypassNext
}

// maxCountries bounds the countries. There are some 250, and calling codes of no country.
const maxCountries = 1 << 10

func (g *Guard) country(name string) *country {
	c := g.countries[name]
	if c != nil {
		return c
	}
	if len(g.countries) >= maxCountries {
		name = ""
		if c := g.countries[name]; c != nil {
			return c
		}
	}
	c = &country{}
	g.countries[name] = c
	return c
}

// traffic is what was let through to unproven numbers within an hour or so.
type traffic struct {
	sent float64
	at   int64
}

func (t *traffic) now(now int64) float64 {
	return t.sent * math.Exp(-float64(max(0, now-t.at))/float64(hour))
}

func (t *traffic) add(now int64) { t.sent, t.at = t.now(now)+1, now }

// full reports whether a rate limit is nearly used up.
func (t *traffic) full(perHour float64, now int64) bool {
	return perHour > 0 && t.now(now) > fullFrom*perHour
}

// addUnproven counts a result of an unproven number outside of flagged ranges.
func (c *country) addUnproven(used bool) {
	c.fresh.add(0.98, used)
	weight := 1.0
	if c.attacked() > alarmFrom {
		weight = 0.05 // an attack must not become usual
	}
	c.usual.Due += weight
	if used {
		c.usual.Used += weight
	}
	if c.usual.Due > 5000 {
		c.usual.Due, c.usual.Used = c.usual.Due/2, c.usual.Used/2
	}
}

// attacked returns the share of codes to unproven numbers that seem to go to an attacker: fewer codes are used than usual, although
// accounts that have proven their number use theirs as always.
func (c *country) attacked() float64 {
	if c.usual.Due < 50 || c.fresh.Due < 20 || c.proven.Due < 10 {
		return 0
	}
	usual := c.usual.Used / c.usual.Due
	now := (c.fresh.Used + 1) / (c.fresh.Due + 1)
	return clamp(1-now/min(usual, c.proven.base()), 0, 0.9)
}

// tried notes what came of a trial.
func (c *country) tried(used bool) {
	if used {
		c.trialPause = max(c.trialPause/2, leastTrialPause)
		return
	}
	c.trialPause = clamp(c.trialPause*3/2, leastTrialPause, mostTrialPause)
}
