package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Page is the operator's page. It may be used concurrently. The fields must be set before Handler is called.
type Page struct {
	Source   Source
	Password Password
	// URL is where browsers find the page, if that isn't the listener's own address: behind a proxy. Its path comes before all others,
	// whether the proxy removes it or not. It may be nil.
	URL *url.URL

	sessions sessions
	changes  changes
	overview cache
}

// Changed tells those who look at the page that something has changed. It costs nothing if there are none.
func (p *Page) Changed() { p.changes.happened() }

// maxForm is the largest form that is read, in bytes.
const maxForm = 4 << 10

// refresh is how often a page is brought up to date without a change that this process knows of: another replica may have had one, and
// circuit breakers change with time.
const refresh = 5 * time.Second

// base is what all addresses of the page begin with: "/", or the path that a proxy adds.
func (p *Page) base() string {
	if p.URL == nil {
		return "/"
	}
	return strings.TrimRight(p.URL.EscapedPath(), "/") + "/"
}

// Handler serves the page.
func (p *Page) Handler() http.Handler {
	inner := http.NewServeMux()
	inner.HandleFunc("GET /{$}", p.showOverview)
	inner.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { p.changes.stream(w, r, refresh) })
	inner.HandleFunc("GET /messages", p.showMessages)
	inner.HandleFunc("POST /search", p.search)
	inner.HandleFunc("GET /messages/{id}", p.showMessage)
	inner.HandleFunc("GET /delivery", p.showDelivery)
	inner.HandleFunc("GET /protection", p.showProtection)
	inner.HandleFunc("GET /texts", p.showTexts)
	inner.HandleFunc("GET /setup", p.showSetup)
	inner.HandleFunc("POST /setup/check", p.check)
	inner.HandleFunc("POST /setup/draft", p.draft)
	inner.HandleFunc("POST /setup/send", p.send)
	inner.HandleFunc("POST /logout", p.logout)
	inner.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		show(w, r, http.StatusNotFound, p.frame(r, "", "There is no such page", nothing("There is no such page", "The views are above.")))
	})

	mux := http.NewServeMux()
	serveAssets(mux)
	mux.HandleFunc("POST /login", p.login)
	mux.Handle("/", p.signedIn(inner))
	return forHosts(p.allowed(), p.hosts(), "; set SMSHOOK_ADMIN_URL to the address in the browser", secured(p.unprefixed(mux)))
}

// allowed are the hosts for which the page may be asked. A page without a password is for this machine alone.
func (p *Page) allowed() func(host string) bool {
	if p.Password.set {
		return private
	}
	return local
}

func (p *Page) hosts() []string {
	if p.URL == nil {
		return nil
	}
	return []string{strings.ToLower(p.URL.Hostname())}
}

// unprefixed removes the path that a proxy adds, if it is there.
func (p *Page) unprefixed(next http.Handler) http.Handler {
	prefix := strings.TrimSuffix(p.base(), "/")
	if prefix == "" {
		return next
	}
	stripped := http.StripPrefix(prefix, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == prefix:
			http.Redirect(w, r, prefix+"/", http.StatusMovedPermanently)
		case strings.HasPrefix(r.URL.Path, prefix+"/"):
			stripped.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// figures are what is known of a window.
type figures struct {
	Window  window
	At      time.Time // when they were computed
	Since   time.Time
	Steps   []ledger.Count // for the chart
	Counts  []ledger.Count // of the whole window
	Sample  sample
	Newest  []ledger.Message
	Problem string // why the figures are not whole; may be empty
}

// cache has the last figures of each window.
type cache struct {
	mu sync.Mutex
	of map[string]*kept
}

type kept struct {
	counting chan struct{} // holds an element while figures are counted
	figures  atomic.Pointer[figures]
}

// fresh is how long figures are shown again without new ones: a sixtieth of a step of the chart, which nobody sees.
func (w window) fresh() time.Duration { return w.Step / 60 }

// askFor is how long the store may take to count.
const askFor = 4 * time.Second

func (c *cache) window(name string) *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]*kept{}
	}
	if c.of[name] == nil {
		c.of[name] = &kept{counting: make(chan struct{}, 1)}
	}
	return c.of[name]
}

// figures returns those of a window. One request computes them, and meanwhile the others get the last ones.
func (p *Page) figures(w window) figures {
	k := p.overview.window(w.Name)
	last := k.figures.Load()
	if last != nil && time.Since(last.At) < w.fresh() {
		return *last
	}
	select {
	case k.counting <- struct{}{}:
	default:
		if last != nil {
			return *last
		}
		k.counting <- struct{}{}
	}
	defer func() { <-k.counting }()
	if f := k.figures.Load(); f != nil && time.Since(f.At) < w.fresh() { // another request has computed them meanwhile
		return *f
	}
	f := p.count(w)
	k.figures.Store(&f)
	return f
}

// count asks the store for the figures of a window. They are for all who look: that one of them leaves ends nothing.
func (p *Page) count(w window) figures {
	now := time.Now()
	chart, rest := w.queries(now)
	f := figures{Window: w, At: now, Since: rest.Since.Time()}
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	var err error
	if f.Steps, err = p.Source.Count(ctx, chart); err != nil {
		f.Problem = problemWords(err)
	}
	if f.Counts, err = p.Source.Count(ctx, rest); err != nil {
		f.Problem = problemWords(err)
	}
	messages, err := p.Source.Messages(ctx, ledger.Query{Since: rest.Since, Limit: ledger.MaxPage})
	if err != nil {
		f.Problem = problemWords(err)
	}
	f.Sample, f.Newest = sampleOf(messages), messages
	return f
}

func (p *Page) showOverview(w http.ResponseWriter, r *http.Request) {
	f, live := p.figures(windowOf(r.URL.Query().Get("window"))), p.Source.Live()
	list := attentions(live, p.Source.Queues(), f.Counts, f.Sample, f.Window, p.Source.Setup().Observe)
	p.answer(w, r, "overview", "Overview", overview(p.base(), f, live, list))
}

func (p *Page) showDelivery(w http.ResponseWriter, r *http.Request) {
	f := p.figures(windowOf(r.URL.Query().Get("window")))
	p.answer(w, r, "delivery", "Delivery", delivery(p.base(), f, p.Source.Setup()))
}

func (p *Page) showProtection(w http.ResponseWriter, r *http.Request) {
	f := p.figures(windowOf(r.URL.Query().Get("window")))
	p.answer(w, r, "protection", "Protection", protection(p.base(), f, p.Source.Setup()))
}

func (p *Page) showTexts(w http.ResponseWriter, r *http.Request) {
	p.answer(w, r, "texts", "Texts", texts(p.Source.Setup()))
}

func (p *Page) showSetup(w http.ResponseWriter, r *http.Request) {
	p.answer(w, r, "setup", "Set-up", setup(p.base(), p.Source.Setup(), p.Source.Live().Store))
}
