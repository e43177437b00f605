package policy

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	warmUp   = 24 * time.Hour
	codeUsed = 20 * time.Second // after it was sent
	codeLife = time.Minute
)

// trouble is what is wrong with the delivery of codes.
type trouble struct {
	country  string
	from, to time.Duration
	receipts bool
}

// run is one simulation: honest users and an attack, with or without limits and the guard.
type siegeRun struct {
	used   float64 // the share of its codes that an attack uses
	limits Limits
	guard  bool
	outage trouble
	most   int
}

// share counts requests, and those of them that were sent.
type share struct{ all, sent int }

func (s *share) add(sent bool) {
	s.all++
	if sent {
		s.sent++
	}
}

func (s share) through() float64 { return 100 * float64(s.sent) / float64(max(1, s.all)) }
func (s share) refused() float64 { return 100 * float64(s.all-s.sent) / float64(max(1, s.all)) }

type siegeFigures struct {
	attack          [2]share // by day
	inside, outside share    // new users
	proven          share
	byGuard         int // new users outside whom the guard has refused
	slowed          int // proven users
	byLimit         int
	ways            [2][5]int
}

func (r siegeRun) run(calls []call, inside map[uint64]bool) siegeFigures {
	p := newJudge(Settings{Limits: r.limits})
	g := insight.NewGuard(insight.Settings{Most: r.most, Country: 500, Total: 1000, All: 3000})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var f siegeFigures
	var results queue
	byRule := map[Rule]int{}
	for _, c := range calls {
		now := start.Add(c.at)
		results.until(now, g)
		s := insight.Subject{Number: c.digits, Country: c.number.Country(), Account: c.account, IP: c.ip, Proven: c.proven}
		if !Public(c.ip) {
			s.IP = netip.Addr{}
		}
		v := insight.Verdict{}
		if r.guard {
			v = g.Ask(s, now)
		}
		sent := v.Way.Sends()
		if sent {
			vv := p.judge(now, Subject{Number: c.number, User: c.account, IP: c.ip, Proven: c.proven})
			sent = vv.Allow
			if !c.attack {
				byRule[vv.Rule]++
			}
			if !sent && !c.attack && c.at >= warmUp {
				f.byLimit++
			}
		}
		if sent && r.guard {
			result := insight.Result{Tag: g.Tag(s, v), Country: s.Country, Proven: s.Proven, SentAt: now, Outcome: insight.Unused}
			at := now.Add(codeLife)
			used := 0.8
			if c.attack {
				used = r.used
			}
			switch out := r.outage; {
			case out.country == c.land && c.at >= out.from && c.at < out.to:
				if out.receipts {
					result.Outcome = insight.Undelivered
				}
			case c.uses < used:
				result.Outcome, at = insight.Used, now.Add(codeUsed)
			}
			results.put(at, result)
		}
		if c.at < warmUp {
			continue
		}
		switch {
		case c.attack:
			f.attack[min(1, int((c.at-warmUp)/(24*time.Hour)))].add(sent)
			if sent || !v.Way.Sends() {
				f.ways[min(1, int((c.at-warmUp)/(24*time.Hour)))][v.Way]++
			}
		case c.proven:
			f.proven.add(v.Way != insight.Refuse)
			if v.Way == insight.Slow {
				f.slowed++
			}
		case inside[c.digits/10_000]:
			f.inside.add(sent)
		default:
			f.outside.add(sent)
			if v.Way == insight.Refuse {
				f.byGuard++
			}
		}
	}
	return f
}

// queue is the results that are to come, of codes that are used and of those that are not.
type queue struct{ used, unused []timedResult }

type timedResult struct {
	at time.Time
	insight.Result
}

func (q *queue) put(at time.Time, r insight.Result) {
	if r.Outcome == insight.Used {
		q.used = append(q.used, timedResult{at, r})
	} else {
		q.unused = append(q.unused, timedResult{at, r})
	}
}

func (q *queue) until(now time.Time, g *insight.Guard) {
	for {
		next := &q.used
		if len(*next) == 0 || len(q.unused) > 0 && q.unused[0].at.Before((*next)[0].at) {
			next = &q.unused
		}
		if len(*next) == 0 || (*next)[0].at.After(now) {
			return
		}
		g.Result((*next)[0].Result, (*next)[0].at)
		*next = (*next)[1:]
	}
}

func (f siegeFigures) String() string {
	return fmt.Sprintf("through %5.1f/%5.1f in/out %5.1f/%5.2f (guard alone %.2f) proven refused %d slowed %d of %d", f.attack[0].through(), f.attack[1].through(), f.inside.refused(), f.outside.refused(),
		100*float64(f.byGuard)/float64(f.outside.all), f.proven.all-f.proven.sent, f.slowed, f.proven.all)
}

var fiveCountries = []block{britain, ireland, {[]string{"336", "337"}, 8}, {[]string{"346"}, 8}, {[]string{"316"}, 8}}

var sieges = []siege{
	{name: "none"},
	{name: "a", prefixes: 300, blocks: []block{britain}, perDay: 20, from: proxies(5000)},
	{name: "b", prefixes: 1500, blocks: fiveCountries, perDay: 16, from: proxies(5000)},
	{name: "c", prefixes: 40, blocks: []block{britain}, perDay: 25_000 * 24 / 40, lasts: 2 * time.Hour, from: proxies(5000)},
	{name: "d", prefixes: 300, blocks: []block{malta}, perDay: 40, from: proxies(5000)},
	{name: "e", accounts: 400, perDay: 720, from: proxies(5000)},
	{name: "f", prefixes: 1000, blocks: fiveCountries, perDay: 20, from: oneSite},
	{name: "k", prefixes: 3000, blocks: []block{britain}, perDay: 5, from: proxies(5000)},
}

func TestGuard(t *testing.T) {
	providertest.Long(t)
	values := startingValues(t)
	var b strings.Builder
	for seed := range uint64(1 + len(os.Getenv("SEEDS"))) {
		w := world{rand.New(rand.NewPCG(seed+1, 2))}
		lands := lands(w)
		honest := w.honest(t, lands, 0, warmUp+48*time.Hour, 2000)
		for _, s := range sieges {
			if only := os.Getenv("ONLY"); only != "" && !strings.Contains(only, s.name) {
				continue
			}
			attack, inside := s.calls(t, w, lands, warmUp)
			calls := byTime(honest, attack)
			for _, used := range []float64{0.1, 0}[:map[bool]int{true: 1, false: 2}[os.Getenv("ONLY") != ""]] {
				for _, guard := range []bool{false, true} {
					if !guard && used > 0 {
						continue
					}
					began := time.Now()
					f := siegeRun{used: used, limits: values.limits, guard: guard}.run(calls, inside)
					fmt.Fprintf(&b, "%d %-5s used %.1f guard %5v: %v  by limits %d ways %v %v\n", seed, s.name, used, guard, f, f.byLimit, f.ways, time.Since(began).Round(time.Millisecond))
				}
			}
		}
		for _, receipts := range []bool{false, true} {
			for _, country := range []string{"GB", "IE", "MT"} {
				f := siegeRun{limits: values.limits, guard: true, outage: trouble{country, warmUp, warmUp + 3*time.Hour, receipts}}.run(honest, nil)
				fmt.Fprintf(&b, "%d outage %s receipts %5v %v\n", seed, country, receipts, f)
			}
		}
	}
	t.Log("\n" + b.String())
	_ = cmp.Or[string]
	require.True(t, true)
}
