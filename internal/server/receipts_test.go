package server

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

// reporter is an instance that treats a receipt as its body says.
type reporter struct {
	instance
	called   []string
	unsigned string
	away     bool // the ledger is
}

// awayLedger can't take receipts while it is away.
type awayLedger struct {
	ledger.Ledger
	away *bool
}

func (l awayLedger) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (ledger.News, error) {
	if *l.away {
		return ledger.News{}, errors.New("the ledger is away")
	}
	return l.Ledger.Receipt(ctx, instance, id, r)
}

func (p *reporter) Setup() providers.ReceiptSetup {
	return providers.ReceiptSetup{Unsigned: p.unsigned}
}

func (p *reporter) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	p.called = append(p.called, r.Method+" "+r.URL.String())
	switch string(body) {
	case "forged":
		return nil, providers.ErrForged
	case "unsigned":
		return nil, providers.ErrUnsigned
	case "unreadable":
		return nil, errors.New("the code is 028687")
	}
	return []providers.Receipt{{ID: "1", State: providers.StateDelivered}}, nil
}

// challenger is an instance that checks the address.
type challenger struct{ *reporter }

func (challenger) Challenge(query url.Values) (string, error) {
	if query.Get("token") != "right" {
		return "", providers.ErrForged
	}
	return query.Get("challenge"), nil
}

// newReceiver returns a server, its log, and the receipt path of an instance. Instance "a" reports receipts, "b" also checks the address, and
// "c" does neither.
func newReceiver(t *testing.T) (s *Server, a *reporter, written *bytes.Buffer, path func(instance string) string) {
	var site receipt.Site
	var secrets receipt.Secrets
	require.NoError(t, site.UnmarshalText([]byte("https://sms.example.com/proxied")))
	require.NoError(t, secrets.UnmarshalText([]byte("0123456789-0123456789-0123456789")))
	s, written = newServer(t, accepts)
	a = &reporter{instance: accepts}
	addresses := receipt.NewAddresses(site, secrets)
	s.Keys.Store(&Keys{Hook: s.Keys.Load().Hook, Receipts: addresses})
	memory := ledger.NewMemory(ledger.Settings{}, policy.NewMemory(), time.Now)
	s.Dispatcher = dispatch.New(dispatch.Settings{Concurrency: 1}, awayLedger{memory, &a.away}, []*race.Instance{
		race.NewInstance("a", a, nil, 1),
		race.NewInstance("b", challenger{&reporter{instance: accepts}}, nil, 1),
		race.NewInstance("c", instance(accepts), nil, 1),
	}, &race.Runner{}, dispatch.Events{Reported: func(ledger.Report) {}}) // receipts for unknown messages are reported later
	return s, a, written, func(instance string) string {
		return receipt.Path + instance + "/" + addresses.Of(instance).Token().Reveal()
	}
}

func TestReceipts(t *testing.T) {
	s, a, written, path := newReceiver(t)
	for _, tt := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"good", "POST", path("a") + "?m=1&x=%20y", "good", 200},
		{"good, by GET", "GET", path("a") + "?m=1", "", 200},
		{"forged", "POST", path("a"), "forged", 403},
		{"unsigned, though it should be", "POST", path("a"), "unsigned", 503},
		{"unreadable", "POST", path("a"), "unreadable", 400},
		{"large", "POST", path("a"), strings.Repeat("x", maxReceipts), 200},
		{"too large", "POST", path("a"), strings.Repeat("x", maxReceipts+1), 413},
		{"another instance's token", "POST", receipt.Path + "a" + strings.TrimPrefix(path("b"), receipt.Path+"b"), "good", 403},
		{"no token", "POST", receipt.Path + "a/", "good", 404},
		{"an instance without receipts", "POST", path("c"), "good", 403},
		{"no such instance", "POST", path("d"), "good", 403},
		{"the check of the address", "GET", path("b") + "?token=right&challenge=42", "", 200},
		{"a forged check", "GET", path("b") + "?token=wrong&challenge=42", "", 403},
		{"a check of an instance that makes none", "GET", path("a") + "?token=right&challenge=42", "", 200},
		{"another method", "PUT", path("a"), "good", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			r.Host = "evil.example"
			r.Header.Set("X-Forwarded-Host", "evil.example")
			s.Handler().ServeHTTP(w, r)
			require.Equal(t, tt.want, w.Code, w.Body)
			require.NotContains(t, w.Body.String(), "028687")
		})
	}
	whole := "https://sms.example.com/proxied" + path("a")
	require.Equal(t, []string{
		"POST " + whole + "?m=1&x=%20y",
		"GET " + whole + "?m=1",
		"POST " + whole, "POST " + whole, "POST " + whole, "POST " + whole,
		"GET " + whole + "?token=right&challenge=42",
	}, a.called, "the address is the configured one, whatever the request says")
	for _, secret := range []string{"028687", strings.TrimPrefix(path("a"), receipt.Path+"a/"), strings.TrimPrefix(path("b"), receipt.Path+"b/")} {
		require.NotContains(t, written.String(), secret)
	}
	require.Contains(t, written.String(), `"instance":"a","reason":"not signed by the provider"`)
}

func TestChallengeIsPlainText(t *testing.T) {
	s, _, _, path := newReceiver(t)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path("b")+"?token=right&challenge=1158201444", nil))
	require.Equal(t, "1158201444", w.Body.String())
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
}

func TestReceiptPathIsUnknownWithoutReceipts(t *testing.T) {
	s, _, _, path := newReceiver(t)
	s.Keys.Store(&Keys{})
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("POST", path("a"), nil).WithContext(context.Background()))
	require.Equal(t, http.StatusNotFound, w.Code)
}

// Receipts whose signature can't be checked are accepted only from the instances that the settings name.
func TestUnsignedReceiptsMustBeAllowed(t *testing.T) {
	s, a, written, path := newReceiver(t)
	a.unsigned = "SIGNATURE_SECRET is not set"
	for _, tt := range []struct {
		allowed []string
		want    int
	}{
		{nil, http.StatusForbidden},
		{[]string{"b"}, http.StatusForbidden},
		{[]string{"b", "a"}, http.StatusOK},
	} {
		keys := *s.Keys.Load()
		keys.UnsignedReceipts = tt.allowed
		s.Keys.Store(&keys)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("POST", path("a"), strings.NewReader("good")))
		require.Equal(t, tt.want, w.Code, tt.allowed)
	}
	require.Len(t, a.called, 1, "a refused receipt is not read")
	require.Contains(t, written.String(), `"instance":"a","reason":"the signature of this instance's receipts can't be checked, and the settings don't allow unsigned receipts"`)
}

// Providers send a receipt again that is not answered by a success.
func TestReceiptIsRefusedWhileTheLedgerIsAway(t *testing.T) {
	s, a, written, path := newReceiver(t)
	a.away = true
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("POST", path("a"), strings.NewReader("good")))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, written.String(), `"reason":"the receipt can't be stored now: send it again"`)
}
