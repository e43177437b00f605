package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
)

var initCommand = command{
	name:    "init",
	args:    "[flags]",
	summary: "ask what matters, write the file of settings, and say what to enter at Supabase",
	help: `
Asks which Supabase you use, which provider sends, its credentials, your app's name and the countries. It writes the settings to a file
that only its owner can read, and prints what to enter at Supabase and at the provider. Then it offers check and send.

Each answer can be a flag, and what has a flag is not asked. With -no-input nothing is asked: what is missing is then an error.
Credentials that are in the environment already, such as TWILIO_AUTH_TOKEN, are taken from there. Secrets that you type are not shown.`,
	example: "smshook init\n" +
		"smshook init -no-input -supabase docker -provider twilio -app Acme -countries GB,IE -set TWILIO_FROM=+447700900000",
	run: initialise,
}

// setup is what init knows.
type setup struct {
	*shell
	supabase, by, provider, app, countries, url, store string
	file, phone                                        string
	force, noInput, check                              bool

	given   map[string]bool // the flags that are set
	values  map[string]string
	order   []string // the names of values, in the order in which they were set first
	asked   map[string]int
	newHook bool // the hook's secret is new, and was typed by nobody
}

// The ways to run Supabase, and the ways in which Auth calls.
const (
	hosted = "hosted"
	docker = "docker"
	cli    = "cli"
	other  = "other"
	byHTTP = "http"
	bySQL  = "sql"
)

func initialise(ctx context.Context, sh *shell, c command, args []string) int {
	s := &setup{shell: sh, given: map[string]bool{}, values: map[string]string{}, asked: map[string]int{}}
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.StringVar(&s.supabase, "supabase", hosted, "`WHICH` Supabase: hosted, docker (supabase/docker), cli (Supabase CLI) or other (Auth on its own)")
	flags.StringVar(&s.by, "by", byHTTP, "`HOW` Auth asks for a message: http, or sql (a function in its own database, which smshook must reach)")
	flags.StringVar(&s.store, "store", "", "the `URL` of that database, for sql: postgres://smshook:PASSWORD@HOST:5432/postgres")
	flags.StringVar(&s.url, "url", "", "the `URL` at which Supabase and the provider reach smshook, such as https://sms.example.com")
	flags.StringVar(&s.provider, "provider", "", "the `PROVIDER`, such as twilio")
	flags.StringVar(&s.app, "app", "", "the `NAME` of your app, for the text")
	flags.StringVar(&s.countries, "countries", "", "the only `COUNTRIES` whose numbers get messages, such as GB,IE; if it is empty, all do")
	flags.Func("set", "another setting, `NAME=VALUE`; may be repeated", s.setFlag)
	flags.StringVar(&s.file, "file", "smshook.env", "the `FILE` to write")
	flags.BoolVar(&s.force, "force", false, "replace the file if it exists")
	flags.BoolVar(&s.noInput, "no-input", false, "ask nothing")
	flags.BoolVar(&s.check, "check", false, "check the credentials at the end")
	flags.StringVar(&s.phone, "send", "", "send a test message to this `PHONE` at the end: the provider charges for it")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	flags.Visit(func(f *flag.Flag) { s.given[f.Name] = true })
	if err := s.make(ctx); err != nil {
		return sh.fail(c, err)
	}
	return s.offer(ctx)
}

func (s *setup) make(ctx context.Context) error {
	if _, err := os.Lstat(s.file); err == nil && !s.force {
		return fmt.Errorf("%s exists already: name another one with -file, or replace it with -force", s.file)
	}
	for _, step := range []func(context.Context) error{s.questions, s.complete} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := s.write(); err != nil {
		return err
	}
	settings, err := s.load()
	if err != nil {
		return err
	}
	for _, warning := range settings.Warnings {
		fmt.Fprintln(s.stdout, s.in(yellow, "warning: "+warning))
	}
	s.tell(settings)
	return nil
}

// set keeps a setting.
func (s *setup) set(name, value string) {
	if _, found := s.values[name]; !found {
		s.order = append(s.order, name)
	}
	s.values[name] = value
}

// setFlag reads NAME=VALUE. Its errors quote no value.
func (s *setup) setFlag(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return errors.New("want NAME=VALUE")
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("%s: want a value of one line; %s_FILE can have the path of a file", name, name)
	}
	s.set(name, value)
	return nil
}

// environ returns the settings, smshook's own first.
func (s *setup) environ() []string {
	var own, others []string
	for _, name := range s.order {
		if entry := name + "=" + s.values[name]; strings.HasPrefix(name, config.Prefix) {
			own = append(own, entry)
		} else {
			others = append(others, entry)
		}
	}
	return append(own, others...)
}

// write writes the file under another name first: a file that exists is whole at any time.
func (s *setup) write() error {
	var b strings.Builder
	b.WriteString("# Settings of smshook. `smshook serve -h` lists all of them. No quotes around values.\n")
	for _, entry := range s.environ() {
		b.WriteString(entry + "\n")
	}
	if !s.force {
		err := create(s.file, b.String())
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%s exists already", s.file)
		}
		return err
	}
	fresh := s.file + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(fresh, b.String()); err != nil {
		return err
	}
	return os.Rename(fresh, s.file)
}

// offer runs check and send, if that is wanted.
func (s *setup) offer(ctx context.Context) int {
	asks := !s.noInput && !s.given["check"]
	if asks {
		answer, err := s.ask(ctx, "\nTry the credentials now? It costs nothing. (yes or no)", "yes", false)
		s.check = err == nil && strings.HasPrefix(strings.ToLower(answer), "y")
	}
	sh := *s.shell
	sh.env = s.environ()
	if s.check {
		if code := check(ctx, &sh, checkCommand, nil); code != exitOK {
			return code
		}
	}
	if !s.noInput && !s.given["send"] {
		s.phone, _ = s.ask(ctx, "\nYour own number, for a test message that the provider charges for, such as +447700900123 (empty: none)", "", false)
	}
	if s.phone == "" {
		return exitOK
	}
	return send(ctx, &sh, sendCommand, []string{"--", s.phone})
}

// secretOfHook makes the hook's secret, unless there is one.
func (s *setup) secretOfHook() {
	if s.has(config.Prefix + "SECRETS") {
		return
	}
	s.newHook = true
	s.set(config.Prefix+"SECRETS", hook.NewSecret())
}

// has reports whether a setting has a value, or a file with one.
func (s *setup) has(name string) bool { return s.values[name] != "" || s.values[name+"_FILE"] != "" }
