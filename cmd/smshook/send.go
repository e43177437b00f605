package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"time"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

var sendCommand = command{
	name:    "send",
	args:    "[-code CODE | -api URL [-from SENDER] [-text TEXT]] PHONE",
	summary: "really send a test message to a phone",
	help: `
Sends a message with a code to PHONE, such as +447700900123, with the settings of serve, and prints the attempt of each instance.
The provider charges for it. Auth doesn't know the code: it can't be used to sign in.

With -api, asks a running server to send a text instead, by its message API, as the apps that use it do. URL is the server's address,
such as http://localhost:8080, and MESSAGE_API_KEY holds the key of a caller. Prints the answer.`,
	example: "smshook send +447700900123",
	run:     send,
}

// codeShape matches what providers accept as a code. Auth's codes have 6 to 10 digits.
var codeShape = regexp.MustCompile(`^[0-9]{4,10}$`)

func send(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	code := flags.String("code", "", "the `CODE` in the message; by default six random digits")
	m := apiMessage{Body: "A test message of smshook"}
	url := flags.String("api", "", "the `URL` of a running server, whose message API is asked")
	flags.StringVar(&m.From, "from", "", "with -api: the `SENDER`; by default any")
	flags.StringVar(&m.Body, "text", m.Body, "with -api: the `TEXT`")
	if exit, ok := sh.parse(c, flags, args, 1); !ok {
		return exit
	}
	if *url != "" {
		m.To = typed(flags.Arg(0))
		return sendByAPI(ctx, sh, c, *url, m)
	}
	if *code == "" {
		*code = randomDigits(6)
	}
	if !codeShape.MatchString(*code) {
		fmt.Fprintf(sh.stderr, "smshook %s: -code: want 4 to 10 digits\n", c.name)
		return exitUsage
	}
	// No hook is called, and the secret may be missing.
	settings, ok := sh.load(c, false, config.Defaults{"SECRETS": hook.NewSecret()})
	if !ok {
		return exitFail
	}
	a, err := app.New(settings.WithoutStore(), version(), app.NewLog(settings, io.Discard), sh.stdout)
	if err != nil {
		return sh.fail(c, err)
	}
	outcome := a.Dispatcher.Send(ctx, dispatch.Request{
		ID:         providers.NewUUID(),
		Phone:      providers.NewSecret(typed(flags.Arg(0))),
		Code:       providers.NewSecret(*code),
		ReceivedAt: time.Now(),
	})
	for _, attempt := range outcome.Attempts {
		printAttempt(sh.stdout, attempt)
	}
	if outcome.Reason != nil {
		fmt.Fprintln(sh.stdout, outcome.Reason)
	}
	fmt.Fprintln(sh.stdout, outcome.Result)
	if outcome.Result != dispatch.Accepted {
		return exitFail
	}
	return exitOK
}

func printAttempt(w io.Writer, t race.Attempt) {
	took := t.Took.Round(time.Millisecond)
	if t.Err != nil {
		fmt.Fprintf(w, "%s  %v  %v\n", t.Instance, took, t.Err)
		return
	}
	fmt.Fprintf(w, "%s  %v  accepted as %v\n", t.Instance, took, t.Sent.IDs)
}

// randomDigits returns n random digits, like Auth's codes.
func randomDigits(n int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	number, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic(err) // the reader never fails
	}
	return fmt.Sprintf("%0*d", n, number)
}
