// Package providertest tests providers: [Fake] is a provider's server, [NewOpener] opens a provider from settings, [Run] is the suite that
// every provider has to pass, and [RunSigned] and [Receipts] test delivery receipts. Only tests import it.
//
// A provider's own test is mostly data:
//
//	func TestSuite(t *testing.T) {
//		providertest.Run(t, providertest.Provider{Open: opener.Open, Accepted: …, Refused: …, Codes: codes, …})
//	}
package providertest

import (
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smshook/smshook/providers/call"
)

// Fault is what goes wrong after a Fake has read a request.
type Fault int

const (
	NoFault Fault = iota
	Hang          // it doesn't answer until Release, or until the client has closed the connection
	Close         // it closes the connection without an answer
	Reset         // it closes the connection by a TCP reset; over a pipe this is Close
	Half          // it announces the whole body, sends half of it and closes the connection
)

// Answer is what a Fake does with one request.
type Answer struct {
	Status int // 200 if zero
	Header http.Header
	Body   string
	Fault  Fault

	// Delay passes before the answer, and Drip between its bytes, those of the header included. Use them on a pipe in a
	// synctest bubble, where they take no time.
	Delay, Drip time.Duration
}

// Fake is a provider's server that runs inside the test. It records every whole request before it answers.
type Fake struct {
	URL  string
	Base call.BaseURL // the same, as a setting

	t        testing.TB
	client   *http.Client
	recorded chan Request
	released chan struct{}
	release  func()
	handlers sync.WaitGroup // http.Server doesn't wait for handlers that have hijacked their connection

	mu       sync.Mutex
	answers  []Answer
	requests []Request
}

// NewFake returns a Fake on loopback that answers as [Fake.Answer] says. It ends with the test.
func NewFake(t testing.TB, answers ...Answer) *Fake {
	t.Helper()
	f := newFake(t, answers)
	server := httptest.NewUnstartedServer(f)
	server.Start()
	f.start(server)
	return f
}

// NewPipeFake returns a Fake that only its own [Fake.Client] can reach, through memory. For fake time, call it inside a synctest
// bubble.
func NewPipeFake(t testing.TB, answers ...Answer) *Fake {
	t.Helper()
	f := newFake(t, answers)
	pipes := NewPipes()
	f.client.Transport.(*http.Transport).DialContext = pipes.Dial
	server := httptest.NewUnstartedServer(f)
	server.Listener.Close()
	server.Listener = pipes
	server.Start()
	f.start(server)
	return f
}

// NewUntrustedFake returns a Fake with a certificate of no known authority: a TLS handshake with it fails.
func NewUntrustedFake(t testing.TB) *Fake {
	t.Helper()
	f := newFake(t, nil)
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs each failed handshake
	server.StartTLS()
	f.start(server)
	return f
}

func newFake(t testing.TB, answers []Answer) *Fake {
	f := &Fake{
		t:        t,
		client:   call.NewClient(),
		recorded: make(chan Request, 1000),
		released: make(chan struct{}),
		answers:  answers,
	}
	transport := f.client.Transport.(*http.Transport)
	transport.Proxy = nil
	transport.DialContext = loopbackOnly(transport.DialContext)
	f.release = sync.OnceFunc(func() { close(f.released) })
	return f
}

func (f *Fake) start(server *httptest.Server) {
	f.URL, f.Base = server.URL, call.BaseURL(server.URL)
	f.t.Cleanup(func() {
		f.Release()
		f.client.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		f.handlers.Wait()
	})
}

// Client returns the HTTP client for the provider. It is that of package call, and can't leave this machine.
func (f *Fake) Client() *http.Client { return f.client }

// Answer sets the answers to the next requests, in this order. The last one is used for all further requests. Without any, the answer is
// 200 and empty.
func (f *Fake) Answer(answers ...Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = answers
}

// Release ends every Hang and every Drip, present and future.
func (f *Fake) Release() { f.release() }

// Next waits for a request and returns it. Each request is returned once.
func (f *Fake) Next() Request {
	f.t.Helper()
	select {
	case r := <-f.recorded:
		return r
	case <-time.After(10 * time.Second):
		f.t.Fatal("no request has come")
		return Request{}
	}
}

// Requests returns all requests since the last call of Requests.
func (f *Fake) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	requests := f.requests
	f.requests = nil
	return requests
}

// ServeHTTP is the provider's side.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.handlers.Add(1)
	defer f.handlers.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has closed the connection before the end of its request
	}
	answer := f.record(Request{Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host, Header: r.Header, Body: string(body)})
	if answer.Fault == Hang {
		select {
		case <-f.released:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if !pause(answer.Delay, r.Context().Done()) {
		panic(http.ErrAbortHandler)
	}
	if answer.Fault == NoFault && answer.Drip == 0 || answer.Fault == Hang {
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.status())
		io.WriteString(w, answer.Body)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	f.misbehave(conn, answer)
}

func (f *Fake) record(r Request) Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	var answer Answer
	if len(f.answers) > 0 {
		answer = f.answers[0]
	}
	if len(f.answers) > 1 {
		f.answers = f.answers[1:]
	}
	r.Taken = answer.status()/100 == 2
	f.requests = append(f.requests, r)
	select {
	case f.recorded <- r:
	default: // a test that doesn't call Next
	}
	return answer
}

// pause waits for d, and reports whether it waited to the end.
func pause(d time.Duration, over <-chan struct{}) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
		return false
	}
}

func (a Answer) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

// misbehave answers on the connection itself, because net/http wouldn't make such faults.
func (f *Fake) misbehave(conn net.Conn, a Answer) {
	switch a.Fault {
	case Close:
		return
	case Reset:
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		return
	}
	text := a.raw()
	if a.Drip == 0 {
		io.WriteString(conn, text)
		return
	}
	for i := range len(text) {
		if !pause(a.Drip, f.released) {
			return
		}
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return // the client has closed the connection
		}
	}
}

// raw returns the answer as it goes over the wire.
func (a Answer) raw() string {
	var text strings.Builder
	text.WriteString(fmt.Sprintf("HTTP/1.1 %d \r\nContent-Length: %d\r\n", a.status(), len(a.Body)))
	for name, values := range a.Header {
		for _, value := range values {
			text.WriteString(name + ": " + value + "\r\n")
		}
	}
	text.WriteString("\r\n" + a.Body)
	if a.Fault == Half {
		return text.String()[:len(text.String())-(len(a.Body)+1)/2]
	}
	return text.String()
}

// Refusing returns an address on loopback where connections are refused.
func Refusing(t testing.TB) call.BaseURL {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return call.BaseURL((&url.URL{Scheme: "http", Host: listener.Addr().String()}).String())
}
