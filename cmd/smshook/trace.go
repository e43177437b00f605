package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/policy"
)

// trace prints what would happen to a message to a phone, if no rate limit were reached.
func (sh *shell) trace(c command, settings config.Config, rules *policy.Policy, phone, ip string) int {
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
		fmt.Fprintf(sh.stdout, "verdict   refused: the number %v\nanswer    422 %q\n", err, settings.TextNumber)
		return exitFail
	}
	fmt.Fprintf(sh.stdout, "number    %v, calling code +%d, country %s, type %s\n", number, number.CallingCode(),
		cmp.Or(number.Country(), "unknown"), cmp.Or(number.Type(), "unknown"))
	if settings.LimitIP != (policy.Limit{}) && !policy.Public(from) {
		fmt.Fprintln(sh.stdout, "ip        not a public address: LIMIT_IP doesn't count it")
	}
	_, verdict := rules.Ask(policy.Subject{Number: number, IP: from})
	if !verdict.Allow {
		fmt.Fprintf(sh.stdout, "verdict   %v\nanswer    422 %q\n", verdict.Reason(), settings.TextNumber)
		return exitFail
	}
	instances := settings.Routes.Lookup(number.CallingCode(), number.Country)
	if instances == nil {
		instances = instanceNames(settings)
	}
	fmt.Fprintf(sh.stdout, "verdict   allowed\nroute     %s\n", strings.Join(instances, ", "))
	return exitOK
}
