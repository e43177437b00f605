package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/web"
	"github.com/smshook/smshook/providers"
)

// openPage turns on the operator's page, if there is a password or only this machine can reach the address.
func (a *App) openPage(addr net.Addr) {
	a.Server.MetricsToken = a.settings.MetricsToken
	tcp, ok := addr.(*net.TCPAddr)
	if a.settings.AdminPassword.Empty() && (!ok || !tcp.IP.IsLoopback()) {
		a.log.Info().Msg("the operator's page is off: it needs " + config.Prefix + "ADMIN_PASSWORD, since not only this machine can reach the address")
		return
	}
	a.page = &web.Page{
		Source:   pageSource{a},
		Password: web.NewPassword(a.settings.AdminPassword.Reveal()),
		URL:      a.settings.AdminURL.Address(),
	}
	a.Server.Page = a.page.Handler()
}

// changed tells those who look at the page.
func (a *App) changed() {
	if a.page != nil {
		a.page.Changed()
	}
}

// accountProblems are the last problems of accounts, by instance. An instance that works again has none.
type accountProblems struct {
	mu         sync.Mutex
	byInstance map[string]web.Problem
}

func (p *accountProblems) note(attempt race.Attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case attempt.Err == nil:
		delete(p.byInstance, attempt.Instance)
	case attempt.Err.Kind == providers.Account:
		if p.byInstance == nil {
			p.byInstance = map[string]web.Problem{}
		}
		p.byInstance[attempt.Instance] = web.Problem{At: attempt.BegunAt.Add(attempt.Took), Code: attempt.Err.Code, Text: attempt.Err.Error()}
	}
}

func (p *accountProblems) of(instance string) *web.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	problem, found := p.byInstance[instance]
	if !found {
		return nil
	}
	return &problem
}

// pageSource is what the operator's page shows of a program.
type pageSource struct{ *App }

func (s pageSource) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	return s.store.Messages(ctx, q)
}

func (s pageSource) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	return s.store.Count(ctx, q)
}

// askQueueFor is how long the page waits for the depth of the queue.
const askQueueFor = time.Second

func (s pageSource) Live() web.Live {
	live := web.Live{Store: web.Store{
		Kind:  s.settings.Store.String(),
		Away:  s.store.away(),
		Held:  s.store.held.Load(),
		Owed:  uint64(s.store.owed()),
		Keeps: s.keeps(),
	}}
	for i, instance := range s.Dispatcher.Instances {
		live.Instances = append(live.Instances, web.Instance{
			Name:     instance.Name,
			Provider: s.settings.Providers[i].Driver.Title,
			Channel:  instance.Channel(),
			Breaker:  string(instance.State()),
			Patience: instance.Patience(s.settings.Patience),
			Account:  s.problems.of(instance.Name),
		})
	}
	return live
}

func (s pageSource) Queues() (list []web.Queue) {
	if s.store.away() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askQueueFor)
	defer cancel()
	depths, err := s.store.queue.Depth(ctx)
	if err != nil {
		return nil
	}
	for _, topic := range ledger.Topics() {
		list = append(list, web.Queue{Name: string(topic), Waiting: depths[topic].Waiting, Oldest: depths[topic].Oldest})
	}
	return list
}

// keeps says what the store keeps.
func (s pageSource) keeps() string {
	if s.settings.Store.String() == "memory" {
		return "the last messages, until a restart"
	}
	return fmt.Sprintf("messages for %d days", int(s.settings.Keep.Hours()/24))
}

func (s pageSource) Setup() web.Setup {
	c := *s.shown.Load()
	rules := c.PolicySettings()
	setup := web.Setup{
		Version:  s.version,
		Warnings: c.Warnings,
		Lists:    rules.Lists.Words(),
		Observe:  rules.Observe,
		Guard:    c.Guard,
		Learned:  c.RouteBy == "conversion",
		App:      c.App,
	}
	for _, r := range c.Read {
		setup.Settings = append(setup.Settings, web.Setting{Name: r.Name, Value: r.Value, Help: r.Help, Secret: r.Hidden, Default: r.Default})
	}
	for _, l := range rules.Limits.List() {
		setup.Limits = append(setup.Limits, web.Limit{Rule: l.Rule.String(), Counts: l.Rule.Counts(), Words: l.Limit.Words()})
	}
	var all []string
	for _, i := range c.Providers {
		all = append(all, i.Name)
	}
	others := web.Route{To: "*", Instances: all}
	for _, r := range c.Routes.Routes() {
		if r.To.String() == others.To {
			others.Instances = r.Instances
			continue
		}
		setup.Routes = append(setup.Routes, web.Route{To: r.To.String(), Instances: r.Instances})
	}
	setup.Routes = append(setup.Routes, others)
	for _, sample := range c.Texts.Samples(providers.NewSecret("123456")) {
		setup.Texts = append(setup.Texts, web.Text{
			Locale: sample.Locale, Text: sample.Text.Text.Reveal(), Encoding: encoding(sample.Text.Unicode), Segments: sample.Text.Segments,
		})
	}
	if !c.Addresses().On() {
		setup.Receipts = []web.Finding{{What: "all", Text: ReceiptsOff, Bad: true}}
		return setup
	}
	for _, r := range Receipts(c, s.Dispatcher.Instances) {
		setup.Receipts = append(setup.Receipts, web.Finding{What: r.Instance, Text: r.Text, Bad: !r.On})
	}
	return setup
}

func encoding(unicode bool) string {
	if unicode {
		return "UCS-2"
	}
	return "GSM-7"
}

// pageCheck is how long a check from the page may take: net/http ends the answer after six seconds.
const pageCheck = 5 * time.Second

func (s pageSource) Check(ctx context.Context) []web.Finding {
	ctx, cancel := context.WithTimeout(ctx, pageCheck)
	defer cancel()
	list := make([]web.Finding, len(s.Dispatcher.Instances)+1)
	var wg sync.WaitGroup
	wg.Go(func() {
		found, err := CheckStore(ctx, s.settings)
		if list[0] = (web.Finding{What: "store", Text: found}); err != nil {
			list[0].Text, list[0].Bad = err.Error(), true
		}
	})
	for i, instance := range s.Dispatcher.Instances {
		wg.Go(func() {
			found, ok := CheckInstance(ctx, instance)
			list[i+1] = web.Finding{What: instance.Name, Text: found, Bad: !ok}
		})
	}
	wg.Wait()
	return list
}

func (s pageSource) Draft(typed string) (web.Draft, error) {
	number, err := s.settings.PhoneCheck.Parse(typed)
	if err != nil {
		return web.Draft{}, fmt.Errorf("the number %w", err)
	}
	text := s.shown.Load().Texts.Render("", providers.NewSecret("123456"))
	instances := s.settings.Routes.Lookup(number.CallingCode(), number.Country)
	if instances == nil {
		for _, i := range s.settings.Providers {
			instances = append(instances, i.Name)
		}
	}
	return web.Draft{
		Number: number.E164().Reveal(), Country: number.Country(), Text: text.Text.Reveal(), Segments: text.Segments, Instances: instances,
	}, nil
}

// Send sends a message as a hook's call does: lists and limits apply.
func (s pageSource) Send(ctx context.Context, number string) []web.Finding {
	code, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // the reader never fails
	}
	outcome := s.Dispatcher.Send(ctx, dispatch.Request{
		ID:         providers.NewUUID(),
		Phone:      providers.NewSecret(number),
		Code:       providers.NewSecret(fmt.Sprintf("%06d", code)),
		Kind:       ledger.Other,
		ReceivedAt: time.Now(),
	})
	var list []web.Finding
	for _, attempt := range outcome.Attempts {
		took := attempt.Took.Round(time.Millisecond)
		if attempt.Err != nil {
			list = append(list, web.Finding{What: attempt.Instance, Text: fmt.Sprintf("%v, after %v", attempt.Err, took), Bad: true})
			continue
		}
		list = append(list, web.Finding{What: attempt.Instance, Text: fmt.Sprintf("accepted as %s, after %v", strings.Join(attempt.Sent.IDs, ", "), took)})
	}
	if outcome.Reason != nil {
		list = append(list, web.Finding{What: "reason", Text: outcome.Reason.Error(), Bad: outcome.Result != dispatch.Accepted})
	}
	return append(list, web.Finding{What: "result", Text: outcome.Result.String(), Bad: outcome.Result != dispatch.Accepted})
}
