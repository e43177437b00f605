package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	publicURL = "https://sms.example.com"
	appSecret = "0123456789abcdef0123456789abcdef"
	wamid     = "wamid.HBgLMTU1NTU1NTAxNDIVAgARGBI3"
)

// meta makes the calls that Meta makes to the address for receipts.
type meta struct {
	t   *testing.T
	url string
}

// newMeta takes the address from the output of `check`.
func newMeta(t *testing.T, p *program, env []string) meta {
	nowhere := "http://127.0.0.1:1"
	r := smshook(t, "", append(slices.Clone(env), "WHATSAPP_BASE_URL="+nowhere, "TWILIO_BASE_URL="+nowhere), "check")
	_, after, found := strings.Cut(r.stdout, "enter "+publicURL)
	require.True(t, found, r.stdout)
	path, _, _ := strings.Cut(after, " ")
	require.True(t, strings.HasPrefix(path, receipt.Path+"whatsapp/"), path)
	return meta{t, strings.TrimSuffix(p.url, server.HookPath) + path}
}

// post sends a receipt with a status of the message, signed with a secret. It returns the status of the answer.
func (m meta) post(secret, status, errors string) int {
	body := fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":"whatsapp",`+
		`"metadata":{"display_phone_number":"15550783881","phone_number_id":"106540352242922"},"statuses":[{"id":"%s","status":"%s",`+
		`"timestamp":"%d","recipient_id":"15555550142"%s}]},"field":"messages"}]}]}`, wamid, status, time.Now().Unix(), errors)
	r, err := http.NewRequest(http.MethodPost, m.url, strings.NewReader(body))
	require.NoError(m.t, err)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(r)
	require.NoError(m.t, err)
	response.Body.Close()
	return response.StatusCode
}

const notOnWhatsApp = `,"errors":[{"code":131026,"title":"Message undeliverable","message":"Message undeliverable"}]`

// WhatsApp accepts every number, and reports later that the number has no WhatsApp. Then the SMS instance sends the same code at once, and
// exactly once, whatever the order and the number of the receipts.
func TestWhatsAppThenSMS(t *testing.T) {
	whatsapp := providertest.NewFake(t, providertest.Answer{Status: 200, Body: `{"messaging_product":"whatsapp","messages":[{"id":"` + wamid + `"}]}`})
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	env := serveEnv(twilio.URL, "SMSHOOK_PROVIDERS=whatsapp,twilio", "SMSHOOK_PUBLIC_URL="+publicURL, "SMSHOOK_RECEIPT_SECRET="+hookSecret,
		"WHATSAPP_PHONE_NUMBER_ID=106540352242922", "WHATSAPP_ACCESS_TOKEN=EAAtoken", "WHATSAPP_TEMPLATE=code", "WHATSAPP_LANGUAGE=en",
		"WHATSAPP_APP_SECRET="+appSecret, "WHATSAPP_VERIFY_TOKEN=verify-me-0123456789", "WHATSAPP_BASE_URL="+whatsapp.URL)
	p := starting(t, []string{"serve"}, env...)
	m := newMeta(t, p, env)

	response, err := http.Get(m.url + "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me-0123456789")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)

	const code = "577765"
	body, err := os.ReadFile(filepath.Join(calls, "otp-new-user.json"))
	require.NoError(t, err)
	seen, err := auth(t, hookSecret).Call(t.Context(), p.url, body)
	require.NoError(t, err)
	require.True(t, seen.OK())
	require.Len(t, whatsapp.Requests(), 1)
	require.Empty(t, twilio.Requests())

	require.Equal(t, 403, m.post("another secret", "failed", notOnWhatsApp))
	require.Equal(t, 200, m.post(appSecret, "sent", ""))
	require.Empty(t, twilio.Requests())

	start := time.Now()
	require.Equal(t, 200, m.post(appSecret, "failed", notOnWhatsApp))
	sent := twilio.Next()
	t.Logf("from the receipt to the request at the SMS instance: %v", time.Since(start).Round(10*time.Microsecond))
	form, err := url.ParseQuery(sent.Body)
	require.NoError(t, err)
	require.Contains(t, form.Get("Body"), code)

	var wg sync.WaitGroup
	for range 10 {
		for _, status := range []string{"failed", "sent", "delivered"} {
			wg.Go(func() { m.post(appSecret, status, notOnWhatsApp) })
		}
	}
	wg.Wait()
	p.stop()
	require.Len(t, twilio.Requests(), 1)
	require.Contains(t, p.stderr.String(), `"message":"late fallback"`)
	for _, secret := range []string{code, strings.TrimPrefix(m.url, p.url), wamid, appSecret} {
		require.NotContains(t, p.stderr.String(), secret)
	}
}
