package dispatch

import (
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func limited(limits policy.Limits) Settings { return Settings{Policy: policy.Settings{Limits: limits}} }

func numbered(id string, change func(*Request)) Request {
	r := request("447400123456")
	r.ID = id
	if change != nil {
		change(&r)
	}
	return r
}

func TestRefusals(t *testing.T) {
	one := policy.Limit{Most: 1, Per: time.Hour}
	var kazakhs policy.Countries
	require.NoError(t, kazakhs.UnmarshalText([]byte("KZ")))
	for _, tt := range []struct {
		name     string
		settings Settings
		second   func(*Request)
		want     Result
		rule     policy.Rule
		reason   string
		sent     int
	}{
		{"nothing", Settings{}, nil, Accepted, policy.None, "", 2},
		{"the number's check", Settings{PhoneCheck: phone.Possible}, func(r *Request) { r.Phone = providers.NewSecret("4474001") },
			BadNumber, policy.None, "the number has a length that its country doesn't use", 1},
		{"a list", Settings{Policy: policy.Settings{Lists: policy.Lists{BlockedCountries: kazakhs}}},
			func(r *Request) { r.Phone = providers.NewSecret("77011234567") }, BadNumber, policy.BlockedCountry, "refused by blocked_countries", 1},
		{"a limit", limited(policy.Limits{Phone: one}), func(r *Request) { r.User = "another" },
			TooMany, policy.PerPhone, "refused by limit_phone (1/1h), again in 58m", 1},
		{"a limit, while the user has a code", limited(policy.Limits{Phone: one}), func(r *Request) { r.ReceivedAt = r.ReceivedAt.Add(-61 * time.Second) },
			JustSent, policy.PerPhone, "refused by limit_phone (1/1h), again in 58m", 1},
		{"a limit, and the user has used the code", limited(policy.Limits{Phone: one}), func(r *Request) { r.LastSignIn = "since" },
			TooMany, policy.PerPhone, "refused by limit_phone (1/1h), again in 58m", 1},
		{"a limit, and the code is over", limited(policy.Limits{Phone: one}), nil, TooMany, policy.PerPhone, "refused by limit_phone (1/1h), again in 58m", 1},
		{"a limit of a second factor", limited(policy.Limits{Phone: one}), func(r *Request) { r.MFA = true },
			TooMany, policy.PerPhone, "refused by limit_phone (1/1h), again in 58m", 1},
		{"a limit, and the number is the account's own", limited(policy.Limits{Phone: one}), func(r *Request) { r.Proven = true }, Accepted, policy.None, "", 2},
		{"a limit of the account, its own number", limited(policy.Limits{User: one}), func(r *Request) { r.Proven = true },
			TooMany, policy.PerUser, "refused by limit_user (1/1h), again in 58m", 1},
		{"a limit of the account, a challenge to its own number", limited(policy.Limits{User: one}), func(r *Request) { r.Proven, r.MFA = true, true },
			TooMany, policy.PerUser, "refused by limit_user (1/1h), again in 58m", 1},
		{"a limit of the account, and another asks", limited(policy.Limits{User: one}), func(r *Request) { r.User = "another" }, Accepted, policy.None, "", 2},
		{"a ceiling", limited(policy.Limits{All: one}), func(r *Request) { r.Proven, r.User = true, "another" },
			TooMany, policy.InAll, "refused by limit_all (1/1h), again in 58m", 1},
		{"another address", limited(policy.Limits{IP: one}), func(r *Request) { r.IP = netip.MustParseAddr("203.0.113.8") }, Accepted, policy.None, "", 2},
		{"the same address", limited(policy.Limits{IP: one}), func(r *Request) { r.Phone = providers.NewSecret("447400999999") },
			TooMany, policy.PerIP, "refused by limit_ip (1/1h), again in 58m", 1},
		{"the same address, proven", limited(policy.Limits{IP: one}), func(r *Request) { r.Proven = true }, Accepted, policy.None, "", 2},
		{"observed", Settings{Policy: policy.Settings{Limits: policy.Limits{Phone: one}, Observe: true}}, nil,
			Accepted, policy.PerPhone, "not refused by limit_phone (1/1h) since the policy only observes; it would be for 58m", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := new(pigeon)
				d := dispatcher(tt.settings, p)
				from := func(r *Request) { r.IP = netip.MustParseAddr("203.0.113.7") }
				require.Equal(t, Accepted, d.Send(t.Context(), numbered("1", from)).Result)
				time.Sleep(2 * time.Minute)
				second := numbered("2", from)
				if tt.second != nil {
					tt.second(&second)
				}
				outcome := d.Send(t.Context(), second)
				require.Equal(t, tt.want, outcome.Result)
				require.Equal(t, tt.rule, outcome.Verdict.Rule)
				if tt.reason != "" {
					require.EqualError(t, outcome.Reason, tt.reason)
				} else {
					require.NoError(t, outcome.Reason)
				}
				require.Equal(t, tt.sent, p.sent())
			})
		})
	}
}

// A user is told that a code was just sent as long as it lives, whether or not a repeated request goes to another instance.
func TestTheCodeThatWasSentIsPointedTo(t *testing.T) {
	for _, window := range []time.Duration{0, 10 * time.Minute} {
		for _, tt := range []struct {
			life  time.Duration
			after time.Duration
			want  Result
		}{
			{0, 59 * time.Second, JustSent}, // Auth's own default
			{0, time.Minute, TooMany},
			{5 * time.Minute, 4 * time.Minute, JustSent},
			{5 * time.Minute, 5 * time.Minute, TooMany},
			{20 * time.Second, 20 * time.Second, TooMany},
		} {
			synctest.Test(t, func(t *testing.T) {
				settings := limited(policy.Limits{Phone: policy.Limit{Most: 1, Per: time.Hour}})
				settings.CodeLife = tt.life
				d := setup{Settings: settings, ResendWindow: window}.dispatcher(new(pigeon))
				require.Equal(t, Accepted, d.Send(t.Context(), numbered("1", nil)).Result)
				time.Sleep(tt.after)
				require.Equal(t, tt.want, d.Send(t.Context(), numbered("2", nil)).Result)
			})
		}
	}
}

// A message that failed has left no code to point to, and its charge stands.
func TestAFailureIsCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dispatcher(limited(policy.Limits{Phone: policy.Limit{Most: 1, Per: time.Hour}}), fails(providers.Account))
		require.Equal(t, Failed, d.Send(t.Context(), numbered("1", nil)).Result)
		time.Sleep(time.Second)
		require.Equal(t, TooMany, d.Send(t.Context(), numbered("2", nil)).Result)
	})
}

// Auth's repeats of a call are charged once, and none of them is refused if the first wasn't: not even where the limit has been
// reached since.
func TestRepeatsAreChargedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fails(providers.Temporary)
		d := dispatcher(limited(policy.Limits{Phone: policy.Limit{Most: 2, Per: time.Hour}}), a)
		first := numbered("1", nil)
		for range 3 {
			require.Equal(t, Failed, d.Send(t.Context(), first).Result)
			first.ReceivedAt = first.ReceivedAt.Add(time.Second)
		}
		require.Equal(t, Failed, d.Send(t.Context(), numbered("2", nil)).Result, "there was one left")
		require.Equal(t, TooMany, d.Send(t.Context(), numbered("3", nil)).Result)
		a.err = nil
		require.Equal(t, Accepted, d.Send(t.Context(), first).Result)
		outcome := d.Send(t.Context(), numbered("3", nil))
		require.Equal(t, TooMany, outcome.Result, "it is answered as before")
		require.Equal(t, errRepeat, outcome.Reason)
	})
}

// What became of a call is told once: who counts it doesn't count Auth's repeats too.
func TestARepeatTellsNoVerdictAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := limited(policy.Limits{Phone: policy.Limit{Most: 2, Per: time.Hour}})
		d := setup{Settings: settings, ResendWindow: 10 * time.Minute}.dispatcher(new(pigeon))
		d.Send(t.Context(), numbered("1", nil))
		for _, want := range []Outcome{
			{Result: Accepted, Lost: "a", Verdict: policy.Verdict{Allow: true}},
			{Result: TooMany, Verdict: policy.Verdict{Rule: policy.PerPhone, Limit: settings.Policy.Limits.Phone, After: 28 * time.Minute}},
		} {
			time.Sleep(time.Minute)
			r := numbered(want.Result.String(), nil)
			told := d.Send(t.Context(), r)
			require.Equal(t, []any{want.Result, want.Lost, want.Verdict}, []any{told.Result, told.Lost, told.Verdict})
			require.Equal(t, Outcome{Result: want.Result, Number: told.Number, Reason: errRepeat}, d.Send(t.Context(), r))
		}
	})
}

// A call that has waited behind another is judged when its turn comes: what was charged in the meantime was not charged after it.
func TestWaitingUsesUpNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fails(providers.Account)
		p.wait = 2 * time.Second
		d := dispatcher(limited(policy.Limits{Total: policy.Limit{Most: 10, Per: time.Second}}), p)
		var calls sync.WaitGroup
		send := func(id string, change func(*Request)) {
			r := numbered(id, change)
			calls.Go(func() { d.Send(t.Context(), r) })
			synctest.Wait()
		}
		send("1", nil)
		send("2", nil) // behind the first
		time.Sleep(1900 * time.Millisecond)
		send("3", func(r *Request) { r.User = "another" })
		calls.Wait()
		require.Equal(t, 3, p.sent(), "ten a second would be allowed")
	})
}

// Who waits behind another call is not charged if that one sends the code.
func TestADoubleTapIsChargedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Second}
		d := dispatcher(limited(policy.Limits{Phone: policy.Limit{Most: 2, Per: time.Hour}}), p)
		results := make(chan Result, 2)
		for i := range 2 {
			go func() { results <- d.Send(t.Context(), numbered(strconv.Itoa(i), nil)).Result }()
		}
		require.ElementsMatch(t, []Result{Accepted, JustSent}, []Result{<-results, <-results})
		time.Sleep(time.Second)
		require.Equal(t, Accepted, d.Send(t.Context(), numbered("3", nil)).Result)
		time.Sleep(time.Second)
		require.Equal(t, JustSent, d.Send(t.Context(), numbered("4", nil)).Result)
		require.Equal(t, 2, p.sent())
	})
}
