package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/internal/web"
	"github.com/smshook/smshook/providers"
	hookcalls "github.com/smshook/smshook/testdata/hook"
)

// defaultInbox is only reachable from this machine: the inbox shows codes.
const defaultInbox = "127.0.0.1:8026"

// inboxCalls are the calls that the inbox can send, one for each way in which Auth calls the hook.
var inboxCalls = []web.InboxCall{
	{Name: "otp-existing-user", Title: "sign-in"},
	{Name: "signup-phone-password", Title: "sign-up"},
	{Name: "phone-change", Title: "phone change"},
	{Name: "reauthenticate", Title: "reauthentication"},
	{Name: "mfa-challenge", Title: "second factor"},
}

// listenInbox listens for the inbox. If no address is asked for and the default one is in use, any free port does.
func listenInbox(addr string) (net.Listener, error) {
	if addr != "" {
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, errors.New("-inbox: can't listen there; want a free address such as 127.0.0.1:8026")
		}
		return listener, nil
	}
	if listener, err := net.Listen("tcp", defaultInbox); err == nil {
		return listener, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// inbox shows the messages of dev.
type inbox struct {
	*web.Inbox
	caller hook.Caller
	url    string // of the hook

	mu   sync.Mutex
	sent map[string]web.InboxCall // by the ID of a call that is under way
}

func newInbox(settings config.Config, hookAddr net.Addr, note string) *inbox {
	b := &inbox{
		caller: hook.Caller{HTTP: &http.Client{Transport: &http.Transport{}}, Secrets: settings.Secrets},
		url:    "http://" + reachable(hookAddr) + server.HookPath,
		sent:   map[string]web.InboxCall{},
	}
	b.Inbox = &web.Inbox{App: settings.App, Note: note, HookURL: b.url, Calls: inboxCalls, Send: b.send}
	return b
}

// inboxURL is where a browser on this machine finds a listener.
func inboxURL(addr net.Addr) string { return "http://" + reachable(addr) + "/" }

func reachable(addr net.Addr) string {
	tcp := addr.(*net.TCPAddr)
	if tcp.IP.IsUnspecified() {
		return "localhost:" + strconv.Itoa(tcp.Port)
	}
	return tcp.String()
}

// serve answers browsers and tests. The function that it returns ends it.
func (b *inbox) serve(listener net.Listener) (stop func()) {
	s := &http.Server{
		Handler:           b.Handler(),
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second, // what takes longer sets its own
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = s.Serve(listener) }()
	return func() {
		_ = s.Close()
		b.caller.HTTP.CloseIdleConnections()
	}
}

// attach puts the messages of a program into the inbox.
func (b *inbox) attach(a *app.App) { a.Decided = b.add }

func (b *inbox) add(r dispatch.Request, m providers.Message, result dispatch.Result) {
	b.mu.Lock()
	call := b.sent[r.ID]
	b.mu.Unlock()
	kind := r.Kind.String()
	if call.Name != "" {
		kind = call.Title
	}
	encoding := "GSM-7"
	if m.Unicode {
		encoding = "UCS-2"
	}
	b.Add(web.InboxMessage{
		ID: r.ID, To: m.To.Reveal(), Text: m.Text.Reveal(), Code: m.Code.Reveal(), Locale: m.Locale, Segments: m.Segments, Encoding: encoding,
		Kind: kind, Fixture: call.Name, Result: result.String(), ReceivedAt: r.ReceivedAt,
	})
}

// send sends one of the calls as Auth does, with a new code, and says what came of it.
func (b *inbox) send(ctx context.Context, name string) string {
	recorded, err := hookcalls.Files.ReadFile(name + ".json")
	if err != nil {
		return "there is no such call"
	}
	id := providers.NewUUID()
	body, err := again(recorded, id, time.Now())
	if err != nil {
		return err.Error()
	}
	b.note(id, name)
	defer b.note(id, "")
	seen, err := b.caller.Call(ctx, b.url, body)
	if err != nil {
		return "the hook could not be called"
	}
	return fmt.Sprintf("%s, the user %s", replyLine(seen), userLine(seen))
}

// note notes that a call is under way, or with an empty name that it is over.
func (b *inbox) note(id, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sent, id)
	for _, call := range inboxCalls {
		if call.Name == name {
			b.sent[id] = call
		}
	}
}

// again returns a recorded call as if Auth made it now, with a new code.
func again(recorded []byte, id string, now time.Time) ([]byte, error) {
	var call map[string]map[string]any
	if err := json.Unmarshal(recorded, &call); err != nil {
		return nil, fmt.Errorf("a recorded call: %w", err)
	}
	call["metadata"]["uuid"] = id
	call["metadata"]["time"] = now.UTC().Format(time.RFC3339Nano)
	call["sms"]["otp"] = randomDigits(6)
	return json.Marshal(call)
}
