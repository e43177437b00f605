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
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers/all"
)

func main() { mainWith(linger) }

// mainWith is main. Tests run it in processes of their own, and need not linger.
func mainWith(linger time.Duration) {
	// net/http's client logs with the global logger only, and quotes what a provider sends after its answer.
	log.SetOutput(io.Discard)
	collectLess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	sh := &shell{env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, linger: linger}
	sh.colours = isTerminal(os.Stdout) && wantsColours(sh.env)
	sh.tellsProgress = isTerminal(os.Stderr)
	os.Exit(sh.run(ctx, os.Args[1:]))
}

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// exitCodes is the help about them.
const exitCodes = `Exit codes:
  0  it worked, and nothing is wrong
  1  it failed, or something is wrong: the last lines say what
  2  there is no such command or flag, or an argument is wrong
`

// shell is the environment of a command.
type shell struct {
	env    []string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	linger time.Duration // how long serve goes on taking calls after it was told to stop

	colours       bool                // whether stdout shows colours
	tellsProgress bool                // whether stderr is a terminal, where a line can be replaced
	inspect       func(*flag.FlagSet) // gets the flags of the command instead of its run; nil to run it
}

// command is one of smshook's commands.
type command struct {
	name    string
	args    string // the arguments in the usage line
	summary string
	help    string
	example string   // one command a line
	choices []string // what its argument may be, if that is one of a few words
	run     func(ctx context.Context, sh *shell, c command, args []string) int
}

func commands() []command {
	return []command{
		serveCommand,
		devCommand,
		initCommand,
		checkCommand,
		sendCommand,
		signCommand,
		secretCommand,
		migrateCommand,
		messagesCommand,
		guardCommand,
		demoCommand,
		healthcheckCommand,
		completionCommand(),
		manCommand(),
		versionCommand,
	}
}

// run runs the command that args name, or serve if there is none. It returns the exit code.
func (sh *shell) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		return serveCommand.run(ctx, sh, serveCommand, nil)
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			return sh.run(ctx, []string{args[1], "-h"})
		}
		sh.usage(sh.stdout)
		return exitOK
	case "-v", "-version", "--version":
		return versionCommand.run(ctx, sh, versionCommand, nil)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, sh, c, args[1:])
		}
	}
	fmt.Fprintf(sh.stderr, "smshook: there is no command %q%s\n\n", args[0], didYouMean(args[0], commandNames()))
	sh.usage(sh.stderr)
	return exitUsage
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// didYouMean is the end of an error about a name that doesn't exist. It is empty if no known name is similar.
func didYouMean(name string, known []string) string {
	nearest, ok := config.Nearest(name, known)
	if !ok {
		return ""
	}
	return "; did you mean " + nearest + "?"
}

func (sh *shell) usage(w io.Writer) {
	fmt.Fprint(w, "smshook answers Supabase Auth's Send SMS hook.\n\nUsage: smshook [command]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`smshook COMMAND -h` says more about a command; `smshook serve -h` lists all settings.\n\n", exitCodes)
}

// parse reads a command's flags. If ok is false, the command must end with the exit code.
func (sh *shell) parse(c command, flags *flag.FlagSet, args []string, wantArgs int) (code int, ok bool) {
	return sh.parseBetween(c, flags, args, wantArgs, wantArgs)
}

// parseUpTo is parse for a command with arguments that may be missing.
func (sh *shell) parseUpTo(c command, flags *flag.FlagSet, args []string, mostArgs int) (code int, ok bool) {
	return sh.parseBetween(c, flags, args, 0, mostArgs)
}

func (sh *shell) parseBetween(c command, flags *flag.FlagSet, args []string, least, most int) (code int, ok bool) {
	if sh.inspect != nil {
		sh.inspect(flags)
		return exitOK, false
	}
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		sh.commandHelp(sh.stdout, c, flags)
		return exitOK, false
	}
	if n := flags.NArg(); err == nil && (n < least || n > most) {
		err = fmt.Errorf("want %d argument(s), got %d; flags must be before them", most, n)
	}
	if err != nil {
		fmt.Fprintf(sh.stderr, "smshook %s: %v%s\n\n", c.name, err, similarFlag(err, flags))
		sh.commandHelp(sh.stderr, c, flags)
		return exitUsage, false
	}
	return exitOK, true
}

// similarFlag is the end of an error of the package flag, if it is about a flag that doesn't exist.
func similarFlag(err error, flags *flag.FlagSet) string {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: ")
	if !ok {
		return ""
	}
	var known []string
	flags.VisitAll(func(f *flag.Flag) { known = append(known, "-"+f.Name) })
	return didYouMean(name, known)
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
	fmt.Fprintf(w, "\nExamples:\n  %s\n", strings.ReplaceAll(c.example, "\n", "\n  "))
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
