package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers/all"
)

var serveCommand = command{
	name:    "serve",
	summary: "answer the hook (also the command if there is none)",
	help: `
Answers Supabase Auth's Send SMS hook at POST /hooks/send-sms until it gets SIGTERM or SIGINT. Then it first answers the calls that
it has. GET /healthz says that the process runs, GET /readyz that it accepts calls.

All settings come from the environment. A setting may also be in a file: then the variable with the same name and _FILE has the
file's path.` + settingsHelp,
	example: "smshook serve\nset -a; . ./smshook.env; set +a; smshook serve",
	run:     serve,
}

// settingsHelp is the end of the help of serve.
var settingsHelp = "\n\nThe settings are:\n\n" + config.Text(config.Describe(all.Drivers()))

func serve(ctx context.Context, sh *shell, c command, args []string) int {
	if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
		return code
	}
	settings, ok := sh.load(c, false, nil)
	if !ok {
		return exitFail
	}
	listener, err := net.Listen("tcp", settings.Addr)
	if err != nil {
		return sh.fail(c, listenError("ADDR", err))
	}
	go debug.FreeOSMemory() // the start has allocated 2 MB that are no longer in use
	if err := sh.serve(ctx, settings, sh.loader(false, nil), listener, sh.linger); err != nil {
		return sh.fail(c, err)
	}
	return exitOK
}

// loader reads the settings.
type loader func() (config.Config, error)

func (sh *shell) loader(dev bool, defaults config.Defaults) loader {
	return func() (config.Config, error) { return config.Load(sh.env, all.Drivers(), dev, defaults) }
}

// linger is how long the program goes on taking calls after SIGTERM, while /readyz says no: a load balancer needs a moment to
// notice.
const linger = time.Second

// serve runs the program on a listener until ctx ends, and then for as long as it lingers. The log goes to stderr. On SIGHUP the
// settings are loaded again. Before the program takes calls, it is prepared.
func (sh *shell) serve(ctx context.Context, settings config.Config, load loader, listener net.Listener, linger time.Duration, prepare ...func(*app.App)) error {
	signal.Ignore(syscall.SIGPIPE) // the log's reader may go away: calls must still be answered
	logBuffer := app.NewLogBuffer(sh.stderr)
	defer logBuffer.Close()
	log := app.NewLog(settings, logBuffer)
	a, err := app.New(settings, version(), log, sh.stdout)
	if err != nil {
		listener.Close()
		return err
	}
	defer a.Close()
	for _, f := range prepare {
		f(a)
	}
	var admin net.Listener
	if settings.AdminAddr != "" {
		if admin, err = net.Listen("tcp", settings.AdminAddr); err != nil {
			listener.Close()
			return listenError("ADMIN_ADDR", err)
		}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go a.ReloadOn(ctx, hangups, load)
	go keepRoom(ctx)
	for _, warning := range settings.Warnings {
		log.Warn().Msg(warning)
	}
	log.Info().
		Str("version", version()).
		Str("addr", listener.Addr().String()).
		Strs("instances", instanceNames(settings)).
		Msg("serving")
	return a.Serve(ctx, listener, admin, linger)
}

// listenError says why the program can't listen on an address. It doesn't quote the address, which may be a misplaced secret.
func listenError(setting string, err error) error {
	reason := errors.New("there is no such address on this machine")
	var system *os.SyscallError
	if errors.As(err, &system) {
		reason = system.Err
	}
	return fmt.Errorf("%s%s: %w", config.Prefix, setting, reason)
}

func instanceNames(settings config.Config) []string {
	var names []string
	for _, instance := range settings.Providers {
		names = append(names, instance.Name)
	}
	return names
}
