package ledgertest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// judgedByNextCall has three codes sent to each user, and looks at what is known of them after each call.
func judgedByNextCall(d *desk) {
	const home, other = "447700900123", "447700900999"
	type use struct {
		ledger.Use
		ledger.Kind
	}
	ask := func(user, id, number string, kind ledger.Kind, a ledger.Account) ledger.Time {
		d.clock.Move(2 * time.Second)
		asked := ledger.At(d.clock.Now())
		if a != (ledger.Account{}) {
			a.Number = home
		}
		d.send(d.call(user+id, func(c *ledger.Call) {
			c.Flow, c.Kind, c.Account, c.AskedAt = ledger.Flow{User: user, Number: number}, kind, a, asked
		}), "a")
		return asked.Add(-200 * time.Microsecond) // when Auth notes that it was sent
	}
	judged := func() (ids []string) {
		_, news := d.sweep()
		for _, m := range news.Judged {
			if ids = append(ids, m.ID); m.Use == ledger.Undecided {
				d.Errorf("%s is not judged", m.ID)
			}
		}
		slices.Sort(ids)
		return ids
	}
	uses := func(ids ...string) (list []use) {
		for _, id := range ids {
			m := d.messages(ledger.Query{ID: id})[0]
			list = append(list, use{m.Use, m.Kind})
		}
		return list
	}

	first := ask("signs in ", "1", home, 0, ledger.Account{})
	second := ask("signs in ", "2", home, 0, ledger.Account{OTPSentAt: first, ConfirmedAt: first.Add(time.Second)})
	require.Equal(d, []string{"signs in 1"}, judged())
	require.Equal(d, []use{{ledger.Used, ledger.OTP}, {ledger.Undecided, 0}}, uses("signs in 1", "signs in 2"))
	require.Equal(d, first.Add(time.Second), d.messages(ledger.Query{ID: "signs in 1"})[0].UsedAt)
	d.clock.Move(time.Minute)
	ask("signs in ", "3", home, 0, ledger.Account{OTPSentAt: second, ConfirmedAt: first.Add(time.Second)})
	require.Contains(d, judged(), "signs in 2")
	require.Equal(d, []use{{ledger.Unused, ledger.OTP}, {ledger.Undecided, 0}}, uses("signs in 2", "signs in 3"))

	first = ask("gets no code ", "1", home, ledger.OTP, ledger.Account{})
	second = ask("gets no code ", "2", home, ledger.OTP, ledger.Account{OTPSentAt: first})
	ask("gets no code ", "3", home, ledger.OTP, ledger.Account{OTPSentAt: second, ConfirmedAt: second.Add(time.Second)})
	judged()
	require.Equal(d, []use{{ledger.Replaced, ledger.OTP}, {ledger.Used, ledger.OTP}}, uses("gets no code 1", "gets no code 2"))

	first = ask("moves ", "1", other, ledger.PhoneChange, ledger.Account{})
	ask("moves ", "2", home, ledger.OTP, ledger.Account{PhoneChangeSentAt: first})
	judged()
	require.Equal(d, []use{{ledger.Undecided, ledger.PhoneChange}}, uses("moves 1"), "the code is valid")
	d.clock.Move(time.Minute)
	ask("moves ", "3", home, ledger.OTP, ledger.Account{PhoneChangeSentAt: first, ConfirmedAt: first.Add(time.Second)})
	require.Contains(d, judged(), "moves 1")
	require.Equal(d, []use{{ledger.Unused, ledger.PhoneChange}}, uses("moves 1"), "another number was confirmed")
}
