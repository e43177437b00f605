// Command smshook answers Supabase Auth's Send SMS hook.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers/all"
)

func main() {
	// net/http's client has no logger but the global one, and quotes there what an instance sends without being asked.
	log.SetOutput(io.Discard)
	collectLess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// shell is what a command has to do with the world.
type shell struct {
	env    []string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// command is one of smshook's commands.
type command struct {
	name    string
	args    string // the arguments in the usage line
	summary string
	help    string
	run     func(ctx context.Context, sh *shell, c command, args []string) int
}

func commands() []command {
	return []command{
		serveCommand,
		devCommand,
		checkCommand,
		sendCommand,
		signCommand,
		secretCommand,
		demoCommand,
		healthcheckCommand,
		versionCommand,
	}
}

// run is the program. Without a command it serves.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	sh := &shell{env, stdin, stdout, stderr}
	if len(args) == 0 {
		return serveCommand.run(ctx, sh, serveCommand, nil)
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			return run(ctx, []string{args[1], "-h"}, env, stdin, stdout, stderr)
		}
		sh.usage(stdout)
		return exitOK
	case "-v", "-version", "--version":
		return versionCommand.run(ctx, sh, versionCommand, nil)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, sh, c, args[1:])
		}
	}
	fmt.Fprintf(stderr, "smshook: there is no command %q\n\n", args[0])
	sh.usage(stderr)
	return exitUsage
}

func (sh *shell) usage(w io.Writer) {
	fmt.Fprint(w, "smshook answers Supabase Auth's Send SMS hook.\n\nUsage: smshook [command]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`smshook COMMAND -h` says more about a command; `smshook serve -h` lists all settings.\n")
}

// parse reads a command's flags. If ok is false, the command must end with the exit code.
func (sh *shell) parse(c command, flags *flag.FlagSet, args []string, wantArgs int) (code int, ok bool) {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		sh.commandHelp(sh.stdout, c, flags)
		return exitOK, false
	}
	if err == nil && flags.NArg() != wantArgs {
		err = fmt.Errorf("want %d argument(s), got %d; flags must be before them", wantArgs, flags.NArg())
	}
	if err != nil {
		fmt.Fprintf(sh.stderr, "smshook %s: %v\n\n", c.name, err)
		sh.commandHelp(sh.stderr, c, flags)
		return exitUsage, false
	}
	return exitOK, true
}

func (sh *shell) commandHelp(w io.Writer, c command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.TrimSpace("smshook "+c.name+" "+c.args), strings.TrimSpace(c.help))
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprintln(w, "\nFlags:")
			first = false
		}
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  -%s\n      %s\n", strings.TrimSpace(f.Name+" "+value), usage)
	})
}

// load reads the settings. If there are errors, it prints them and the warnings, and returns false.
func (sh *shell) load(c command, dev bool, defaults config.Defaults) (config.Config, bool) {
	settings, err := config.Load(sh.env, all.Drivers(), dev, defaults)
	if err == nil {
		return settings, true
	}
	for _, warning := range settings.Warnings {
		fmt.Fprintf(sh.stderr, "smshook %s: %s\n", c.name, warning)
	}
	sh.fail(c, err)
	return config.Config{}, false
}

// fail prints an error, and each of its lines as a line of its own. It returns the exit code.
func (sh *shell) fail(c command, err error) int {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(sh.stderr, "smshook %s: %s\n", c.name, line)
	}
	return exitFail
}
