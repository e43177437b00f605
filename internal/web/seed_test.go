package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// stage is a Source whose state a test sets.
type stage struct {
	mu       sync.Mutex
	messages []ledger.Message // the newest first
	numbers  map[string]string
	live     Live
	queues   []Queue
	setup    Setup
	away     bool
	sent     []string
}

func (s *stage) Messages(_ context.Context, q ledger.Query) ([]ledger.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := ledger.At(time.Now())
	var page []ledger.Message
	for _, m := range s.messages {
		place := m.Place()
		older := q.Before == ledger.Place{} || place.ReceivedAt < q.Before.ReceivedAt || place.ReceivedAt == q.Before.ReceivedAt && place.ID < q.Before.ID
		named := slices.ContainsFunc(q.Names, func(n ledger.Name) bool { return n.ID == "SM"+m.ID })
		if (q.ID == "" || q.ID == m.ID) && (len(q.Names) == 0 || named) && (q.Number == "" || s.numbers[m.ID] == q.Number) && (q.Country == "" || q.Country == m.Country) &&
			(q.Instance == "" || q.Instance == m.Instance) && (q.State == "" || q.State == m.State(now)) && (q.Kind == 0 || q.Kind == m.Kind) &&
			(q.Rule == "" || q.Rule == m.Rule) && m.ReceivedAt >= q.Since && older {
			if page = append(page, m); len(page) == cmp.Or(q.Limit, ledger.MaxPage) {
				break
			}
		}
	}
	if s.away {
		return page, ledger.ErrAway
	}
	return page, nil
}

func (s *stage) Count(_ context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counter := ledger.NewCounter(q, ledger.At(time.Now()))
	for i := range s.messages {
		counter.Add(&s.messages[i])
	}
	return counter.Counts(), nil
}

func (s *stage) Live() Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

func (s *stage) Queues() []Queue { return s.queues }

func (s *stage) Setup() Setup { return s.setup }

func (s *stage) Check(context.Context) []Finding {
	return []Finding{{What: "twilio", Text: "ok"}, {What: "plivo", Text: "account: answer 401: authentication failed", Bad: true}}
}

func (s *stage) Draft(number string) (Draft, error) {
	if !strings.HasPrefix(number, "+44") {
		return Draft{}, errors.New("the number has no country")
	}
	return Draft{Number: number, Country: "GB", Text: "Your Acme code is 123456", Segments: 1, Instances: []string{"twilio", "plivo"}}, nil
}

func (s *stage) Send(_ context.Context, number string) []Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, number)
	return []Finding{{What: "twilio", Text: "accepted as SM1 in 212 ms"}}
}

// add puts a message before all others.
func (s *stage) add(m ledger.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.Insert(s.messages, 0, m)
}

var testSetup = Setup{
	Version: "v1.0.0", App: "Acme", Guard: "observe", Learned: true,
	Settings: []Setting{
		{Name: "SMSHOOK_PROVIDERS", Value: "twilio,plivo,wa=whatsapp", Help: "the providers, in the order in which they are tried"},
		{Name: "SMSHOOK_SECRETS", Secret: true, Help: "the secrets of the hook"},
		{Name: "SMSHOOK_BUDGET", Value: "4s", Default: true, Help: "the time in which a call of the hook is answered; Auth waits 5s"},
		{Name: "SMSHOOK_PUBLIC_URL", Help: "the address at which providers reach this server"},
	},
	Warnings: []string{"SMSHOOK_MESSAGE_DE: needs two segments because of „ and “"},
	Receipts: []Finding{{What: "twilio", Text: "the address is in each message; signed"}, {What: "plivo", Text: "none", Bad: true}},
	Routes:   []Route{{"IN", []string{"plivo", "twilio"}}, {"*", []string{"twilio", "plivo", "wa"}}},
	Limits:   []Limit{{"limit_phone", "one number", "5 at once, then one every 2m"}, {"limit_prefix", "numbers that differ in four digits", "off"}},
	Lists:    []string{"of these countries get no messages: KP"},
	Texts: []Text{
		{"de", "Dein Acme-Code ist 123456", "GSM-7", 1}, {"en", "Your Acme code is 123456", "GSM-7", 1},
		{"ar", "رمز Acme الخاص بك هو 123456", "UCS-2", 1}, {"ja", strings.Repeat("あなたのコードは123456です。", 6), "UCS-2", 2}, {"*", "Your Acme code is 123456", "GSM-7", 1},
	},
}

var testInstances = []Instance{
	{Name: "twilio", Provider: "Twilio", Channel: "sms", Breaker: "closed", Patience: 620 * time.Millisecond},
	{Name: "plivo", Provider: "Plivo", Channel: "sms", Breaker: "closed", Patience: 800 * time.Millisecond},
	{Name: "wa", Provider: "WhatsApp", Channel: "whatsapp", Breaker: "closed", Patience: 500 * time.Millisecond},
}

// newStage has no messages yet.
func newStage() *stage {
	return &stage{numbers: map[string]string{}, setup: testSetup, live: Live{Instances: testInstances, Store: Store{Kind: "postgres", Keeps: "90 days"}}}
}

// seeded has n messages of the last hour, or of the last week if there are many. One country is under attack, and plivo fails.
func seeded(n int) *stage {
	s := newStage()
	random := rand.New(rand.NewPCG(1, 2))
	long := time.Hour
	if n > 5000 {
		long = 7 * 24 * time.Hour
	}
	now := time.Now().Add(-2 * time.Second)
	for i := range n {
		at := now.Add(-time.Duration(float64(long) * float64(i) / float64(n)))
		m := message(random, i, ledger.At(at))
		s.messages = append(s.messages, m)
		s.numbers[m.ID] = fmt.Sprintf("447700%06d", i)
	}
	live := slices.Clone(testInstances)
	live[1].Breaker = "open"
	s.live.Instances = live
	return s
}

var calling = map[string]string{"GB": "+4477", "DE": "+4915", "US": "+1415", "IN": "+9198", "FR": "+3360", "MT": "+3569"}

func message(random *rand.Rand, i int, at ledger.Time) ledger.Message {
	country := []string{"GB", "GB", "GB", "DE", "DE", "US", "IN", "FR", "MT", "MT"}[random.IntN(10)]
	m := ledger.Message{
		ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i), Number: fmt.Sprintf("%s*****%03d", calling[country], i%1000), Country: country, ReceivedAt: at,
		AskedAt: at.Add(-3 * time.Millisecond), Life: time.Minute, Charged: true, Segments: 1, Kind: []ledger.Kind{ledger.OTP, ledger.OTP, ledger.OTP, ledger.PhoneChange, ledger.MFA}[random.IntN(5)],
	}
	if country == "MT" && random.IntN(3) > 0 {
		m.Result, m.Rule = ledger.TooMany, "limit_prefix"
		return m
	}
	if random.IntN(100) == 0 {
		m.Result, m.Rule = ledger.BadNumber, "blocked_types"
		return m
	}
	begin := at.Add(2 * time.Millisecond)
	if random.IntN(8) == 0 {
		end := begin.Add(time.Duration(900+random.IntN(700)) * time.Millisecond)
		m.Attempts = append(m.Attempts, ledger.Attempt{Instance: "plivo", Channel: "sms", BegunAt: begin, EndedAt: end, State: ledger.AttemptFailed, Kind: providers.Temporary, Code: "503"})
		begin = end
		if random.IntN(12) == 0 {
			m.Result = ledger.Failed
			return m
		}
	}
	instance, channel := "twilio", "sms"
	if random.IntN(5) == 0 {
		instance, channel = "wa", "whatsapp"
	}
	end := begin.Add(time.Duration(120+random.IntN(200)) * time.Millisecond)
	part := ledger.Part{ID: ""}
	m.Result, m.Instance, m.AnsweredAt = ledger.Accepted, instance, end.Add(time.Millisecond)
	switch roll := random.IntN(20); {
	case roll == 0:
		part.State, part.At = providers.StateUndelivered, end.Add(4*time.Second)
	case roll < 18:
		part.State, part.At = providers.StateDelivered, end.Add(time.Duration(1500+random.IntN(6000))*time.Millisecond)
	}
	a := ledger.Attempt{Instance: instance, Channel: channel, BegunAt: begin, EndedAt: end, State: ledger.AttemptAccepted, Parts: []ledger.Part{part}}
	if part.State == providers.StateUndelivered {
		a.Kind, a.Code = providers.Rejected, "30007"
	}
	m.Attempts = append(m.Attempts, a)
	switch {
	case country == "MT" || part.State == providers.StateUndelivered:
		m.Use = ledger.Unused
	case random.IntN(10) < 8:
		m.Use, m.UsedAt = ledger.Used, end.Add(time.Duration(9+random.IntN(25))*time.Second)
	case random.IntN(2) == 0:
		m.Use = ledger.Replaced
	default:
		m.Use = ledger.Unused
	}
	return m
}
