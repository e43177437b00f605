package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers/all"
)

var checkCommand = command{
	name:    "check",
	args:    "[-phone PHONE [-ip ADDRESS]]",
	summary: "check the settings and the instances' credentials",
	help: `
Reads the settings as serve does, and reports every problem. Then it prints the texts, the rules for numbers, the rate limits and
the order of the instances. It tries the credentials of each instance, which costs nothing. The last line is the verdict: ready, or
what to fix; then it exits with 1. Colours are for a terminal, and NO_COLOR turns them off.

With -phone it says instead what would happen to a message to a number if no rate limit were reached. It sends nothing, and doesn't
count towards the limits of a running server.`,
	example: "smshook check\nsmshook check -phone +447700900123 -ip 203.0.113.7",
	run:     check,
}

func check(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	phone := flags.String("phone", "", "the `PHONE` that would get the message, such as +447700900123")
	ip := flags.String("ip", "", "the IP `ADDRESS` of the app's user")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	settings, err := config.Load(sh.env, all.Drivers(), false, nil)
	for _, warning := range settings.Warnings {
		fmt.Fprintln(sh.stdout, sh.in(yellow, "warning   "+warning))
	}
	if err != nil {
		sh.fail(c, err)
		return sh.verdict(settings, []string{"the settings"})
	}
	a, err := app.New(settings.WithoutStore(), version(), app.NewLog(settings, io.Discard), sh.stdout)
	if err != nil {
		sh.fail(c, err)
		return sh.verdict(settings, []string{"the settings"})
	}
	if *phone != "" || *ip != "" {
		return sh.trace(ctx, c, settings, a, typed(*phone), *ip)
	}
	fmt.Fprintln(sh.stdout, "settings  ok")
	var wrong []string
	store, err := app.CheckStore(ctx, settings)
	if err != nil {
		store = sh.in(red, err.Error())
		wrong = append(wrong, "the store")
	}
	fmt.Fprintf(sh.stdout, "store     %s\n", store)
	if err == nil {
		if !checkHook(ctx, sh, settings) {
			wrong = append(wrong, "the SQL hook")
		}
	}
	printTexts(sh.stdout, settings)
	printPolicy(sh.stdout, settings)
	printRoutes(sh.stdout, settings)
	wrong = append(wrong, sh.checkInstances(ctx, a.Dispatcher.Instances)...)
	printReceipts(sh.stdout, settings, a.Dispatcher.Instances)
	return sh.verdict(settings, wrong)
}

// verdict prints the last line of check, and returns the exit code.
func (sh *shell) verdict(settings config.Config, wrong []string) int {
	if len(wrong) > 0 {
		fmt.Fprintln(sh.stdout, sh.in(red, "verdict   not ready: fix "+strings.Join(wrong, ", ")))
		return exitFail
	}
	text := "verdict   ready"
	if n := len(settings.Warnings); n > 0 {
		text = fmt.Sprintf("%s, with warnings: %d", text, n)
	}
	fmt.Fprintln(sh.stdout, sh.in(green, text))
	return exitOK
}

// checkInstances tries the credentials of all instances at the same time, and prints what was found in the order of the instances.
// It returns the names of those with a problem.
func (sh *shell) checkInstances(ctx context.Context, instances []*race.Instance) (wrong []string) {
	type result struct {
		found string
		ok    bool
	}
	results := make([]chan result, len(instances))
	for i, instance := range instances {
		results[i] = make(chan result, 1)
		go func() {
			found, ok := app.CheckInstance(ctx, instance)
			results[i] <- result{found, ok}
		}()
	}
	for i, instance := range instances {
		sh.progress(fmt.Sprintf("waiting for %s (%d of %d)", instance.Name, i+1, len(instances)))
		r := <-results[i]
		sh.progress("")
		if !r.ok {
			wrong = append(wrong, instance.Name)
			r.found = sh.in(red, r.found)
		}
		fmt.Fprintf(sh.stdout, "instance  %s: %s\n", instance.Name, r.found)
	}
	return wrong
}

// checkHook calls the hook in SQL, if the store has it, and reports whether it works. Where Auth calls over HTTP, it isn't needed.
func checkHook(ctx context.Context, sh *shell, settings config.Config) bool {
	hook, err := app.CheckHook(ctx, settings)
	if err != nil {
		hook = sh.in(red, err.Error())
	}
	if hook != "" {
		fmt.Fprintf(sh.stdout, "sql hook  %s\n", hook)
	}
	return err == nil
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
