package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/all"
	hookcalls "github.com/smshook/smshook/testdata/hook"
)

var demoCommand = command{
	name:    "demo",
	args:    "[-dir DIR]",
	summary: "show every kind of call, from the signed request to the text and the answer",
	help: `
Starts a server with a new secret on a free port. It prints messages and doesn't send them. Then demo makes calls that a real Auth
server has made, with Supabase Auth's signature, and prints the number, the text and the answer of each. It exits with 1 if a text
or an answer is not the expected one. With -dir it makes your own calls.`,
	example: "smshook demo\nsmshook demo -dir calls",
	run:     demo,
}

func demo(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	dir := flags.String("dir", "", "the `FOLDER` with your own calls (*.json) and the expected results (*.golden)")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	var folder fs.FS = hookcalls.Files
	if *dir != "" {
		folder = os.DirFS(*dir)
	}
	files, err := fs.Glob(folder, "*.json")
	if err != nil || len(files) == 0 {
		return sh.fail(c, fmt.Errorf("there are no calls (*.json) in %s", *dir))
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(callName(a), callName(b)) })
	d, err := startDemo(ctx, sh)
	if err != nil {
		return sh.fail(c, err)
	}
	defer d.stop()
	failed := 0
	for _, file := range files {
		name := callName(file)
		result, err := d.play(ctx, folder, file)
		if err != nil {
			return sh.fail(c, fmt.Errorf("%s: %w", name, err))
		}
		fmt.Fprintf(sh.stdout, "%-40s %s\n%40s → %s\n", name, result.sent, "", result.answer)
		for _, problem := range result.problems {
			fmt.Fprintf(sh.stdout, "%40s WRONG: %s\n", "", problem)
		}
		if len(result.problems) > 0 {
			failed++
		}
	}
	if err := d.stop(); err != nil {
		return sh.fail(c, err)
	}
	if failed > 0 {
		return sh.fail(c, fmt.Errorf("%d of %d calls have another result than expected", failed, len(files)))
	}
	fmt.Fprintf(sh.stdout, "\nall %d calls have the expected result\n", len(files))
	return exitOK
}

func callName(file string) string { return strings.TrimSuffix(file, ".json") }

// demonstration is a running server and a client that calls it as Auth does.
type demonstration struct {
	phones *screen
	caller hook.Caller
	url    string
	stop   func() error
}

func startDemo(ctx context.Context, sh *shell) (*demonstration, error) {
	// The environment is not used: the demo shows the same everywhere.
	settings, err := config.Load(nil, all.Drivers(), true, config.Defaults{
		"PROVIDERS": "console", "SECRETS": hook.NewSecret(), "LOG_LEVEL": "warn", "POLICY": "observe",
	})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &demonstration{
		phones: &screen{},
		caller: hook.Caller{HTTP: &http.Client{Transport: &http.Transport{}}, Secrets: settings.Secrets},
		url:    "http://" + listener.Addr().String() + server.HookPath,
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	quiet := &shell{stdout: d.phones, stderr: sh.stderr}
	go func() { ended <- quiet.serve(ctx, settings, quiet.loader(true, nil), listener, 0) }()
	d.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	return d, nil
}

// demoResult is the result of one call.
type demoResult struct {
	sent     string // number and text
	answer   string
	problems []string // differences from the expected result
}

func (d *demonstration) play(ctx context.Context, folder fs.FS, file string) (demoResult, error) {
	body, err := fs.ReadFile(folder, file)
	if err != nil {
		return demoResult{}, err
	}
	golden, err := fs.ReadFile(folder, callName(file)+".golden")
	if err != nil {
		return demoResult{}, err
	}
	seen, err := d.caller.Call(ctx, d.url, body)
	if err != nil {
		return demoResult{}, err
	}
	if seen.Reply == nil {
		return demoResult{}, errors.New(seen.Message)
	}
	shown := d.phones.take()
	result := demoResult{sent: oneLine(shown), answer: replyLine(seen)}
	if want := section(golden, "phone"); shown != want {
		result.problems = append(result.problems, "expected on the phone: "+oneLine(want))
	}
	if want := section(golden, "reply"); result.answer+"\n" != want {
		result.problems = append(result.problems, "expected answer: "+strings.TrimSpace(want))
	}
	return result, nil
}

// section returns the lines of a golden file between "-- name --" and the next such line.
func section(golden []byte, name string) string {
	_, rest, _ := strings.Cut("\n"+string(golden), "\n-- "+name+" --\n")
	content, _, _ := strings.Cut("\n"+rest, "\n-- ")
	content = strings.TrimPrefix(content, "\n")
	if content != "" && !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	return content
}

// screen keeps the text that the provider console prints.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// take returns the text since the last take, without empty lines.
func (s *screen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for line := range strings.SplitSeq(s.text.String(), "\n") {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line+"\n")
		}
	}
	s.text.Reset()
	return strings.Join(lines, "")
}

func oneLine(shown string) string {
	if shown == "" {
		return "(no message)"
	}
	return strings.Join(strings.Fields(shown), " ")
}
