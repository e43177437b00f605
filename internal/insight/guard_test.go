package insight

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// trainer tells a guard about people and attackers.
type trainer struct {
	*Guard
	now time.Time
}

func newTrainer(s Settings) *trainer { return &trainer{NewGuard(s), noon} }

func british(number int) Subject {
	return Subject{Number: 447_700_000_000 + uint64(number), Country: "GB", Account: fmt.Sprintf("user-%036d", number), IP: netip.MustParseAddr("192.0.2.7")}
}

// code has a subject ask for a code, and tells the guard what became of it.
func (tr *trainer) code(s Subject, o Outcome) Verdict {
	v := tr.Ask(s, tr.now)
	if v.Way.Sends() {
		tr.Result(Result{Tag: tr.Tag(s, v), Country: s.Country, Proven: s.Proven, SentAt: tr.now, Outcome: o}, tr.now.Add(time.Minute))
	}
	tr.now = tr.now.Add(11 * time.Minute)
	return v
}

// codes asks for one code each to some numbers of a prefix, and returns how many were let through.
func (tr *trainer) codes(prefix, n int, o Outcome) (sent int) {
	for i := range n {
		s := british(prefix*10_000 + i)
		s.IP = netip.AddrFrom4([4]byte{198, 51, byte(prefix), byte(i)})
		if tr.code(s, o).Way.Sends() {
			sent++
		}
	}
	return sent
}

func TestAPrefixWhoseCodesAreNotUsed(t *testing.T) {
	tr := newTrainer(Settings{})
	require.Equal(t, 20, tr.codes(1, 20, Used))
	require.Equal(t, 20, tr.codes(2, 20, Undelivered), "it says nothing of who asked")
	sent := tr.codes(3, 20, Unused)
	require.True(t, 3 <= sent && sent <= 6, "%d", sent)

	v := tr.Ask(british(3_9999), tr.now)
	require.Equal(t, Refuse, v.Way)
	require.Equal(t, "+44770003", v.Range.String())
	require.Regexp(t, `^of about \d codes to this number range, 0 were used$`, v.Why)
	require.True(t, v.Until.After(tr.now))
	require.Equal(t, v, tr.Look(british(3_9999), tr.now))

	proven := british(3_1234)
	proven.Proven = true
	require.Equal(t, Allow, tr.Ask(proven, tr.now).Way, "their own number")
	require.Equal(t, Allow, tr.Ask(british(1_9999), tr.now).Way)
	require.Equal(t, []Flagged{{Range{Prefix, 44770003}, v.Until.UnixNano(), v.Why}}, tr.Flagged())

	require.Equal(t, 0, tr.Forget("447701"))
	require.Equal(t, 1, tr.Forget("44770003"))
	require.Equal(t, Allow, tr.Ask(british(3_9999), tr.now).Way)
}

func TestAPrefixRecoversByTrials(t *testing.T) {
	tr := newTrainer(Settings{})
	tr.codes(3, 20, Unused)
	ways := map[Way]int{}
	for i := range 100 {
		s := british(3_5000 + i)
		s.IP = netip.Addr{}
		ways[tr.code(s, Used).Way]++
		tr.now = tr.now.Add(time.Hour)
	}
	require.Positive(t, ways[Trial])
	require.Positive(t, ways[Allow])
	require.Empty(t, tr.Flagged())
}

func TestANumberCountsOnce(t *testing.T) {
	tr := newTrainer(Settings{})
	for range 20 {
		s := british(1_0000)
		v := tr.Ask(s, tr.now)
		require.Equal(t, Allow, v.Way)
		tr.Result(Result{Tag: tr.Tag(s, v), Country: "GB", SentAt: tr.now, Outcome: Unused}, tr.now.Add(20*time.Second))
		tr.now = tr.now.Add(25 * time.Second)
	}
}

func TestACodeThatIsUsedLate(t *testing.T) {
	tr := newTrainer(Settings{})
	var last Result
	for i := range 3 {
		s := british(1_0000 + i)
		last = Result{Tag: tr.Tag(s, tr.Ask(s, tr.now)), Country: "GB", SentAt: tr.now, Outcome: Unused}
		tr.Result(last, tr.now.Add(time.Minute))
		tr.now = tr.now.Add(10 * time.Minute)
	}
	tr.Ask(british(1_9999), tr.now)
	before := tr.prefixes.get(44770001).score
	last.Outcome = Used
	tr.Result(last, tr.now)
	after := tr.prefixes.get(44770001).score
	require.InDelta(t, unusedScore(0.85)-usedScore, before-after, 0.01, "as if it had never counted as unused")
	tr.Result(last, tr.now)
	require.InDelta(t, after, tr.prefixes.get(44770001).score, 1e-9, "the same result again changes nothing")
}

func TestAProvenAccountIsSlowed(t *testing.T) {
	tr := newTrainer(Settings{})
	s := british(1)
	s.Proven = true
	ways := map[Way]int{}
	for range 200 {
		ways[tr.code(s, Unused).Way]++
	}
	require.Zero(t, ways[Refuse])
	require.InDelta(t, 6, ways[Allow], 2)
	require.Positive(t, ways[Slow])
	require.InDelta(t, 37.0/4, ways[Trial], 4, "one in four hours, in the end")
	for range 100 {
		if tr.code(s, Used).Way == Allow {
			return
		}
	}
	require.Fail(t, "an account that uses its codes again isn't slowed any more")
}

func TestAnAddressRangeIsRefused(t *testing.T) {
	for kind, ip := range map[Kind]func(int) netip.Addr{
		Address4: func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) },
		Site6:    func(i int) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(i), 15: 1}) },
		Address6: func(i int) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}) },
	} {
		tr := newTrainer(Settings{})
		var v Verdict
		for i := range 20 {
			s := british(i * 100_0000)
			s.IP = ip(i)
			v = tr.code(s, Unused)
		}
		require.Equal(t, Refuse, v.Way)
		require.Equal(t, Range{Kind: kind}, v.Range)
		other := british(5)
		other.IP = netip.MustParseAddr("203.0.113.1")
		require.Equal(t, Allow, tr.Ask(other, tr.now).Way, "from another address")
	}
}

func TestSnapshot(t *testing.T) {
	key := [32]byte{1}
	tr := newTrainer(Settings{Key: key})
	tr.codes(1, 20, Used)
	tr.codes(3, 20, Unused)
	s := british(77)
	s.Proven = true
	for range 10 {
		tr.code(s, Unused)
	}
	state, err := tr.Snapshot()
	require.NoError(t, err)
	require.NotContains(t, string(state), "user-")

	restored := newTrainer(Settings{Key: key})
	require.NoError(t, restored.Restore(state))
	again, err := restored.Snapshot()
	require.NoError(t, err)
	require.Equal(t, state, again)
	for _, ask := range []Subject{british(3_9999), british(1_9999), s} {
		require.Equal(t, tr.Look(ask, tr.now), restored.Look(ask, tr.now))
	}
	require.Equal(t, Refuse, restored.Look(british(3_9999), tr.now).Way)

	require.ErrorContains(t, NewGuard(Settings{}).Restore(state), "another key")
	require.Error(t, NewGuard(Settings{Key: key}).Restore(state[:len(state)/2]))
	small := NewGuard(Settings{Key: key, Most: 5})
	require.NoError(t, small.Restore(state))
}

func TestTag(t *testing.T) {
	g := NewGuard(Settings{Key: [32]byte{1}})
	s := british(1)
	s.IP = netip.MustParseAddr("2001:db8:1:2::3")
	tag := g.Tag(s, Verdict{Way: Bypass})
	require.Len(t, tag, 60)
	o, ok := g.open(tag)
	require.True(t, ok)
	require.Equal(t, g.origin(s, true), o)
	_, ok = NewGuard(Settings{Key: [32]byte{2}}).open(tag)
	require.False(t, ok)
	other := s
	other.Account += "x"
	require.NotEqual(t, g.origin(s, true).account, g.origin(other, true).account, "also where only the last characters differ")
}

// TestBounded: an attack on ever new prefixes, from ever new addresses, doesn't fill the memory.
func TestBounded(t *testing.T) {
	tr := newTrainer(Settings{Most: 500})
	for i := range 5000 {
		s := british(i * 10_000)
		s.IP = netip.AddrFrom4([4]byte{11, byte(i >> 8), byte(i), 1})
		tr.code(s, Unused)
	}
	require.LessOrEqual(t, len(tr.prefixes.ring), 500)
	require.LessOrEqual(t, len(tr.addresses.ring), 500)
	require.LessOrEqual(t, len(tr.chains.ring), 500)
	require.LessOrEqual(t, len(tr.queue), 1000)
	require.Equal(t, len(tr.prefixes.ring), len(tr.prefixes.byKey))
	require.Equal(t, len(tr.prefixes.ring), tr.world.active)
	require.LessOrEqual(t, len(tr.areas[0]), 500)
}

func FuzzRestore(f *testing.F) {
	tr := newTrainer(Settings{})
	tr.codes(3, 20, Unused)
	state, err := tr.Snapshot()
	require.NoError(f, err)
	f.Add(state)
	f.Fuzz(func(t *testing.T, data []byte) {
		g := NewGuard(Settings{Most: 100})
		_ = g.Restore(data)
		g.Ask(british(1), noon)
	})
}

func BenchmarkAsk(b *testing.B) {
	tr := newTrainer(Settings{})
	subjects := make([]Subject, 1<<14)
	for i := range subjects {
		subjects[i] = british(i * 7919 % 50_000_000)
		tr.Ask(subjects[i], noon)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		tr.Ask(subjects[i%len(subjects)], noon)
	}
}
