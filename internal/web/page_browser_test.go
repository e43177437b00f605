package web

import (
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

var allViews = []string{"/", "/messages", "/delivery", "/protection", "/texts", "/setup"}

func TestEveryViewWithoutMessages(t *testing.T) {
	p := open(t, (&Page{Source: newStage()}).Handler())
	for _, view := range allViews {
		p.visit(view)
		p.accessible()
	}
}

func TestEveryViewWithMessages(t *testing.T) {
	s := seeded(24)
	p := open(t, (&Page{Source: s}).Handler())
	for _, view := range append(allViews, "/?window=week", "/messages/"+s.messages[3].ID, "/messages?state=refused") {
		p.visit(view)
		p.accessible()
	}
}

// With 100,000 messages in view, something is to be seen within 300 ms. The time is measured where the machine is not busy.
func TestEveryViewWithVeryManyMessages(t *testing.T) {
	s := seeded(100_000)
	p := open(t, (&Page{Source: s}).Handler())
	for _, view := range append(allViews, "/?window=week", "/delivery?window=week", "/protection?window=week") {
		p.visit(view)
		p.until(`performance.getEntriesByType("paint").length > 0`)
		t.Logf("%s: first paint after %.0f ms", view, eval[float64](p, `performance.getEntriesByType("paint")[0].startTime`))
		p.do(p.size(360, 800))
		p.fits()
		p.do(p.size(1280, 900))
	}
	require.Equal(t, "hour\nday\nweek", p.text(".switch"))
}

func TestThePageIsLive(t *testing.T) {
	s := seeded(60)
	page := &Page{Source: s}
	p := open(t, page.Handler())
	p.visit("/messages")
	p.until(`document.querySelector("[data-live]").innerText === "live"`)
	m := message(rand.New(rand.NewPCG(1, 1)), 99999, ledger.At(time.Now()))
	s.add(m)
	page.Changed()
	p.until(`document.querySelector("tbody a").getAttribute("href") === "/messages/` + m.ID + `"`)
	require.Equal(t, pageSize, eval[int](p, `document.querySelectorAll("tbody tr").length`))
}

// A person types a number in the form in which people write it. It is in no address, and so in no history and no log.
func TestSearch(t *testing.T) {
	s := seeded(60)
	p := open(t, (&Page{Source: s}).Handler())
	for _, tt := range []struct{ typed, path, found string }{
		{"+44 7700 000-007", "/search", s.messages[7].ID},
		{"0044 7700 000 007", "/search", s.messages[7].ID},
		{"44 (0)7700 000007", "/search", s.messages[7].ID},
		{s.messages[9].ID, "/messages/" + s.messages[9].ID, s.messages[9].ID},
		{"SM" + s.messages[9].ID, "/messages/" + s.messages[9].ID, s.messages[9].ID},
	} {
		p.visit("/texts")
		p.do(chromedp.SendKeys("#q", tt.typed+kb.Enter))
		p.until(`location.pathname === ` + quote(tt.path) + ` && document.readyState === "complete"`)
		require.Contains(t, eval[string](p, "document.getElementById('view').innerHTML"), tt.found, tt.typed)
		require.NotContains(t, eval[string](p, "location.href"), "7700")
	}
	p.accessible()
	p.visit("/texts")
	p.do(chromedp.SendKeys("#q", "+44 7700 999999"+kb.Enter))
	p.until(`document.readyState === "complete" && document.body.innerText.includes("No message found")`)
	p.accessible()
}

func TestFilter(t *testing.T) {
	s := seeded(120)
	p := open(t, (&Page{Source: s}).Handler())
	p.visit("/messages")
	p.do(chromedp.SetValue("#f-state", "refused"), chromedp.Evaluate(`document.getElementById("f-state").dispatchEvent(new Event("change", {bubbles: true}))`, nil))
	p.until(`location.search === "?state=refused&kind=&instance=&country=&rule=" || location.search.includes("state=refused")`)
	p.until(`Array.from(document.querySelectorAll("tbody tr")).every((r) => r.innerText.includes("refused"))`)
	require.Equal(t, "refused", eval[string](p, `document.getElementById("f-state").value`), "the filter still says what is shown")
	require.Positive(t, eval[int](p, `document.querySelectorAll("tbody tr").length`))
	p.visit("/messages?country=gb&instance=twilio")
	require.Equal(t, "GB", eval[string](p, `document.getElementById("f-country").value`))
	require.True(t, eval[bool](p, `Array.from(document.querySelectorAll("tbody tr")).every((r) => r.innerText.includes("GB") && r.innerText.includes("twilio"))`))

	// Page by page, each message comes once.
	p.visit("/messages")
	ids := `Array.from(document.querySelectorAll("tbody a")).map((a) => a.getAttribute("href"))`
	all := map[string]bool{}
	for {
		for _, id := range eval[[]string](p, ids) {
			require.False(t, all[id], id)
			all[id] = true
		}
		if !eval[bool](p, `Array.from(document.querySelectorAll(".pages a")).some((a) => a.innerText === "Older")`) {
			break
		}
		p.visit(eval[string](p, `Array.from(document.querySelectorAll(".pages a")).find((a) => a.innerText === "Older").getAttribute("href")`))
	}
	require.Len(t, all, 120)
}

func TestSignInInTheBrowser(t *testing.T) {
	p := open(t, (&Page{Source: seeded(5), Password: NewPassword(password)}).Handler())
	p.expects("401")
	p.visit("/")
	p.accessible()
	p.do(chromedp.SendKeys("#password", "wrong"+kb.Enter))
	p.until(`document.readyState === "complete" && document.body.innerText.includes("This is not the password.")`)
	p.accessible()
	p.do(chromedp.SendKeys("#password", password+kb.Enter))
	p.until(`document.readyState === "complete" && document.querySelector(".brand") !== null`)
	p.until(`document.querySelector("[data-live]").innerText === "live"`)
	require.Empty(t, eval[string](p, "document.cookie"), "scripts don't see the session")
	require.Zero(t, eval[int](p, "localStorage.length"))
	require.Equal(t, []string{"htmx-current-path-for-history"}, eval[[]string](p, "Object.keys(sessionStorage)"), "no page is stored")
	p.do(chromedp.Click("form[action='/logout'] button"))
	p.until(`document.readyState === "complete" && document.querySelector("#password") !== null`)
}

// A test message is sent once its sender has seen what it is, and has confirmed it.
func TestTestMessage(t *testing.T) {
	s := newStage()
	p := open(t, (&Page{Source: s}).Handler())
	p.visit("/setup")
	p.do(chromedp.SendKeys("#number", "07700 900123"+kb.Enter))
	p.until(`document.querySelector("#draft").innerText.includes("the number has no country")`)
	p.do(chromedp.Evaluate(`document.getElementById("number").value = ""`, nil), chromedp.SendKeys("#number", "+44 7700 900123"+kb.Enter))
	p.until(`document.querySelector("#draft").innerText.includes("Your Acme code is 123456")`)
	require.Contains(t, p.text("#draft"), "Send this to +447700900123?")
	require.Contains(t, p.text("#draft"), "1 segment(s), through twilio, then plivo. The provider charges for it.")
	p.accessible()
	require.Empty(t, s.sent)
	p.do(chromedp.Click("#draft button"))
	p.until(`document.querySelector("#draft").innerText.includes("accepted as SM1")`)
	require.Equal(t, []string{"+447700900123"}, s.sent)

	p.do(chromedp.Click(`form[action="/setup/check"] button`))
	p.until(`document.querySelector("#found-here").innerText.includes("authentication failed")`)
	p.accessible()
}

// What others write is text wherever it is shown.
func TestHostileTexts(t *testing.T) {
	s := newStage()
	at := ledger.At(time.Now().Add(-time.Minute))
	s.messages = []ledger.Message{{
		ID: hostile, Number: hostile, Country: hostile, Rule: hostile, Instance: hostile, Lost: hostile, ReceivedAt: at, AnsweredAt: at.Add(time.Second), Life: time.Minute,
		Result: ledger.Accepted, Attempts: []ledger.Attempt{{
			Instance: hostile, Channel: hostile, Code: hostile, BegunAt: at, EndedAt: at.Add(time.Second), State: ledger.AttemptFailed, Kind: providers.Account,
		}},
	}}
	bad := Finding{What: hostile, Text: hostile, Bad: true}
	s.setup = Setup{
		Version: hostile, App: hostile, Settings: []Setting{{Name: hostile, Value: hostile, Help: hostile}}, Warnings: []string{hostile}, Receipts: []Finding{bad},
		Routes: []Route{{hostile, []string{hostile}}}, Lists: []string{hostile}, Limits: []Limit{{hostile, hostile, hostile}}, Texts: []Text{{hostile, hostile, hostile, 2}},
	}
	s.live = Live{
		Instances: []Instance{{Name: hostile, Provider: hostile, Channel: hostile, Breaker: hostile, Account: &Problem{Code: hostile, Text: hostile}}},
		Store:     Store{Kind: hostile, Away: true, Keeps: hostile},
	}
	p := open(t, (&Page{Source: s}).Handler())
	for _, view := range append(allViews, "/messages?rule="+url.QueryEscape(hostile), "/messages?country="+url.QueryEscape(hostile), "/messages/"+url.PathEscape(hostile)) {
		p.visit(view)
		p.until(`document.querySelector("[data-live]").innerText === "live"`)
		require.NotEqual(t, "taken", eval[string](p, "document.title"), view)
		require.Zero(t, eval[int](p, `document.querySelectorAll("main script, main img, main style").length`), view)
		require.Contains(t, eval[string](p, `document.body.textContent + Array.from(document.querySelectorAll("input")).map((i) => i.value).join()`), `<script>document.title="taken"</script>`, view)
	}
}

// While the database is away, the page says so, and shows what this process knows.
func TestTheDatabaseIsAway(t *testing.T) {
	s := seeded(5)
	s.away, s.live.Store.Away, s.live.Store.Owed = true, true, 12
	p := open(t, (&Page{Source: s}).Handler())
	p.visit("/")
	require.Contains(t, p.text(".needs li"), "The database can't be reached")
	require.Contains(t, p.text(".needs li"), "12 messages wait to be written")
	p.visit("/messages")
	require.Contains(t, p.text(".note"), "The database can't be reached, or is too slow. This is what this process knows.")
	require.Equal(t, 5, eval[int](p, `document.querySelectorAll("tbody tr").length`))
}

// The overview answers what an operator asks first.
func TestWhatNeedsAnOperator(t *testing.T) {
	s := seeded(400)
	s.live.Instances[0].Account = &Problem{At: time.Now(), Code: "20003", Text: "answer 401: authenticate"}
	p := open(t, (&Page{Source: s}).Handler())
	p.visit("/")
	require.Equal(t, []string{
		"twilio refuses the account", "plivo fails: its circuit breaker is open", "MT looks like an attack (SMS pumping)",
	}, eval[[]string](p, `Array.from(document.querySelectorAll(".need a")).slice(0, 3).map((a) => a.innerText)`))
	require.Equal(t, "Malta", p.text("[data-country-name]"))
}

// The list keeps its place while messages come: nothing that the reader looks at moves without new messages, and nothing is drawn again.
func TestNothingMovesWithoutNews(t *testing.T) {
	s := seeded(400)
	page := &Page{Source: s}
	p := open(t, page.Handler())
	for _, view := range []string{"/", "/messages"} {
		p.visit(view)
		p.until(`document.querySelector("[data-live]").innerText === "live"`)
		p.do(chromedp.Evaluate(`window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => window.shift += e.value)).observe({type: "layout-shift", buffered: true})`, nil))
		for range 3 {
			p.do(chromedp.Evaluate(`window.settled = false; document.addEventListener("htmx:afterRequest", () => { window.settled = true; }, {once: true})`, nil))
			page.Changed()
			p.until("window.settled")
		}
		require.Less(t, eval[float64](p, "window.shift"), 0.01, view)
	}
}
