package policy

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/phone"
)

func number(t testing.TB, s string) phone.Number {
	n, err := phone.Parse(s)
	require.NoError(t, err)
	return n
}

// judge is a policy and a counter, used together as a caller uses them.
type judge struct {
	*Policy
	counter Counter
}

func newJudge(s Settings) judge { return judge{New(s), NewMemory()} }

func (j judge) judge(at time.Time, s Subject) Verdict {
	charges, verdict := j.Ask(s)
	if !verdict.Allow {
		return verdict
	}
	over, after, _ := j.counter.Take(context.Background(), at, charges)
	return j.Verdict(charges, over, after)
}

func lists(t testing.TB, countries, blockedCountries, blockedPrefixes, blockedTypes string) Lists {
	var l Lists
	for text, list := range map[string]interface{ UnmarshalText([]byte) error }{
		"c" + countries: &l.Countries, "b" + blockedCountries: &l.BlockedCountries, "p" + blockedPrefixes: &l.BlockedPrefixes, "t" + blockedTypes: &l.BlockedTypes,
	} {
		if text[1:] != "" {
			require.NoError(t, list.UnmarshalText([]byte(text[1:])))
		}
	}
	return l
}

func TestLists(t *testing.T) {
	const (
		british = "+447400123456"
		film    = "+447700900123" // reserved for films, in no known range: no country, no type
		kazakh  = "+77011234567"
		indian  = "+919876543210"
		premium = "+449098790000"
		magic   = "+15005550006" // for tests with Twilio; a personal number
		global  = "+80012345678" // of no country
		all     = "fixed_line, toll_free, premium_rate, shared_cost, voip, personal_number, pager, uan, voicemail"
	)
	for _, tt := range []struct {
		name   string
		lists  Lists
		number string
		want   Rule
	}{
		{"none", Lists{}, global, None},
		{"an allowed country", lists(t, "GB,IN", "", "", ""), indian, None},
		{"another country", lists(t, "GB,IN", "", "", ""), kazakh, NotAllowed},
		{"allowed countries, and the number's is unknown", lists(t, "GB,IN", "", "", ""), film, NotAllowed},
		{"allowed countries, and the number has none", lists(t, "GB,IN", "", "", ""), global, NotAllowed},
		{"a blocked country", lists(t, "", "KZ", "", ""), kazakh, BlockedCountry},
		{"blocked countries, and the number's is unknown", lists(t, "", "GB", "", ""), film, None},
		{"another country with the same calling code", lists(t, "", "RU", "", ""), kazakh, None},
		{"a blocked prefix", lists(t, "", "", "+4474, 7701", ""), kazakh, BlockedPrefix},
		{"a blocked prefix after a trunk prefix", lists(t, "", "", "+4490", ""), "+4409098790000", BlockedPrefix},
		{"a blocked trunk prefix", lists(t, "", "", "+440", ""), "+4409098790000", BlockedPrefix},
		{"a zero that is part of the number", lists(t, "", "", "+396", ""), "+3906123456", None},
		{"a prefix that is longer", lists(t, "", "", "+4474001234567", ""), british, None},
		{"a blocked type", lists(t, "", "", "", "premium_rate, voip"), premium, BlockedType},
		{"another type", lists(t, "", "", "", "premium_rate, voip"), british, None},
		{"blocked types, and the number's is unknown", lists(t, "", "", "", "premium_rate, voip"), film, None},
		{"a number for tests", lists(t, "", "", "", "premium_rate, shared_cost, voip, pager, uan, voicemail"), magic, None},
		{"a number for tests, of a blocked type", lists(t, "", "", "", "personal_number"), magic, BlockedType},
		{"two trunk zeros", lists(t, "", "", "+4470", ""), "+44007012345678", BlockedPrefix},
		{"a trunk zero, and digits too many", lists(t, "", "", "+4470", ""), "+44070123456789", BlockedPrefix},
		{"a trunk zero, and digits too few", lists(t, "", "", "+4470", ""), "+4407012345", BlockedPrefix},
		{"three trunk zeros, and digits too many", lists(t, "", "", "+4470", ""), "+440007012345678", BlockedPrefix},
		{"a trunk prefix of another digit", lists(t, "", "", "+7900", ""), "+789001234567", BlockedPrefix},
		{"two such trunk prefixes", lists(t, "", "", "+1900", ""), "+1119002345678", BlockedPrefix},
		{"a type, a trunk zero", lists(t, "", "", "", "premium_rate"), "+4409098790000", BlockedType},
		{"a type, two trunk zeros", lists(t, "", "", "", "premium_rate"), "+44009098790000", BlockedType},
		{"a type, a digit too many", lists(t, "", "", "", "premium_rate"), "+4490987900001", BlockedType},
		{"a type, three digits too many", lists(t, "", "", "", "premium_rate"), "+449098790000123", BlockedType},
		{"a type, a trunk zero and a digit too many", lists(t, "", "", "", "premium_rate"), "+44090987900001", BlockedType},
		{"a type, a trunk zero and digits that no number of Britain has", lists(t, "", "", "", "personal_number"), "+44007012345678", BlockedType},
		{"a type, digits too many where numbers have no fixed length", lists(t, "", "", "", "premium_rate"), "+49900123456712", BlockedType},
		{"another type, a trunk zero and a digit too many", lists(t, "", "", "", "voip, pager"), "+44090987900001", None},
		{"all types, a mobile phone with a digit too many", lists(t, "", "", "", all), "+4474001234567", None},
		{"all types, a number for films", lists(t, "", "", "", all), film, None},
		{"all types, the United States", lists(t, "", "", "", all), "+12025550123", None},
		{"all types, a form that is no longer used", lists(t, "", "", "", all), "+5215512345678", None},
		{"all types, eight digits that became ten", lists(t, "", "", "", all), "+22997123456", None},
		{"a blocked country, digits too many", lists(t, "", "KZ", "", ""), "+770112345678", BlockedCountry},
		{"a blocked country, a trunk prefix and digits too many", lists(t, "", "JM", "", ""), "+118762101234567", BlockedCountry},
		{"a blocked island, a digit too many", lists(t, "", "JE", "", ""), "+4477970123456", BlockedCountry},
		{"a blocked island, a trunk zero and a digit too many", lists(t, "", "JE", "", ""), "+44077970123456", BlockedCountry},
		{"the mainland, a digit too many", lists(t, "", "JE", "", ""), "+4474001234567", None},
		{"another country with the same calling code, digits too many", lists(t, "", "RU", "", ""), "+770112345678", None},
		{"countries before prefixes, digits too many", lists(t, "", "KZ", "+7", ""), "+770112345678", BlockedCountry},
		{"countries before prefixes", lists(t, "", "KZ", "+7", ""), kazakh, BlockedCountry},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, observe := range []bool{false, true} { // the lists refuse in both cases
				for _, proven := range []bool{false, true} { // and every account
					v := newJudge(Settings{Lists: tt.lists, Observe: observe}).judge(noon, Subject{Number: number(t, tt.number), Proven: proven})
					require.Equal(t, Verdict{Allow: tt.want == None, Rule: tt.want}, v)
					require.False(t, v.Limited())
				}
			}
		})
	}
}

func TestListsInWords(t *testing.T) {
	require.Equal(t, []string{"only in GB, IE", "not in CU", "not with +4470", "not of type voip"}, lists(t, "IE,GB", "CU", "4470", "voip").Words())
	require.Equal(t, []string{"not in CU"}, lists(t, "", "CU", "", "").Words())
	require.Empty(t, Lists{}.Words())
}

func TestListsAreRead(t *testing.T) {
	const (
		country = "want a country's ISO code in capitals, such as GB"
		prefix  = "want the first digits of numbers with their calling code, such as +4470"
	)
	for _, tt := range []struct {
		list interface {
			UnmarshalText([]byte) error
			String() string
		}
		text, want, problem string
	}{
		{new(Countries), " IE,GB , IE", "GB, IE", ""},
		{new(Countries), "GB,UK", "", "entry 2: UK is not the ISO code of Great Britain, want GB"},
		{new(Countries), "GB,XX", "", "entry 2: " + country},
		{new(Countries), "gb", "", "entry 1: " + country},
		{new(Countries), "GB,", "", "entry 2: " + country},
		{new(Prefixes), "+882, 4470,+1", "+1, +4470, +882", ""},
		{new(Prefixes), "07700", "", "entry 1: want it with the calling code: no number starts with 0"},
		{new(Prefixes), "+44 70", "", "entry 1: " + prefix},
		{new(Prefixes), "+", "", "entry 1: " + prefix},
		{new(Prefixes), "+٤٤", "", "entry 1: " + prefix},
		{new(Prefixes), "1234567890123456", "", "entry 1: " + prefix},
		{new(Types), "voip, premium_rate", "premium_rate, voip", ""},
		{new(Types), "voip,mobile", "", "entry 2: mobile phones are of this type"},
		{new(Types), "fixed_line_or_mobile", "", "entry 1: mobile phones are of this type"},
		{new(Types), "unknown", "", "entry 1: numbers of no known type are refused by PHONE_CHECK=valid"},
		{new(Types), "VOIP", "", "entry 1: want fixed_line, toll_free, premium_rate, shared_cost, voip, personal_number, pager, uan or voicemail"},
	} {
		err := tt.list.UnmarshalText([]byte(tt.text))
		if tt.problem != "" {
			require.EqualError(t, err, tt.problem, tt.text)
		} else {
			require.NoError(t, err, tt.text)
		}
		require.Equal(t, tt.want, tt.list.String())
	}
}

func TestLimitsAreRead(t *testing.T) {
	for text, want := range map[string]struct {
		limit       Limit
		text, words string
	}{
		"5/10m":        {Limit{5, 10 * time.Minute}, "5/10m", "5 at once, then one every 2m"},
		"1/1s":         {Limit{1, time.Second}, "1/1s", "1 at once, then one every 1s"},
		" 10 / 24h ":   {Limit{10, 24 * time.Hour}, "10/24h", "10 at once, then one every 2h24m"},
		"1000000/720h": {Limit{1_000_000, 720 * time.Hour}, "1000000/720h", "1000000 at once, then one every 2.592s"},
		"0100/1h30m":   {Limit{100, 90 * time.Minute}, "100/1h30m", "100 at once, then one every 54s"},
		"off":          {Limit{}, "off", "off"},
	} {
		var l Limit
		require.NoError(t, l.UnmarshalText([]byte(text)), text)
		require.Equal(t, want.limit, l)
		require.Equal(t, []string{want.text, want.words}, []string{l.String(), l.Words()})
	}
	for _, text := range []string{"", "5", "5/", "/10m", "0/10m", "-1/10m", "5/10", "5/0s", "5/-10m", "1000001/1h", "5/721h", "5/1ms", "5.5/1m", "5/10m/1", "Off", "none"} {
		l := Limit{7, time.Minute}
		require.Equal(t, errLimit, l.UnmarshalText([]byte(text)), text)
		require.Equal(t, Limit{7, time.Minute}, l)
	}
}

func TestSource(t *testing.T) {
	same := func(a, b string) bool {
		x, xok := source(netip.MustParseAddr(a))
		y, yok := source(netip.MustParseAddr(b))
		require.True(t, xok && yok, "%s %s", a, b)
		return x == y
	}
	require.True(t, same("203.0.113.7", "::ffff:203.0.113.7"))
	require.False(t, same("203.0.113.7", "203.0.113.8"))
	require.True(t, same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"))
	require.False(t, same("2001:db8:1:2::1", "2001:db8:1:3::1"))
	require.True(t, same("2001:db8::1%eth0", "2001:db8::2"))
	for _, text := range []string{
		"", "0.0.0.0", "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "100.127.255.255", "224.0.0.1",
		"255.255.255.255", "::", "::1", "fe80::1", "fd00::1", "ff02::1", "::10", "64:ff9b::203.0.113.7", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
	} {
		ip, _ := netip.ParseAddr(text)
		_, ok := source(ip)
		require.False(t, ok, text)
	}
}

// Two messages count towards a limit together if they have in common what the limit counts. All of these limits but LIMIT_PHONE leave out
// proven numbers.
func TestLimitsCountWhatMessagesHaveInCommon(t *testing.T) {
	const (
		a, neighbour, other = "+447400120000", "+447400129999", "+447400130000"
		home                = "203.0.113.7"
	)
	one := Limit{1, time.Hour}
	for _, tt := range []struct {
		name          string
		limits        Limits
		first, second string
		from          string // address of the second message; the first is from home
		proven        bool   // of the second message
		want          Rule
	}{
		{"one number", Limits{Phone: one}, a, "447400120000", home, false, PerPhone},
		{"another number", Limits{Phone: one}, a, neighbour, home, false, None},
		{"one number, proven", Limits{Phone: one}, a, a, home, true, None},
		{"one address", Limits{IP: one}, a, other, home, false, PerIP},
		{"one address, proven", Limits{IP: one}, a, other, home, true, None},
		{"another address", Limits{IP: one}, a, a, "203.0.113.8", false, None},
		{"no address", Limits{IP: one}, a, a, "", false, None},
		{"one prefix", Limits{Prefix: one}, a, neighbour, home, false, PerPrefix},
		{"one prefix, proven", Limits{Prefix: one}, a, neighbour, home, true, None},
		{"another prefix", Limits{Prefix: one}, a, other, home, false, None},
		{"one country", Limits{Country: one}, a, "+447400999999", home, false, PerCountry},
		{"one country, proven", Limits{Country: one}, a, "+447400999999", home, true, None},
		{"another country with the same calling code", Limits{Country: one}, a, "+447700312345", home, false, None}, // Jersey
		{"no known country, one calling code", Limits{Country: one}, "+15555550100", "+15555550199", home, false, PerCountry},
		{"no known country, and a known one", Limits{Country: one}, "+15555550100", "+15005550006", home, false, None},
		{"in total", Limits{Total: one}, a, "+919876543210", home, false, InTotal},
		{"in total, proven", Limits{Total: one}, a, "+919876543210", home, true, None},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newJudge(Settings{Limits: tt.limits})
			require.Equal(t, Verdict{Allow: true}, p.judge(noon, Subject{Number: number(t, tt.first), IP: netip.MustParseAddr(home)}))
			ip, _ := netip.ParseAddr(tt.from)
			v := p.judge(noon, Subject{Number: number(t, tt.second), IP: ip, Proven: tt.proven})
			if tt.want == None {
				require.Equal(t, Verdict{Allow: true}, v)
				return
			}
			require.Equal(t, Verdict{Rule: tt.want, Limit: one, After: time.Hour}, v)
			require.True(t, v.Limited())
		})
	}
}

// These limits also count messages to proven numbers.
func TestLimitsThatCountProvenNumbers(t *testing.T) {
	const own, other, indian = "+447400120000", "+447400130000", "+919876543210"
	one := Limit{1, time.Hour}
	type ask struct {
		user, number string
		proven       bool
	}
	for _, tt := range []struct {
		name          string
		limits        Limits
		first, second ask
		want          Rule
	}{
		{"one account, two numbers", Limits{User: one}, ask{"a", own, false}, ask{"a", other, false}, PerUser},
		{"one account, proven", Limits{User: one}, ask{"a", own, true}, ask{"a", own, true}, PerUser},
		{"one account, its own number after another", Limits{User: one}, ask{"a", other, false}, ask{"a", own, true}, PerUser},
		{"one account, another number after its own", Limits{User: one}, ask{"a", own, true}, ask{"a", other, false}, PerUser},
		{"two accounts, one number", Limits{User: one}, ask{"a", own, true}, ask{"b", own, false}, None},
		{"the account is unknown", Limits{User: one}, ask{"", own, false}, ask{"", own, false}, None},
		{"in all", Limits{All: one}, ask{"a", own, false}, ask{"b", indian, false}, InAll},
		{"in all, proven", Limits{All: one}, ask{"a", own, false}, ask{"b", indian, true}, InAll},
		{"in all, after a proven one", Limits{All: one}, ask{"b", indian, true}, ask{"a", own, false}, InAll},
		{"in all, the account is unknown", Limits{All: one}, ask{"", own, false}, ask{"", indian, false}, InAll},
		{"the total leaves out proven numbers", Limits{Total: one}, ask{"a", own, true}, ask{"b", indian, false}, None},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newJudge(Settings{Limits: tt.limits})
			judge := func(a ask) Verdict {
				return p.judge(noon, Subject{Number: number(t, a.number), User: a.user, Proven: a.proven})
			}
			require.Equal(t, Verdict{Allow: true}, judge(tt.first))
			if tt.want == None {
				require.Equal(t, Verdict{Allow: true}, judge(tt.second))
				return
			}
			require.Equal(t, Verdict{Rule: tt.want, Limit: one, After: time.Hour}, judge(tt.second))
		})
	}
}

// Any account can ask for second factors to any number. They don't use up the limit of the account that has proven the number, and its
// messages don't use up the limit of the others.
func TestOwnMessagesAreCountedApart(t *testing.T) {
	five := Limit{5, 10 * time.Minute}
	for _, proven := range []bool{false, true} {
		p := newJudge(Settings{Limits: Limits{Phone: five}})
		ask := func(proven bool) Verdict {
			return p.judge(noon, Subject{Number: number(t, "+447400123456"), Proven: proven})
		}
		for _, proven := range []bool{proven, !proven} {
			for range 5 {
				require.Equal(t, Verdict{Allow: true}, ask(proven))
			}
			require.Equal(t, Verdict{Rule: PerPhone, Limit: five, After: 2 * time.Minute}, ask(proven))
		}
	}
}

func TestMessagesWithoutAPublicAddressAreCounted(t *testing.T) {
	for _, tt := range []struct {
		limits Limits
		ip     netip.Addr
		proven bool
		want   uint64
	}{
		{Limits{IP: Limit{1, time.Hour}}, netip.Addr{}, false, 1},
		{Limits{IP: Limit{1, time.Hour}}, netip.MustParseAddr("10.0.0.1"), false, 1},
		{Limits{IP: Limit{1, time.Hour}}, netip.MustParseAddr("203.0.113.7"), false, 0},
		{Limits{IP: Limit{1, time.Hour}}, netip.Addr{}, true, 0},
		{Limits{Phone: Limit{1, time.Hour}}, netip.Addr{}, false, 0},
	} {
		p := newJudge(Settings{Limits: tt.limits})
		p.judge(noon, Subject{Number: number(t, "+447400123456"), IP: tt.ip, Proven: tt.proven})
		require.Equal(t, tt.want, p.NoSource())
	}
}

// A policy that only observes allows every message, and counts as if it had refused those over the limit.
func TestObserve(t *testing.T) {
	limits := Limits{Phone: Limit{2, time.Hour}}
	enforced, observed := newJudge(Settings{Limits: limits}), newJudge(Settings{Limits: limits, Observe: true})
	for minute := range 200 {
		at, s := noon.Add(time.Duration(minute)*time.Minute), Subject{Number: number(t, "+447400123456")}
		want := enforced.judge(at, s)
		want.Allow = true
		require.Equal(t, want, observed.judge(at, s))
	}
}

func TestReasons(t *testing.T) {
	limit := Limit{5, 10 * time.Minute}
	for want, v := range map[string]Verdict{
		"refused by blocked_types":                                                           {Rule: BlockedType},
		"refused by limit_phone (5/10m), again in 1m30s":                                     {Rule: PerPhone, Limit: limit, After: 89*time.Second + 1},
		"refused by limit_total (5/10m), again in 2m":                                        {Rule: InTotal, Limit: limit, After: 2 * time.Minute},
		"not refused by limit_ip (5/10m) since the policy only observes; it would be for 1s": {Allow: true, Rule: PerIP, Limit: limit, After: 1},
	} {
		require.EqualError(t, v.Reason(), want)
	}
	require.NoError(t, Verdict{Allow: true}.Reason())
}

func FuzzLists(f *testing.F) {
	for _, s := range []string{"GB, IE", "+4470,882", "premium_rate", "", ",", "off", "５", "+44"} {
		f.Add(s, "+447400123456")
	}
	f.Fuzz(func(t *testing.T, text, e164 string) {
		n, err := phone.Parse(e164)
		if err != nil {
			n = number(t, "+447400123456")
		}
		var l Lists
		for _, list := range []interface {
			UnmarshalText([]byte) error
			String() string
		}{&l.Countries, &l.BlockedCountries, &l.BlockedPrefixes, &l.BlockedTypes} {
			err := list.UnmarshalText([]byte(text))
			if err != nil {
				if len(text) > 12 && strings.Contains(err.Error(), text) {
					t.Fatalf("the error quotes the setting: %v", err)
				}
				continue
			}
			written := list.String()
			if err := list.UnmarshalText([]byte(written)); err != nil || list.String() != written {
				t.Fatalf("%q became %q and then %q, %v", text, written, list.String(), err)
			}
		}
		l.refuse(n, n.Country())
	})
}

func FuzzLimit(f *testing.F) {
	for _, s := range []string{"5/10m", "off", "0/0s", "1000000/720h", "1/1s", "-1/1h", "5/1h/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l Limit
		if err := l.UnmarshalText([]byte(text)); err != nil {
			return
		}
		var again Limit
		if err := again.UnmarshalText([]byte(l.String())); err != nil || again != l {
			t.Fatalf("%q is %v, and that is %v, %v", text, l, again, err)
		}
		l.Words()
		if !l.on() {
			return
		}
		m := NewMemory()
		charge := []Charge{{PerPhone, l, 1}}
		for range min(l.Most, 100) {
			if over, _ := take(m, noon, charge); over >= 0 {
				t.Fatalf("%v allows too few", l)
			}
		}
		if l.Most <= 100 {
			over, after := take(m, noon, charge)
			if over != 0 || after <= 0 || after > l.Per {
				t.Fatalf("%v allows too many: %d %v", l, over, after)
			}
			if over, _ := take(m, noon.Add(after), charge); over >= 0 {
				t.Fatalf("%v allows nothing after %v", l, after)
			}
		}
	})
}

func FuzzSource(f *testing.F) {
	for _, s := range []string{"203.0.113.7", "::ffff:10.0.0.1", "2001:db8::1%eth0", "::", "fe80::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return
		}
		key, ok := source(ip)
		if ok && (ip.IsPrivate() || ip.IsLoopback() || ip.Unmap().IsPrivate() || key == 0) {
			t.Fatalf("%v is not public", ip)
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	wide := Limit{1_000_000, time.Hour}
	var country Limits
	for _, row := range rateLimits {
		*row.limit(&country) = wide
	}
	on := country
	on.Country = Limit{}
	for _, bm := range []struct {
		name     string
		settings Settings
		number   string
		proven   bool
	}{
		{"default", Settings{Limits: Limits{Phone: Limit{1_000_000, time.Hour}}}, "+447400123456", false},
		{"all limits but country", Settings{Limits: on}, "+447400123456", false},
		{"all limits, country of its own calling code", Settings{Limits: country}, "+919876543210", false},
		{"all limits, country of a shared calling code", Settings{Limits: country}, "+447400123456", false},
		{"all limits, proven", Settings{Limits: country}, "+447400123456", true},
		{"blocked types", Settings{Lists: lists(b, "", "", "", "voip")}, "+447400123456", true},
	} {
		b.Run(bm.name, func(b *testing.B) {
			p := newJudge(bm.settings)
			s := Subject{Number: number(b, bm.number), User: "b72176ca-85d9-4cfe-8c88-1d2f4751ca36", IP: netip.MustParseAddr("203.0.113.7"), Proven: bm.proven}
			at := noon
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(time.Second)
				if v := p.judge(at, s); !v.Allow {
					b.Fatal(v)
				}
			}
		})
	}
}
