package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers"
)

var checkCommand = command{
	name:    "check",
	args:    "[-phone PHONE [-ip ADDRESS]]",
	summary: "check the settings and the carriers' credentials",
	help: `
Reads the settings as serve does and reports every problem, prints the texts that phones get, who may be texted and the order
of the carriers, and tries each carrier's credentials, which costs nothing. It exits with 1 if anything is wrong.

With -phone it says instead what would become of a message to a number, as if it were the first today. Nothing is sent, and
no limit of a running server is used up.`,
	run: check,
}

func check(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	phone := flags.String("phone", "", "the `PHONE` whose message is to be traced, such as +447700900123")
	ip := flags.String("ip", "", "the IP `ADDRESS` of the user who asks for it")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	settings, ok := sh.load(c, false, nil)
	if !ok {
		return exitFail
	}
	for _, warning := range settings.Warnings {
		fmt.Fprintf(sh.stdout, "warning   %s\n", warning)
	}
	a, err := app.New(settings, version(), app.NewLog(settings, io.Discard), sh.stdout)
	if err != nil {
		return sh.fail(c, err)
	}
	if *phone != "" || *ip != "" {
		return sh.trace(c, settings, a.Dispatcher.Policy, typed(*phone), *ip)
	}
	fmt.Fprintln(sh.stdout, "settings  ok")
	printTexts(sh.stdout, settings)
	printPolicy(sh.stdout, settings)
	printRoutes(sh.stdout, settings)

	code := exitOK
	for _, carrier := range a.Dispatcher.Carriers {
		found, ok := checkCarrier(ctx, carrier)
		if !ok {
			code = exitFail
		}
		fmt.Fprintf(sh.stdout, "carrier   %s: %s\n", carrier.Name, found)
	}
	printReceipts(sh.stdout, settings, a.Dispatcher.Carriers)
	return code
}

// printRoutes prints the order of the carriers for each destination that the settings name, and for all others.
func printRoutes(w io.Writer, settings config.Config) {
	anywhere := route.Route{Instances: carrierNames(settings)}
	for _, r := range settings.Routes.Routes() {
		if r.To == anywhere.To {
			anywhere = r
			continue
		}
		fmt.Fprintf(w, "route     %v\n", r)
	}
	fmt.Fprintf(w, "route     %v\n", anywhere)
}

// checkCarrier tries a carrier's credentials, if there is a way to do so without sending.
func checkCarrier(ctx context.Context, carrier *race.Carrier) (found string, ok bool) {
	checker, able := carrier.Provider().(providers.Checker)
	if !able {
		return "not tried: that takes a message (smshook send)", true
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := checker.Check(ctx)
	if err == nil {
		return "ok", true
	}
	var refused *providers.Error
	if !errors.As(err, &refused) || refused.Kind != providers.Account {
		return err.Error(), false
	}
	var names []string
	for _, name := range checker.Credentials() {
		names = append(names, strings.ToUpper(carrier.Name)+"_"+name)
	}
	return fmt.Sprintf("%v (tried with %s)", err, strings.Join(names, ", ")), false
}

// printReceipts prints how each carrier reports what becomes of messages, and what is left to do for that.
func printReceipts(w io.Writer, settings config.Config, carriers []*race.Carrier) {
	addresses := settings.Addresses()
	if !addresses.On() {
		fmt.Fprintf(w, "receipts  off: they need %sPUBLIC_URL and %sRECEIPT_SECRET\n", config.Prefix, config.Prefix)
		return
	}
	for _, carrier := range carriers {
		receiver, ok := carrier.Provider().(providers.Receiver)
		if !ok {
			fmt.Fprintf(w, "receipts  %s: none\n", carrier.Name)
			continue
		}
		setup := receiver.Setup()
		setup.Enter = settingName.ReplaceAllString(setup.Enter, strings.ToUpper(carrier.Name)+"_$0")
		setup.Unsigned = settingName.ReplaceAllString(setup.Unsigned, strings.ToUpper(carrier.Name)+"_$0")
		if setup.Unsigned != "" && !slices.Contains(settings.Unsigned, carrier.Name) {
			fmt.Fprintf(w, "receipts  %s: refused, since no signature can be checked: %s; to take them all the same, have %s in %sUNSIGNED_RECEIPTS\n",
				carrier.Name, setup.Unsigned, carrier.Name, config.Prefix)
			continue
		}
		fmt.Fprintf(w, "receipts  %s: %s\n", carrier.Name, receiptSetup(setup, addresses.Of(carrier.Name)))
	}
}

// settingName is what a carrier calls one of its settings: it doesn't know the instance's prefix.
var settingName = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`)

func receiptSetup(setup providers.ReceiptSetup, address providers.Callback) string {
	text := "each message tells the address"
	if setup.Enter != "" {
		text = "enter " + address.Whole() + " " + setup.Enter
	}
	if setup.Unsigned != "" {
		return text + "; not signed: " + setup.Unsigned
	}
	return text + "; signed"
}
