package ledger

import "time"

// Account is what Auth said of a user when it made a call. All times are by its own clock; zero is never. As a code is stored, Auth notes when
// it was sent, and forgets that of the code before. So these times tell what became of the user's last codes: after the call, it is
// forgotten. The zero Account says nothing.
// https://github.com/supabase/auth/blob/008bb4d13965f06b546f2bc3eb6b7fe21175354e/internal/models/user.go
type Account struct {
	Number                 string // that the account has, without its "+"
	ConfirmedAt            Time   // when a code to a number of the account was entered last
	OTPSentAt              Time
	PhoneChangeSentAt      Time
	ReauthenticationSentAt Time // never once the password was changed
}

// sentAt returns when the stored code of a kind was sent.
func (a Account) sentAt(k Kind) Time {
	switch k {
	case OTP:
		return a.OTPSentAt
	case PhoneChange:
		return a.PhoneChangeSentAt
	case Reauthentication:
		return a.ReauthenticationSentAt
	}
	return 0
}

const (
	// Auth notes when a code is sent just before it calls the hook, by the same clock: 10 to 300 µs before, as measured. So the time names the
	// message. A busy machine may take longer. The later time is for the rounding to microseconds.
	sentBefore = time.Second
	sentAfter  = time.Millisecond
)

// Judge notes what Auth's account of the user says of the message's code, and reports whether it is news. own is whether the message
// went to the number that the account has now. What was judged before may be judged otherwise: a code may live longer than the settings
// say, and a newer one may have been given up by Auth.
func (m *Message) Judge(a Account, own bool, now Time) bool {
	if m.Result != Accepted || m.AskedAt == 0 || m.Use == Used || m.Kind == MFA || m.Kind == Other || a == (Account{}) {
		return false
	}
	before := *m
	m.judge(a, own, m.ExpiresAt() <= now)
	return m.Use != before.Use || m.Kind != before.Kind
}

func (m *Message) judge(a Account, own, expired bool) {
	used := own && a.ConfirmedAt >= m.AskedAt.Add(-sentBefore)
	if k := m.storedAs(a); k != 0 {
		m.Kind = k
		switch {
		case k != Reauthentication && used && a.ConfirmedAt >= a.sentAt(k):
			m.Use, m.UsedAt = Used, a.ConfirmedAt
		case expired:
			m.Use = Unused
		}
		return
	}
	newer := a.sentAt(m.Kind)
	switch {
	case m.Kind == Reauthentication && newer == 0:
		m.Use = Used // when, is not known
	case m.Kind == OTP && used && (newer == 0 || a.ConfirmedAt < newer):
		m.Use, m.UsedAt = Used, a.ConfirmedAt
	case newer > m.AskedAt:
		m.Use = Replaced
	case expired && m.Use == Undecided:
		m.Use = UseUnknown
	}
}

// storedAs returns the kind of the stored code that is the message's; 0 if it is none of them.
func (m *Message) storedAs(a Account) (stored Kind) {
	latest := m.AskedAt.Add(-sentBefore)
	for k := OTP; k <= Reauthentication; k++ {
		at := a.sentAt(k)
		if (m.Kind == 0 || m.Kind == k) && latest <= at && at <= m.AskedAt.Add(sentAfter) {
			stored, latest = k, at
		}
	}
	return stored
}
