package web

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe finds what people with disabilities can't use. Version 4.14.1.
//
//go:embed testdata/axe.min.js
var axe string

// browser starts one Chromium for all tests of the package. Its folder is empty, and goes with it.
var browser = sync.OnceValues(func() (context.Context, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			options := []chromedp.ExecAllocatorOption{
				chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
				chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
				chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
				chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true),
				chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-GB"), chromedp.Env("TZ=Europe/Berlin", "LANG=en_GB.UTF-8"),
			}
			allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
			ctx, cancel := chromedp.NewContext(allocator)
			stopBrowser = func() {
				_ = chromedp.Cancel(ctx)
				cancel()
				stop()
			}
			return ctx, chromedp.Run(ctx)
		}
	}
	return nil, exec.ErrNotFound
})

var stopBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}

// page is a tab of the browser.
type page struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	problems []string
	expected string // a problem that has this text is none
}

// expects lets the browser report what is meant to happen, such as a status.
func (p *page) expects(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = text
}

// open serves a handler, and opens a new tab. At the end of the test, neither the console nor the page's policy may have complained.
func open(t *testing.T, handler http.Handler) *page {
	t.Helper()
	ctx, err := browser()
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("there is no Chromium here (`.ci/debian chromium` installs it)")
	}
	require.NoError(t, err)
	p := &page{t: t, url: serving(t, handler)}
	tab, cancel := chromedp.NewContext(ctx)
	limited, stop := context.WithTimeout(tab, time.Minute)
	p.ctx = limited
	chromedp.ListenTarget(tab, p.hear)
	p.do(log.Enable(), p.size(1280, 900))
	t.Cleanup(func() {
		p.do(chromedp.Evaluate("0", nil)) // what has been said before this has been heard
		stop()
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.problems, "the console")
	})
	return p
}

// serving serves a handler until the test ends.
func serving(t *testing.T, handler http.Handler) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: handler}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		<-ended
	})
	return "http://" + listener.Addr().String()
}

// hear notes every error and warning that the browser reports: of scripts, of the policy, of requests.
func (p *page) hear(event any) {
	note := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			note = string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
		}
	case *runtime.EventExceptionThrown:
		note = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			note = fmt.Sprint(e.Type, ": ", arguments(e.Args))
		}
	}
	if note == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.expected != "" && strings.Contains(note, p.expected) {
		return
	}
	p.problems = append(p.problems, note)
}

func arguments(list []*runtime.RemoteObject) string {
	var texts []string
	for _, one := range list {
		texts = append(texts, string(one.Value)+one.Description)
	}
	return strings.Join(texts, " ")
}

func (p *page) do(actions ...chromedp.Action) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Run(p.ctx, actions...))
}

func (p *page) size(width, height int64) chromedp.Action {
	return chromedp.EmulateViewport(width, height)
}

// dark lets the page believe that its reader prefers dark, or light, pages.
func (p *page) dark(on bool) chromedp.Action {
	value := "light"
	if on {
		value = "dark"
	}
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}})
}

func (p *page) visit(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.url+path), chromedp.WaitReady("body"))
}

// eval returns the value of an expression.
func eval[T any](p *page, expression string) (value T) {
	p.t.Helper()
	p.do(chromedp.Evaluate(expression, &value, awaiting))
	return value
}

func awaiting(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }

// text is what a reader sees of an element.
func (p *page) text(selector string) string {
	p.t.Helper()
	return eval[string](p, "document.querySelector("+quote(selector)+").innerText")
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// until waits until an expression is true. While the browser goes to another page, there is none to ask.
func (p *page) until(expression string) {
	p.t.Helper()
	var is bool
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = chromedp.Run(p.ctx, chromedp.Evaluate("!!("+expression+")", &is, awaiting)); err == nil && is {
			return
		}
	}
	p.t.Fatalf("never true: %s (%v); the page: %s", expression, err, p.text("body"))
}

// accessible checks the page by the rules of WCAG 2.2 A and AA, in both colour schemes and down to 360 px, where it must not be wider
// than the window.
func (p *page) accessible() {
	p.t.Helper()
	for _, look := range []struct {
		width int64
		dark  bool
	}{{1280, false}, {360, true}} {
		p.do(p.size(look.width, 900), p.dark(look.dark))
		if !eval[bool](p, "!!window.axe") {
			p.do(chromedp.Evaluate(axe, nil))
		}
		found := eval[[]string](p, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
			(r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)).slice(0, 4))`)
		require.Empty(p.t, found, "axe, at %d px", look.width)
		p.fits()
	}
	p.do(p.size(1280, 900), p.dark(false))
}

// fits checks that nobody has to scroll sideways.
func (p *page) fits() {
	p.t.Helper()
	require.Empty(p.t, eval[[]string](p, `document.documentElement.scrollWidth <= innerWidth ? [] :
		Array.from(document.querySelectorAll("*")).filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 90)).slice(-3)`),
		"wider than the window")
}

// screenshot writes what the window shows to a file in the folder that SCREENSHOTS names.
func (p *page) screenshot(name string) {
	p.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	var picture []byte
	p.do(chromedp.CaptureScreenshot(&picture))
	require.NoError(p.t, os.WriteFile(folder+"/"+name+".png", picture, 0o644))
}
