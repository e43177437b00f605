package ledger

import "hash/maphash"

// maxJudged is how many judged messages wait for the next sweep. Above it, the oldest are dropped.
const maxJudged = 1 << 12

// judge judges the messages before a new one of the same user: the last one to the same number, to the number of the account, and for a
// change of the number.
func (m *Memory) judge(r *record, c Call) {
	home := c.Account.Number
	number := maphash.String(m.seed, home)
	last := m.newest[r.flow]
	m.judgeBy(last, c.Account, number)
	if home != c.Flow.Number {
		if atHome := m.newest[maphash.Comparable(m.seed, Flow{User: c.Flow.User, Number: home})]; atHome != last {
			m.judgeBy(atHome, c.Account, number)
		}
	}
	if change := m.numberChanges[r.user]; change != last {
		m.judgeBy(change, c.Account, number)
	}
	if c.Kind == PhoneChange {
		m.numberChanges[r.user] = r
	}
}

func (m *Memory) judgeBy(r *record, a Account, home uint64) {
	if r != nil && r.Judge(a, r.number == home, m.now()) {
		m.noteJudged(r)
	}
}

// replaced notes that a newer code of the same flow has taken the place of a message's code.
func (m *Memory) replaced(r *record) {
	if r.Use == Undecided && r.AskedAt != 0 && !r.MFA {
		r.Use = Replaced
		m.noteJudged(r)
	}
}

func (m *Memory) noteJudged(r *record) {
	if len(m.judged) == maxJudged {
		m.judged = m.judged[1:]
	}
	m.judged = append(m.judged, r.Shown())
}
