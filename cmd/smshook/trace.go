package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/policy"
)

// printPolicy prints who may be texted, and how often.
func printPolicy(w io.Writer, settings config.Config) {
	fmt.Fprintf(w, "numbers   are checked: %v\n", settings.PhoneCheck)
	for _, list := range []struct{ what, entries string }{
		{"only in", settings.Countries.String()},
		{"not in", settings.BlockedCountries.String()},
		{"not with", settings.BlockedPrefixes.String()},
		{"not of type", settings.BlockedTypes.String()},
	} {
		if list.entries != "" {
			fmt.Fprintf(w, "numbers   %s %s\n", list.what, list.entries)
		}
	}
	note := ""
	if settings.Policy == "observe" {
		note = " (only observed)"
	}
	for _, l := range []struct {
		what  string
		limit policy.Limit
	}{
		{"a number", settings.LimitPhone},
		{"an account", settings.LimitUser},
		{"an IP address", settings.LimitIP},
		{"a prefix", settings.LimitPrefix},
		{"a country", settings.LimitCountry},
		{"in total", settings.LimitTotal},
		{"in all, confirmed numbers too", settings.LimitAll},
	} {
		fmt.Fprintf(w, "limit     %s: %s%s\n", l.what, l.limit.Words(), note)
	}
}

// trace prints what would become of a message to a phone.
func (sh *shell) trace(c command, settings config.Config, a *app.App, phone, ip string) int {
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
		return sh.traceRefusal(a, fmt.Errorf("refused: the number %w", err))
	}
	fmt.Fprintf(sh.stdout, "number    %v, calling code +%d, country %s, type %s\n", number, number.CallingCode(),
		cmp.Or(number.Country(), "unknown"), cmp.Or(number.Type(), "unknown"))
	if settings.LimitIP != (policy.Limit{}) && !policy.Public(from) {
		fmt.Fprintln(sh.stdout, "ip        no public address: the limit for an IP address is not for it")
	}
	verdict := a.Dispatcher.Policy.Judge(policy.Call{Number: number, IP: from, At: time.Now()})
	if !verdict.Allow {
		return sh.traceRefusal(a, verdict.Reason())
	}
	instances := settings.Routes.Lookup(number.CallingCode(), number.Country)
	if instances == nil {
		instances = instanceNames(settings)
	}
	fmt.Fprintf(sh.stdout, "verdict   may be texted\nroute     %s\n", strings.Join(instances, ", "))
	return exitOK
}

// traceRefusal prints why no message would be sent, and the answer to Auth. The number is the reason: no limit refuses the first
// message.
func (sh *shell) traceRefusal(a *app.App, reason error) int {
	status, sentence := a.Server.Sentences.Answer(dispatch.BadNumber)
	fmt.Fprintf(sh.stdout, "verdict   %v\nanswer    %d %q\n", reason, status, sentence)
	return exitFail
}
