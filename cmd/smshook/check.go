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
	summary: "check the settings and the instances' credentials",
	help: `
Reads the settings as serve does, and reports every problem. Then it prints the texts, the rules for numbers, the rate limits and
the order of the instances. It tries the credentials of each instance, which costs nothing. It exits with 1 if anything is wrong.

With -phone it says instead what would happen to a message to a number if no rate limit were reached. It sends nothing, and doesn't
count towards the limits of a running server.`,
	run: check,
}

func check(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	phone := flags.String("phone", "", "the `PHONE` that would get the message, such as +447700900123")
	ip := flags.String("ip", "", "the IP `ADDRESS` of the app's user")
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
	a, err := app.New(settings.WithoutStore(), version(), app.NewLog(settings, io.Discard), sh.stdout)
	if err != nil {
		return sh.fail(c, err)
	}
	if *phone != "" || *ip != "" {
		return sh.trace(ctx, c, settings, a, typed(*phone), *ip)
	}
	fmt.Fprintln(sh.stdout, "settings  ok")
	code := exitOK
	store, err := app.CheckStore(ctx, settings)
	if err != nil {
		store, code = err.Error(), exitFail
	}
	fmt.Fprintf(sh.stdout, "store     %s\n", store)
	if err == nil {
		code = max(code, checkHook(ctx, sh, settings))
	}
	printTexts(sh.stdout, settings)
	printPolicy(sh.stdout, settings)
	printRoutes(sh.stdout, settings)

	for _, instance := range a.Dispatcher.Instances {
		found, ok := checkInstance(ctx, instance)
		if !ok {
			code = exitFail
		}
		fmt.Fprintf(sh.stdout, "instance  %s: %s\n", instance.Name, found)
	}
	printReceipts(sh.stdout, settings, a.Dispatcher.Instances)
	return code
}

// checkHook calls the hook in SQL, if the store has it. Who has Auth call over HTTP doesn't need it.
func checkHook(ctx context.Context, sh *shell, settings config.Config) int {
	hook, err := app.CheckHook(ctx, settings)
	if err != nil {
		fmt.Fprintf(sh.stdout, "sql hook  %v\n", err)
		return exitFail
	}
	if hook != "" {
		fmt.Fprintf(sh.stdout, "sql hook  %s\n", hook)
	}
	return exitOK
}

// printRoutes prints the order of the instances for each destination in SMSHOOK_ROUTES, and for all others.
func printRoutes(w io.Writer, settings config.Config) {
	allOthers := route.Route{Instances: instanceNames(settings)}
	for _, r := range settings.Routes.Routes() {
		if r.To == allOthers.To {
			allOthers = r
			continue
		}
		fmt.Fprintf(w, "route     %v\n", r)
	}
	fmt.Fprintf(w, "route     %v\n", allOthers)
}

// checkInstance tries an instance's credentials if this is possible without sending a message.
func checkInstance(ctx context.Context, instance *race.Instance) (found string, ok bool) {
	checker, ok := providers.As[providers.Checker](instance.Provider())
	if !ok {
		return "not tried: this is only possible with a message (smshook send)", true
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
		names = append(names, strings.ToUpper(instance.Name)+"_"+name)
	}
	return fmt.Sprintf("%v (tried with %s)", err, strings.Join(names, ", ")), false
}

// printReceipts prints how each instance sends delivery receipts, and what the operator still has to do for them.
func printReceipts(w io.Writer, settings config.Config, instances []*race.Instance) {
	addresses := settings.Addresses()
	if !addresses.On() {
		fmt.Fprintf(w, "receipts  off: they need %sPUBLIC_URL and %sRECEIPT_SECRET\n", config.Prefix, config.Prefix)
		return
	}
	for _, instance := range instances {
		receiver, ok := providers.As[providers.Receiver](instance.Provider())
		if !ok {
			fmt.Fprintf(w, "receipts  %s: none\n", instance.Name)
			continue
		}
		setup := receiver.Setup()
		setup.Enter = settingName.ReplaceAllString(setup.Enter, strings.ToUpper(instance.Name)+"_$0")
		setup.Unsigned = settingName.ReplaceAllString(setup.Unsigned, strings.ToUpper(instance.Name)+"_$0")
		if setup.Unsigned != "" && !slices.Contains(settings.UnsignedReceipts, instance.Name) {
			fmt.Fprintf(w, "receipts  %s: refused, because no signature can be checked: %s; to accept them without one, put %s into %sUNSIGNED_RECEIPTS\n",
				instance.Name, setup.Unsigned, instance.Name, config.Prefix)
			continue
		}
		fmt.Fprintf(w, "receipts  %s: %s\n", instance.Name, receiptSetup(setup, addresses.Of(instance.Name)))
	}
}

// settingName matches the names of settings in a provider's texts. A provider doesn't know its instance's prefix.
var settingName = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`)

func receiptSetup(setup providers.ReceiptSetup, address providers.Callback) string {
	text := "the address is in each message"
	if setup.Enter != "" {
		text = "enter " + address.Whole() + " " + setup.Enter
	}
	if setup.Unsigned != "" {
		return text + "; not signed: " + setup.Unsigned
	}
	return text + "; signed"
}
