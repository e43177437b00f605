package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	permission "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

func testInbox() *Inbox {
	return &Inbox{
		App:     "Acme",
		Note:    "Messages are shown here, and not sent.",
		HookURL: "http://localhost:8080/hooks/send-sms",
		Calls: []InboxCall{
			{"otp-existing-user", "sign-in"}, {"signup-phone-password", "sign-up"}, {"phone-change", "phone change"},
			{"reauthenticate", "reauthentication"}, {"mfa-challenge", "second factor"},
		},
	}
}

func inboxMessage(n int) InboxMessage {
	code := fmt.Sprintf("%06d", 482913+n)
	return InboxMessage{
		ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), To: fmt.Sprintf("+1555555%04d", 100+n), Text: "Your Acme code is " + code, Code: code,
		Locale: "en-GB", Segments: 1, Encoding: "GSM-7", Kind: "sign-in", Result: "accepted", ReceivedAt: time.Now().Add(time.Duration(n) * time.Second),
	}
}

func TestInboxEmpty(t *testing.T) {
	p := open(t, testInbox().Handler())
	p.visit("/")
	require.Contains(t, p.text("#messages"), "let your Auth server call the hook at http://localhost:8080/hooks/send-sms")
	p.accessible()
}

func TestInboxIsLiveAndCopiesCodes(t *testing.T) {
	inbox := testInbox()
	inbox.Send = func(_ context.Context, name string) string {
		m := inboxMessage(3)
		m.Fixture = name
		inbox.Add(m)
		return "answer 200 {}: the user sees a success"
	}
	p := open(t, inbox.Handler())
	p.do(permission.GrantPermissions([]permission.PermissionType{permission.PermissionTypeClipboardReadWrite, permission.PermissionTypeClipboardSanitizedWrite}))
	p.visit("/")
	p.until(`document.querySelector("[data-live]").innerText === "live"`)
	inbox.Add(inboxMessage(1))
	p.until(`document.querySelectorAll(".phone").length === 1`)
	inbox.Add(inboxMessage(2))
	p.until(`document.querySelectorAll(".phone").length === 2`)
	require.Equal(t, []string{"+15555550102", "+15555550101"}, eval[[]string](p, `Array.from(document.querySelectorAll(".who .num")).map((e) => e.innerText)`))

	p.do(chromedp.KeyEvent("c")) // the newest
	p.until(`document.getElementById("copied").innerText === "Copied 482915"`)
	require.Equal(t, "482915", eval[string](p, "navigator.clipboard.readText()"))
	p.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("c")) // the one that is chosen
	p.until(`document.getElementById("copied").innerText === "Copied 482914"`)
	inbox.Add(inboxMessage(4))
	p.until(`document.querySelectorAll(".phone").length === 3`)
	require.Equal(t, "+15555550101", eval[string](p, `document.activeElement.querySelector(".who .num").innerText`), "what was chosen stays chosen")

	p.do(chromedp.Click(`[hx-post="calls/mfa-challenge"]`))
	p.until(`document.querySelectorAll(".phone").length === 4`)
	p.until(`document.getElementById("said").innerText === "second factor: answer 200 {}: the user sees a success"`)
	require.Contains(t, p.text(".phone"), "mfa-challenge")
	p.do(chromedp.Click(`.phone .code`))
	p.until(`document.getElementById("copied").innerText === "Copied 482916"`)
	p.accessible()

	p.do(chromedp.Focus(".quiet"), chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelectorAll(".phone").length === 0`)
}

// hostile is what an attacker may write where a text is shown.
const hostile = `"><script>document.title="taken"</script><img src=x onerror="document.title='taken'">'{{7*7}}</textarea></style>&lt;`

func TestInboxShowsHostileTextsAsTexts(t *testing.T) {
	inbox := testInbox()
	inbox.App, inbox.Note, inbox.HookURL = hostile, hostile, hostile
	inbox.Calls = []InboxCall{{hostile, hostile}}
	inbox.Send = func(context.Context, string) string { return hostile }
	inbox.Add(InboxMessage{ID: hostile, ReceivedAt: time.Now(), To: hostile, Text: hostile, Code: hostile, Locale: hostile, Encoding: hostile, Kind: hostile, Fixture: hostile, Result: hostile})
	p := open(t, inbox.Handler())
	p.visit("/")
	p.until(`document.querySelector("[data-live]").innerText === "live"`)
	require.Equal(t, "smshook inbox", eval[string](p, "document.title"))
	require.Equal(t, 0, eval[int](p, `document.querySelectorAll("main script, main img").length`))
	require.Equal(t, hostile, p.text(".bubble"))
	require.Equal(t, hostile, eval[string](p, `document.querySelector(".code").dataset.copy`))
}

func TestInboxWithVeryManyMessages(t *testing.T) {
	inbox := testInbox()
	for n := range inboxSize + 20 {
		m := inboxMessage(n)
		m.Text += strings.Repeat(" é€😀 very long", n%40)
		inbox.Add(m)
	}
	p := open(t, inbox.Handler())
	p.visit("/")
	require.Equal(t, inboxSize, eval[int](p, `document.querySelectorAll(".phone").length`))
	require.Equal(t, "+15555550619", p.text(".who .num"))
	p.do(p.size(360, 900))
	p.fits()
}
