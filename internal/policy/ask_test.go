package policy

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAskReturnsTheChargesInTheOrderOfTheRules(t *testing.T) {
	settings := Settings{Limits: everyLimit()}
	p := New(settings)
	s := Subject{Number: number(t, "+447400123456"), User: "a", IP: netip.MustParseAddr("203.0.113.7")}
	var all, proven []Limited
	for i, l := range settings.Limits.List() {
		all = append(all, l)
		if !rateLimits[i].unproven {
			proven = append(proven, l)
		}
	}
	summary := func(charges []Charge) (list []Limited) {
		for _, c := range charges {
			list = append(list, Limited{c.Rule, c.Limit})
		}
		return list
	}
	charges, verdict := p.Ask(s)
	require.Equal(t, Verdict{Allow: true}, verdict)
	require.Equal(t, all, summary(charges))
	again, _ := p.Ask(s)
	require.Equal(t, charges, again, "the same message has the same keys")

	s.Proven = true
	charges, _ = p.Ask(s)
	require.Equal(t, proven, summary(charges))

	charges, verdict = New(Settings{}).Ask(s)
	require.Equal(t, Verdict{Allow: true}, verdict)
	require.Empty(t, charges)
	settings.Lists = lists(t, "", "GB", "", "")
	charges, verdict = New(settings).Ask(s)
	require.Equal(t, Verdict{Rule: BlockedCountry}, verdict)
	require.Empty(t, charges)
}

func TestVerdictIsMadeOfTheCountersAnswer(t *testing.T) {
	charges := []Charge{{PerPhone, Limit{1, time.Hour}, 7}, {InAll, Limit{2, time.Hour}, 0}}
	enforced, observed := New(Settings{}), New(Settings{Observe: true})
	for _, p := range []*Policy{enforced, observed} {
		require.Equal(t, Verdict{Allow: true}, p.Verdict(charges, -1, 0))
		require.Equal(t, Verdict{Allow: true}, p.Verdict(nil, -1, 0))
	}
	require.Equal(t, Verdict{Rule: InAll, Limit: Limit{2, time.Hour}, After: time.Minute}, enforced.Verdict(charges, 1, time.Minute))
	require.Equal(t, Verdict{Allow: true, Rule: PerPhone, Limit: Limit{1, time.Hour}, After: time.Minute}, observed.Verdict(charges, 0, time.Minute))
}
