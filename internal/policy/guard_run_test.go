package policy

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/smshook/smshook/internal/insight"
)

const (
	warmUp   = 24 * time.Hour
	codeUsed = 20 * time.Second // after it was sent
	codeLife = time.Minute
)

// trouble is a time in which no code of a country is delivered.
type trouble struct {
	country  string
	from, to time.Duration
	receipts bool
}

// siegeRun is one simulation, with or without limits and the guard.
type siegeRun struct {
	used    float64 // the share of its codes that an attack uses; honest users use 80 %
	limits  Limits
	guard   bool
	deaf    bool // the guard is told no results
	outage  trouble
	most    int // see insight.Settings
	retries int // after a refusal, of honest users
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

// siegeFigures are the results of a simulation. Honest users are counted once, however often they try.
type siegeFigures struct {
	attack          [2]share // by day
	inside, outside share    // new users
	insideByDay     [9]share
	proven          share
	byGuard         int // new users outside that the guard has refused
	slowed          int // requests of proven users
}

func (f siegeFigures) String() string {
	return fmt.Sprintf("through %5.1f/%5.1f %%, honest new users refused inside %5.1f, outside %5.2f (by the guard %.2f) %%, proven refused %d, slowed %d of %d",
		f.attack[0].through(), f.attack[1].through(), f.inside.refused(), f.outside.refused(), 100*float64(f.byGuard)/float64(max(1, f.outside.all)),
		f.proven.all-f.proven.sent, f.slowed, f.proven.all)
}

func (r siegeRun) run(calls []call, inside map[uint64]bool) siegeFigures {
	p := newJudge(Settings{Limits: r.limits})
	perHour := func(l Limit) float64 { return float64(l.Most) * float64(time.Hour) / float64(max(1, l.Per)) }
	g := insight.NewGuard(insight.Settings{Most: r.most, Country: perHour(r.limits.Country), Total: perHour(r.limits.Total), All: perHour(r.limits.All)})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var f siegeFigures
	var results queue
	var again []call // those who try again, in the order of time
	for len(calls)+len(again) > 0 {
		from := &calls
		if len(calls) == 0 || len(again) > 0 && again[0].at < calls[0].at {
			from = &again
		}
		c := (*from)[0]
		*from = (*from)[1:]
		now := start.Add(c.at)
		results.until(now, g)
		s := insight.Subject{Number: c.digits, Country: c.country, Account: c.account, IP: c.ip, Proven: c.proven}
		if !Public(c.ip) {
			s.IP = netip.Addr{}
		}
		v := insight.Verdict{}
		if r.guard {
			v = g.Ask(s, now)
		}
		sent := v.Way.Sends() && p.allows(now, c)
		if sent && r.guard && !r.deaf {
			results.put(r.result(g, s, v, c, now))
		}
		if !sent && !c.attack && c.tries < r.retries {
			c.tries++
			c.at += 15 * time.Minute
			again = append(again, c)
			continue
		}
		if c.at >= warmUp {
			f.count(c, v, sent, inside)
		}
	}
	return f
}

// allows is judge for a call whose country is known: the number's is the dearest part of the simulation.
func (j judge) allows(at time.Time, c call) bool {
	charges := j.charges(Subject{Number: c.number, User: c.account, IP: c.ip, Proven: c.proven}, c.country)
	over, _, _ := j.counter.Take(context.Background(), at, charges)
	return over < 0
}

// result is what becomes of a code, and when that is known.
func (r siegeRun) result(g *insight.Guard, s insight.Subject, v insight.Verdict, c call, now time.Time) timedResult {
	result := insight.Result{Tag: g.Tag(s, v), Country: s.Country, Proven: s.Proven, SentAt: now, Outcome: insight.Unused}
	used := 0.8
	if c.attack {
		used = r.used
	}
	switch out := r.outage; {
	case out.country == c.country && c.at >= out.from && c.at < out.to:
		if out.receipts {
			result.Outcome = insight.Undelivered
		}
	case c.uses < used:
		result.Outcome = insight.Used
		return timedResult{now.Add(codeUsed), result}
	}
	return timedResult{now.Add(codeLife), result}
}

func (f *siegeFigures) count(c call, v insight.Verdict, sent bool, inside map[uint64]bool) {
	switch {
	case c.attack:
		f.attack[min(1, int((c.at-warmUp)/(24*time.Hour)))].add(sent)
	case c.proven:
		f.proven.add(v.Way != insight.Refuse)
		if v.Way == insight.Slow {
			f.slowed++
		}
	case inside[c.digits/10_000]:
		f.inside.add(sent)
		f.insideByDay[min(8, int((c.at-warmUp)/(24*time.Hour)))].add(sent)
	default:
		f.outside.add(sent)
		if v.Way == insight.Refuse {
			f.byGuard++
		}
	}
}

// queue is the results that are to come: of codes that are used, and of all others.
type queue struct{ used, others []timedResult }

type timedResult struct {
	at time.Time
	insight.Result
}

func (q *queue) put(r timedResult) {
	if r.Outcome == insight.Used {
		q.used = append(q.used, r)
	} else {
		q.others = append(q.others, r)
	}
}

// until tells the guard the results up to a time.
func (q *queue) until(now time.Time, g *insight.Guard) {
	for {
		next := &q.used
		if len(*next) == 0 || len(q.others) > 0 && q.others[0].at.Before((*next)[0].at) {
			next = &q.others
		}
		if len(*next) == 0 || (*next)[0].at.After(now) {
			return
		}
		g.Result((*next)[0].Result, (*next)[0].at)
		*next = (*next)[1:]
	}
}
