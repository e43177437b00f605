package web

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
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
	s := seeded(400)
	p := open(t, (&Page{Source: s}).Handler())
	for i, view := range append(allViews, "/?window=week", "/messages/"+s.messages[3].ID, "/messages?state=refused") {
		p.visit(view)
		p.accessible()
		p.screenshot(fmt.Sprintf("view-%d", i))
		p.do(p.size(360, 800), p.dark(true))
		p.screenshot(fmt.Sprintf("view-%d-small", i))
		p.do(p.size(1280, 900), p.dark(false))
	}
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
