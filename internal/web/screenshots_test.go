package web

import (
	"os"
	"testing"
	"time"
)

// TestScreenshots makes the pictures of the README: `make screenshots`.
func TestScreenshots(t *testing.T) {
	if os.Getenv("SCREENSHOTS") == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	s := seeded(1500)
	p := open(t, (&Page{Source: s}).Handler())
	p.do(p.size(1180, 860))
	for name, path := range map[string]string{"overview": "/", "protection": "/protection", "message": "/messages/" + s.retried()} {
		p.visit(path)
		p.screenshot(name)
	}
	p.do(p.dark(true))
	p.do(p.size(390, 820))
	p.visit("/")
	p.screenshot("overview-small")

	inbox := testInbox()
	for n := range 6 {
		inbox.Add(inboxMessage(n))
	}
	german := inboxMessage(7)
	german.Text, german.Locale, german.Kind, german.Fixture = "Dein Acme-Code ist "+german.Code+"\n\n@example.com #"+german.Code, "de", "second factor", "mfa-challenge"
	german.ReceivedAt = time.Now()
	inbox.Add(german)
	p = open(t, inbox.Handler())
	p.do(p.size(1180, 620))
	p.visit("/")
	p.until(`document.querySelector("[data-live]").innerText === "live"`)
	p.screenshot("inbox")
}

// retried is the ID of a message that a second instance has sent, and whose code was used.
func (s *stage) retried() string {
	for i := range s.messages {
		if m := &s.messages[i]; len(m.Attempts) > 1 && m.UsedAt != 0 {
			return m.ID
		}
	}
	return ""
}
