package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// groups returns counts of one country.
func groups(country string, list ...ledger.Count) []ledger.Count {
	for i := range list {
		list[i].Country = country
	}
	return list
}

func many(n int, state ledger.State, use ledger.Use, rule string) ledger.Count {
	return ledger.Count{Messages: n, Group: ledger.Group{State: state, Use: use, Rule: rule}}
}

func TestAttentions(t *testing.T) {
	calm := Live{Instances: []Instance{{Name: "a", Provider: "A", Breaker: "closed"}, {Name: "b", Provider: "B", Breaker: "closed"}}}
	with := func(change func(*Live)) Live {
		l := calm
		l.Instances = append([]Instance{}, calm.Instances...)
		change(&l)
		return l
	}
	failing := sampleOf([]ledger.Message{})
	failing.Instances["a"] = &tries{All: 10, Failed: 2, Codes: map[string]int{"503": 2}}
	few := sampleOf(nil)
	few.Instances["a"] = &tries{All: 7, Failed: 7, Codes: map[string]int{"503": 7}}
	none := sampleOf(nil)
	for _, tt := range []struct {
		name    string
		live    Live
		queues  []Queue
		counts  []ledger.Count
		sample  sample
		observe bool
		want    []string
	}{
		{"all is well", calm, nil, groups("GB", many(1000, ledger.Delivered, ledger.Used, "")), none, false, nil},
		{"nothing happened", calm, nil, nil, none, false, nil},
		{"the database", with(func(l *Live) { l.Store.Away = true }), nil, nil, none, false, []string{"The database can't be reached"}},
		{"a copy", with(func(l *Live) { l.Store.Held = true }), nil, nil, none, false, []string{"The database is a copy of another one"}},
		{"a queue", calm, []Queue{{"hook", 5, 9 * time.Second}, {"event", 3, 10 * time.Second}}, nil, none, false, []string{"The queue of event is old: 3 waiting"}},
		{"a breaker", with(func(l *Live) { l.Instances[1].Breaker = "half-open" }), nil, nil, none, false, []string{"b fails: its circuit breaker is half-open"}},
		{"an account before its breaker", with(func(l *Live) { l.Instances[0].Breaker, l.Instances[0].Account = "open", &Problem{} }), nil, nil, none, false, []string{"a refuses the account"}},
		{"many failures", calm, nil, nil, failing, false, []string{"a fails often: 2 of its last 10 attempts"}},
		{"too few to say", calm, nil, nil, few, false, nil},
		{"a limit", calm, nil, groups("GB", many(10, ledger.Refused, 0, "limit_phone"), many(100, ledger.Delivered, ledger.Used, "")), none, false,
			[]string{"limit_phone refuses messages: 10 in the last hour"}},
		{"a list does its work", calm, nil, groups("GB", many(10, ledger.Refused, 0, "blocked_types"), many(100, ledger.Delivered, ledger.Used, "")), none, false, nil},
		{"a limit observes", calm, nil, groups("GB", many(10, ledger.Delivered, ledger.Used, "limit_ip")), none, true, []string{"limit_ip would have refused 10 messages in the last hour"}},
		{"the guard observes", calm, nil, groups("GB", many(10, ledger.Delivered, ledger.Used, "guard")), none, false, []string{"guard would have refused 10 messages in the last hour"}},
		{"unused codes", calm, nil, groups("MT", many(19, ledger.Delivered, ledger.Unused, ""), many(1, ledger.Delivered, ledger.Used, "")), none, false,
			[]string{"MT looks like an attack (SMS pumping)"}},
		{"too few unused codes", calm, nil, groups("MT", many(19, ledger.Delivered, ledger.Unused, "")), none, false, nil},
		{"delivery trouble is no attack", calm, nil, groups("MT", many(500, ledger.Undelivered, ledger.UseUnknown, "")), none, false, nil},
	} {
		var titles []string
		for _, a := range attentions(tt.live, tt.queues, tt.counts, tt.sample, windows[0], tt.observe) {
			titles = append(titles, a.Title)
			require.NotEmpty(t, a.Do, a.Title)
		}
		require.Equal(t, tt.want, titles, tt.name)
	}
}

// The destination of a message is no failure of its instance.
func TestSample(t *testing.T) {
	at := ledger.At(time.Unix(1, 0))
	attempt := func(kind providers.Kind, code string, took time.Duration) ledger.Attempt {
		return ledger.Attempt{Instance: "a", BegunAt: at, EndedAt: at.Add(took), State: ledger.AttemptFailed, Kind: kind, Code: code}
	}
	s := sampleOf([]ledger.Message{
		{ReceivedAt: at, AnsweredAt: at.Add(time.Second), Attempts: []ledger.Attempt{
			attempt(providers.Temporary, "503", time.Second), attempt(providers.Recipient, "404", 2*time.Second), attempt(providers.Account, "", 3*time.Second),
			{Instance: "a", BegunAt: at}, {Instance: "a", BegunAt: at, EndedAt: at.Add(4 * time.Second), State: ledger.AttemptAccepted},
		}},
	})
	require.Equal(t, &tries{
		All: 4, Failed: 2, Times: speeds{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}, Codes: map[string]int{"503": 1, "account": 1},
	}, s.of("a"))
	require.Equal(t, "503", s.of("a").mostCommon())
	require.Equal(t, []time.Duration{3 * time.Second, 4 * time.Second, time.Second}, []time.Duration{s.of("a").Times.at(.5), s.of("a").Times.at(1), s.Answers.at(.99)})
	require.Zero(t, s.of("b").Times.at(.5))
}

func TestWords(t *testing.T) {
	require.Equal(t, []string{"0", "999", "1,000", "1,234,567"}, []string{count(0), count(999), count(1000), count(1234567)})
	require.Equal(t, []string{"–", "38 ms", "9.99 s", "10.0 s", "1 m 05 s", "2 h 03 m"},
		[]string{took(0), took(38 * time.Millisecond), took(9990 * time.Millisecond), took(10 * time.Second), took(65 * time.Second), took(2*time.Hour + 3*time.Minute)})
	require.Equal(t, []string{"–", "0 %", "100 %", "< 0.1 %", "> 99.9 %", "33.3 %"},
		[]string{share{}.words(), share{0, 5}.words(), share{5, 5}.words(), share{1, 5000}.words(), share{4999, 5000}.words(), share{1, 3}.words()})
	require.Equal(t, []string{"447700900123", "447700900123", "447700900123", "", "", ""},
		[]string{dialled("+44 (0)7700 900-123"), dialled("00447700900123"), dialled("44.7700.900123"), dialled("SM123"), dialled("12345"), dialled("1234567890123456")})
}
