package insight

import "time"

const (
	accountUnused     = 1.5
	accountUsed       = -1.39
	accountCeiling    = 12.0
	accountSlow       = 7.4
	accountSuspicious = 1.0 // while the limit of all messages is nearly used up
	slowFrom          = 0.3 // base rate under which no account is slowed: then the provider has trouble
	mostSlow          = 4 * hour
)

// account is what is known of an account, by the codes to its own number.
type account struct {
	score     float64
	at        int64
	nextAt    int64 // when its next message is let through, while it is slowed
	pause     int64 // 0 unless it is slowed
	countedAt int64 // when a result of it was last counted for its country
}

func (a *account) age(now int64) {
	if since := now - a.at; since > 0 {
		a.at = now
		if a.pause == 0 {
			a.score *= decay(since, scoreHalfLife)
		}
	}
}

func (a *account) add(base float64, used bool, now int64) {
	a.age(now)
	if used {
		a.score = max(0, a.score+accountUsed)
	} else {
		a.score = min(accountCeiling, a.score+accountUnused)
	}
	switch {
	case a.pause == 0 && a.score >= accountSlow && base >= slowFrom:
		a.pause, a.nextAt = hour, now+hour
	case a.score < accountSlow:
		a.pause = 0
	}
}

// verdict judges a message of an account to its own number. full says that the limit of all messages is nearly used up.
func (a *account) verdict(now int64, full bool) Verdict {
	if a == nil {
		return Verdict{}
	}
	if a.pause == 0 {
		if full && a.score*decay(now-a.at, scoreHalfLife) > accountSuspicious {
			return Verdict{Slow, Range{Kind: Account}, time.Unix(0, now+fullPause), "the account has not used its last codes, and the limit of all messages is nearly used up"}
		}
		return Verdict{}
	}
	v := Verdict{Way: Trial, Range: Range{Kind: Account}, Why: "the account has not used its last codes, and gets one from time to time"}
	if now < a.nextAt {
		v.Way, v.Until = Slow, time.Unix(0, a.nextAt)
	}
	return v
}

func (a *account) trial(now int64) {
	a.pause = min(2*a.pause, mostSlow)
	a.nextAt = now + a.pause
}

func (a *account) worth(now int64) float64 {
	if a.pause > 0 {
		return 100
	}
	worth := a.score * decay(now-a.at, scoreHalfLife)
	if now-a.countedAt < day {
		worth += 0.1
	}
	if worth < 0.1 {
		return 0
	}
	return worth
}
