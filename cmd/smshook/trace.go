package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/policy"
)

// trace prints what would happen to a message to a phone, if no rate limit were reached.
func (sh *shell) trace(ctx context.Context, c command, settings config.Config, a *app.App, phone, ip string) int {
	var from netip.Addr
	if ip != "" {
		var err error
		if from, err = netip.ParseAddr(ip); err != nil {
			fmt.Fprintf(sh.stderr, "smshook %s: -ip: want an IP address such as 203.0.113.7\n", c.name)
			return exitUsage
		}
	}
	if phone == "" {
		fmt.Fprintf(sh.stderr, "smshook %s: -ip: want a -phone too\n", c.name)
		return exitUsage
	}
	number, err := settings.PhoneCheck.Parse(phone)
	if err != nil {
		return sh.traceRefusal(a, dispatch.BadNumber, fmt.Errorf("refused: the number %w", err))
	}
	fmt.Fprintf(sh.stdout, "number    %v, calling code +%d, country %s, type %s\n", number, number.CallingCode(),
		cmp.Or(number.Country(), "unknown"), cmp.Or(number.Type(), "unknown"))
	for _, rule := range settings.PolicySettings().Limits.Uncounted(from) {
		fmt.Fprintf(sh.stdout, "ip        not a public address: %s doesn't count it\n", strings.ToUpper(rule.String()))
	}
	_, verdict := a.Dispatcher.Policy.Ask(policy.Subject{Number: number, IP: from})
	if !verdict.Allow {
		return sh.traceRefusal(a, dispatch.BadNumber, verdict.Reason())
	}
	words, ok, err := app.ExplainGuard(ctx, settings, dispatch.Request{IP: from}, number)
	if err != nil {
		words = "unknown: " + err.Error()
	}
	if words != "" {
		fmt.Fprintf(sh.stdout, "guard     %s\n", words)
	}
	if !ok {
		return sh.traceRefusal(a, dispatch.TooMany, errors.New("refused by the guard"))
	}
	instances := settings.Routes.Lookup(number.CallingCode(), number.Country)
	if instances == nil {
		instances = instanceNames(settings)
	}
	fmt.Fprintf(sh.stdout, "verdict   allowed\nroute     %s\n", strings.Join(instances, ", "))
	return exitOK
}

// traceRefusal prints why no message would be sent, and the answer to Auth. No limit refuses the first message.
func (sh *shell) traceRefusal(a *app.App, result dispatch.Result, reason error) int {
	status, sentence := a.Server.Sentences.Answer(result)
	fmt.Fprintf(sh.stdout, "verdict   %v\nanswer    %d %q\n", reason, status, sentence)
	return exitFail
}
