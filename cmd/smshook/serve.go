package main

import (
	"context"
	"flag"
	"net"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers/all"
)

var serveCommand = command{
	name:    "serve",
	summary: "answer the hook (what smshook does without a command)",
	help: `
Answers Supabase Auth's Send SMS hook at POST /hooks/send-sms, until it gets SIGTERM or SIGINT; then it lets the calls in
flight finish. GET /healthz says that the process lives, GET /readyz that it takes calls.

All settings come from the environment. Each may also be in a file, whose path is in the variable of its name with _FILE
behind it. They are:

` + config.Text(config.Describe(all.Drivers())),
	run: serve,
}

func serve(ctx context.Context, sh *shell, c command, args []string) int {
	if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
		return code
	}
	settings, err := config.Load(sh.env, all.Drivers(), false, nil)
	if err != nil {
		return sh.fail(c, err)
	}
	listener, err := net.Listen("tcp", settings.Addr)
	if err != nil {
		return sh.fail(c, err)
	}
	if err := sh.serve(ctx, settings, listener); err != nil {
		return sh.fail(c, err)
	}
	return exitOK
}

// serve runs the program on a listener until ctx ends. The log goes to stderr.
func (sh *shell) serve(ctx context.Context, settings config.Config, listener net.Listener) error {
	log := app.NewLog(settings, sh.stderr)
	a, err := app.New(settings, log, sh.stdout)
	if err != nil {
		listener.Close()
		return err
	}
	for _, warning := range settings.Warnings {
		log.Warn().Msg(warning)
	}
	log.Info().
		Str("version", version()).
		Str("addr", listener.Addr().String()).
		Strs("carriers", carrierNames(settings)).
		Msg("serving")
	return a.Serve(ctx, listener)
}

func carrierNames(settings config.Config) []string {
	var names []string
	for _, instance := range settings.Instances {
		names = append(names, instance.Name)
	}
	return names
}
