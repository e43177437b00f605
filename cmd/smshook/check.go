package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/route"
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
		found, ok := app.CheckInstance(ctx, instance)
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

// printReceipts prints how each instance sends delivery receipts, and what the operator still has to do for them.
func printReceipts(w io.Writer, settings config.Config, instances []*race.Instance) {
	if !settings.Addresses().On() {
		fmt.Fprintf(w, "receipts  %s\n", app.ReceiptsOff)
		return
	}
	for _, r := range app.Receipts(settings, instances) {
		fmt.Fprintf(w, "receipts  %s: %s\n", r.Instance, r.Text)
	}
}
