package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/all"
)

// maxAsks is how often one question is asked before init gives up.
const maxAsks = 3

// questions asks what decides about the other settings.
func (s *setup) questions(ctx context.Context) error {
	ways := []string{hosted, docker, cli, other}
	if err := s.choose(ctx, "supabase", &s.supabase, "Which Supabase: hosted, docker (supabase/docker), cli (Supabase CLI) or other (Auth on its own)?", ways); err != nil {
		return err
	}
	if err := s.choose(ctx, "by", &s.by, "How does Auth ask for a message: http, or sql (a function in its own database, which smshook must reach)?", []string{byHTTP, bySQL}); err != nil {
		return err
	}
	s.take(config.Prefix+"SECRETS", config.Prefix+"STORE")
	switch {
	case s.by == bySQL && s.store == "" && !s.has(config.Prefix+"STORE"):
		if err := s.text(ctx, "store", &s.store, "The URL of Auth's database: postgres://smshook:PASSWORD@HOST:5432/postgres", true, new(config.Store).UnmarshalText); err != nil {
			return err
		}
	case s.by == byHTTP && (s.supabase == hosted || s.supabase == other):
		if err := s.text(ctx, "url", &s.url, "The URL at which Supabase will reach smshook, such as https://sms.example.com", false, new(receipt.Site).UnmarshalText); err != nil {
			return err
		}
	}
	var names []string
	for _, d := range all.Drivers() {
		if !d.Dev {
			names = append(names, d.Name)
		}
	}
	if err := s.choose(ctx, "provider", &s.provider, "Which provider: "+strings.Join(names, ", ")+"?", names); err != nil {
		return err
	}
	if err := s.optional(ctx, "app", &s.app, "The name of your app, for the text (empty: none)", nil); err != nil {
		return err
	}
	return s.optional(ctx, "countries", &s.countries, "The only countries whose numbers get messages, such as GB, IE (empty: all)", new(policy.Countries).UnmarshalText)
}

// complete makes the settings from the answers. The loader of settings then says what is missing or wrong, and that is asked for until
// nothing is.
func (s *setup) complete(ctx context.Context) error {
	if s.store != "" {
		s.set(config.Prefix+"STORE", s.store)
	}
	if s.by == bySQL {
		if !s.has(config.Prefix + "STORE_KEY") {
			s.set(config.Prefix+"STORE_KEY", hook.NewSecret())
		}
	} else {
		s.secretOfHook()
	}
	if !s.has(config.Prefix + "PROVIDERS") {
		s.set(config.Prefix+"PROVIDERS", s.provider)
	}
	for _, answer := range [][2]string{{"APP", s.app}, {"COUNTRIES", s.countries}, {"PUBLIC_URL", s.url}} {
		if name := config.Prefix + answer[0]; answer[1] != "" && !s.has(name) {
			s.set(name, answer[1])
		}
	}
	if s.has(config.Prefix+"PUBLIC_URL") && !s.has(config.Prefix+"RECEIPT_SECRET") {
		s.set(config.Prefix+"RECEIPT_SECRET", hook.NewSecret())
	}
	s.take(s.described()...)
	for {
		_, err := s.load()
		if err == nil {
			return nil
		}
		if s.noInput {
			return err
		}
		if err := s.askFor(ctx, err); err != nil {
			return err
		}
	}
}

func (s *setup) load() (config.Config, error) {
	return config.Load(s.environ(), all.Drivers(), false, nil)
}

// take takes settings from the environment, where they are not set yet.
func (s *setup) take(names ...string) {
	for _, entry := range s.env {
		name, value, _ := strings.Cut(entry, "=")
		setting := strings.TrimSuffix(name, "_FILE")
		if value != "" && slices.Contains(names, setting) && !s.has(setting) {
			s.set(name, value)
		}
	}
}

// described returns the names of the provider's settings.
func (s *setup) described() (names []string) {
	for _, section := range config.Describe(all.Drivers()) {
		for _, d := range section.Settings {
			if strings.HasPrefix(d.Name, strings.ToUpper(s.provider)+"_") {
				names = append(names, d.Name)
			}
		}
	}
	return names
}

// askFor asks for the settings that the loader's error names.
func (s *setup) askFor(ctx context.Context, problems error) error {
	asked := false
	joined, ok := problems.(interface{ Unwrap() []error })
	if !ok {
		return problems
	}
	for _, err := range joined.Unwrap() {
		var p providers.Problem
		if !errors.As(err, &p) || s.asked[p.Setting] == maxAsks {
			return problems
		}
		s.asked[p.Setting]++
		value, err := s.ask(ctx, p.Setting+" "+p.Want, "", secretSetting(p.Setting))
		if err != nil {
			return err
		}
		if name, rest, found := strings.Cut(value, "="); found && slices.Contains(s.described(), name) {
			p.Setting, value = name, rest // another setting than the one that was asked for
		}
		if value != "" {
			s.set(p.Setting, value)
		}
		asked = true
	}
	if !asked {
		return problems
	}
	return nil
}

func secretSetting(name string) bool {
	for _, section := range config.Describe(all.Drivers()) {
		for _, d := range section.Settings {
			if d.Name == name {
				return d.Secret
			}
		}
	}
	return true // what isn't known could be one
}

// choose asks for one of a few words, unless its flag is set.
func (s *setup) choose(ctx context.Context, name string, value *string, question string, choices []string) error {
	return s.text(ctx, name, value, question, false, func(text []byte) error {
		if slices.Contains(choices, string(text)) {
			return nil
		}
		return fmt.Errorf("want one of %s%s", strings.Join(choices, ", "), didYouMean(string(text), choices))
	})
}

// optional is text for an answer that may be empty.
func (s *setup) optional(ctx context.Context, name string, value *string, question string, check func([]byte) error) error {
	return s.text(ctx, name, value, question, false, func(text []byte) error {
		if len(text) == 0 || check == nil {
			return nil
		}
		return check(text)
	})
}

// text asks a question, unless its flag is set, until check takes the answer.
func (s *setup) text(ctx context.Context, name string, value *string, question string, hidden bool, check func([]byte) error) error {
	if s.given[name] || s.noInput {
		if err := check([]byte(*value)); err != nil {
			return fmt.Errorf("-%s: %w", name, err)
		}
		return nil
	}
	preset := *value
	for range maxAsks {
		answer, err := s.ask(ctx, question, preset, hidden)
		if err != nil {
			return err
		}
		if err = check([]byte(answer)); err == nil {
			*value = answer
			return nil
		}
		fmt.Fprintf(s.stdout, "%v\n", err)
	}
	return fmt.Errorf("-%s has no value that can be used", name)
}

// ask asks a question. An empty answer is the preset one. A hidden answer is not shown while it is typed.
func (s *setup) ask(ctx context.Context, question, preset string, hidden bool) (string, error) {
	if preset != "" {
		question += " [" + preset + "]"
	}
	fmt.Fprint(s.stdout, question+": ")
	answer, err := readLine(ctx, s.stdin, hidden)
	if err != nil {
		fmt.Fprintln(s.stdout)
		return "", err
	}
	return cmp.Or(strings.TrimSpace(answer), preset), nil
}

// maxLine is longer than any setting that is typed, in bytes.
const maxLine = 16 << 10

var errNoAnswer = errors.New("the input has ended: give the answers by flags, with -no-input")

// readLine reads a line, until ctx ends. Then the terminal shows again what is typed.
func readLine(ctx context.Context, in io.Reader, hidden bool) (string, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	file, isFile := in.(*os.File)
	if hidden && isFile && isTerminal(file) {
		before, err := term.GetState(int(file.Fd()))
		if err != nil {
			return "", err
		}
		go func() {
			text, err := term.ReadPassword(int(file.Fd()))
			lines <- line{string(text), err}
		}()
		select {
		case l := <-lines:
			if errors.Is(l.err, io.EOF) {
				l.err = errNoAnswer
			}
			return l.text, l.err
		case <-ctx.Done():
			_ = term.Restore(int(file.Fd()), before)
			return "", ctx.Err()
		}
	}
	go func() {
		text, err := readBytes(in)
		lines <- line{text, err}
	}()
	select {
	case l := <-lines:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readBytes reads a line byte by byte: what follows it belongs to the next question.
func readBytes(in io.Reader) (string, error) {
	var text []byte
	next := make([]byte, 1)
	for len(text) < maxLine {
		n, err := in.Read(next)
		switch {
		case n == 1 && next[0] == '\n':
			return string(text), nil
		case n == 1:
			text = append(text, next[0])
		case errors.Is(err, io.EOF) && len(text) > 0:
			return string(text), nil
		case errors.Is(err, io.EOF):
			return "", errNoAnswer
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
	}
	return "", errors.New("the answer is too long")
}
