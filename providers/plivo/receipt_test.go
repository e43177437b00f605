package plivo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// receiver returns how to open a Receiver of the basic settings, changed.
func receiver(change func(*Settings)) func() (providers.Receiver, error) {
	return with(change).Receiver
}

func TestReceipts(t *testing.T) {
	for _, test := range []struct {
		dir    string
		change func(*Settings)
	}{
		{"token", asIs},
		{"subaccount", func(s *Settings) {
			s.AuthID, s.AuthToken = "SA0123456789ABCDEFGH", providers.NewSecret("subtoken+/==")
		}},
		{"example", func(s *Settings) { s.AuthToken = providers.NewSecret("0123456789abcdef") }},
	} {
		t.Run(test.dir, func(t *testing.T) {
			providertest.Receipts(t, receiver(test.change), "testdata/receipts/"+test.dir)
		})
	}
}

const (
	testAddress = "https://hook.example.com/receipts/plivo/Zm9yIC9yZWNlaXB0cw?m=msg-1"
	testNonce   = "05429567804466091622"
)

// reported returns what a signed call with these fields reports.
func reported(t *testing.T, fields url.Values) ([]providers.Receipt, error) {
	t.Helper()
	p, err := receiver(asIs)()
	require.NoError(t, err)
	r, err := http.NewRequest(http.MethodPost, testAddress, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-Plivo-Signature-V3", sign(basic().AuthToken, covered(r.Method, r.URL, fields)+"."+testNonce))
	r.Header.Set("X-Plivo-Signature-V3-Nonce", testNonce)
	return p.Receipts(r, []byte(fields.Encode()))
}

// Every documented status, and some that aren't.
func TestStates(t *testing.T) {
	for status, want := range map[string][]providers.Receipt{
		"queued":      {{ID: testMessage, State: providers.StateQueued}},
		"sent":        {{ID: testMessage, State: providers.StateSent}},
		"delivered":   {{ID: testMessage, State: providers.StateDelivered}},
		"Delivered":   {{ID: testMessage, State: providers.StateDelivered}},
		"read":        {{ID: testMessage, State: providers.StateRead}},
		"failed":      {{ID: testMessage, State: providers.StateFailed, Kind: providers.Recipient, Code: "50"}},
		"undelivered": {{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Recipient, Code: "50"}},
		"rejected":    {{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Recipient, Code: "50"}},
		"received":    nil,
		"new_in_2027": nil,
		"":            nil,
	} {
		got, err := reported(t, url.Values{"MessageUUID": {testMessage}, "Status": {status}, "ErrorCode": {"50"}})
		require.NoError(t, err, status)
		require.Equal(t, want, got, status)
	}
}

// An unknown reason ends the message only where it is Plivo that has refused it.
func TestReasons(t *testing.T) {
	for _, test := range []struct {
		status, given string
		kind          providers.Kind
		code          string
	}{
		{"failed", "80", providers.Temporary, "80"},
		{"failed", "30", providers.Rejected, "30"},
		{"failed", "200", providers.Recipient, "200"},
		{"failed", "450", providers.Rejected, "450"},
		{"failed", "451", providers.Recipient, "451"},
		{"failed", "900", providers.Account, "900"},
		{"failed", "999", providers.Temporary, "999"},
		{"failed", "000", providers.Temporary, "000"},
		{"failed", "", providers.Temporary, ""},
		{"failed", "+447700900123", providers.Temporary, ""},
		{"failed", "447700900123", providers.Temporary, ""},
		{"failed", "50\n", providers.Temporary, ""},
		{"undelivered", "999", providers.Temporary, "999"},
		{"rejected", "80", providers.Temporary, "80"},
		{"rejected", "999", providers.Recipient, "999"},
		{"Rejected", "999", providers.Recipient, "999"},
		{"rejected", "", providers.Recipient, ""},
	} {
		got, err := reported(t, url.Values{"MessageUUID": {testMessage}, "Status": {test.status}, "ErrorCode": {test.given}})
		require.NoError(t, err)
		state := states[strings.ToLower(test.status)]
		require.Equal(t, []providers.Receipt{{ID: testMessage, State: state, Kind: test.kind, Code: test.code}}, got, "%s %s", test.status, test.given)
	}
}

func TestSetup(t *testing.T) {
	p, err := receiver(asIs)()
	require.NoError(t, err)
	require.Equal(t, providers.ReceiptSetup{}, p.Setup())
}

// Only what was signed is accepted: all of it in version 3, the address in version 2.
func FuzzReceipts(f *testing.F) {
	const form = "MessageUUID=" + testMessage + "&Status=undelivered&ErrorCode=80&TotalRate=0.00500"
	token := basic().AuthToken
	home, err := url.Parse(testAddress)
	require.NoError(f, err)
	fields, err := url.ParseQuery(form)
	require.NoError(f, err)
	v2 := sign(token, address(home)+testNonce)
	post := covered(http.MethodPost, home, fields)
	v3, v3Get := sign(token, post+"."+testNonce), sign(token, covered(http.MethodGet, home, fields)+"."+testNonce)
	const delivered = "MessageUUID=" + testMessage + "&Status=delivered"
	f.Add(false, testAddress, []byte(form), v2, testNonce, "", "")
	f.Add(false, testAddress, []byte(delivered), v2, testNonce, "", "")
	f.Add(true, testAddress+"&"+form, []byte(nil), v2, testNonce, "", "")
	f.Add(false, testAddress, []byte(form), "", "", v3, testNonce)
	f.Add(false, testAddress, []byte(delivered), "", "", v3, testNonce)
	f.Add(false, testAddress, []byte(delivered), v3, post[len(address(home)):]+"."+testNonce, "", "")
	f.Add(true, testAddress+"&"+form, []byte(nil), "", "", v3Get, testNonce)
	f.Add(false, testAddress, []byte(form), "x,"+v2, testNonce, v3+", x", testNonce)
	f.Add(false, testAddress, []byte(form), "", "", "", "")

	signed := []providers.Receipt{{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Temporary, Code: "80"}}
	p, err := receiver(asIs)()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, get bool, called string, body []byte, signature2, nonce2, signature3, nonce3 string) {
		u, err := url.Parse(called)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}}
		if get {
			r.Method = http.MethodGet
		}
		r.Header.Set("X-Plivo-Signature-V2", signature2)
		r.Header.Set("X-Plivo-Signature-V2-Nonce", nonce2)
		r.Header.Set("X-Plivo-Signature-Ma-V3", signature3)
		r.Header.Set("X-Plivo-Signature-V3-Nonce", nonce3)
		receipts, err := p.Receipts(r, body)
		if len(receipts) == 0 {
			return
		}
		require.NoError(t, err)
		if address(u)+nonce2 == address(home)+testNonce { // then version 2 may have been good
			require.Regexp(t, providers.UUID, receipts[0].ID)
			require.Regexp(t, `^[0-9]{0,5}$`, receipts[0].Code)
			return
		}
		require.Equal(t, signed, receipts)
	})
}
