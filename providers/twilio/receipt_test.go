package twilio

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// receiver returns how to open a Receiver of the basic settings, changed.
func receiver(change func(*Settings)) func() (providers.Receiver, error) {
	return with(change).Receiver
}

func keyAlone(s *Settings) {
	s.AuthToken = providers.Secret{}
	s.APIKey, s.APISecret = "SK0123456789abcdef0123456789abcdef", providers.NewSecret("key+secret/=:")
}

func TestReceipts(t *testing.T) {
	for _, test := range []struct {
		dir    string
		change func(*Settings)
	}{
		{"token", asIs},
		{"api-key", keyAlone},
		{"rotation", func(s *Settings) { s.AuthTokenOld = providers.NewSecret("old token") }},
		{"example", func(s *Settings) {
			s.AccountSID = "AC00000000000000000000000000000000"
			s.AuthToken = providers.NewSecret("0123456789abcdef0123456789abcdef")
		}},
	} {
		t.Run(test.dir, func(t *testing.T) {
			providertest.Receipts(t, receiver(test.change), "testdata/receipts/"+test.dir)
		})
	}
}

// reported returns what a call with these fields reports to an account that can't check signatures.
func reported(t *testing.T, fields url.Values) ([]providers.Receipt, error) {
	t.Helper()
	p, err := receiver(keyAlone)()
	require.NoError(t, err)
	fields.Set("AccountSid", testAccount)
	r, err := http.NewRequest(http.MethodPost, "https://hook.example.com/receipts/twilio/token", http.NoBody)
	require.NoError(t, err)
	return p.Receipts(r, []byte(fields.Encode()))
}

// Every status of the published enumeration, and some that aren't in it.
func TestStates(t *testing.T) {
	for status, want := range map[string][]providers.Receipt{
		"accepted":            {{ID: testMessage, State: providers.StateQueued}},
		"scheduled":           {{ID: testMessage, State: providers.StateQueued}},
		"queued":              {{ID: testMessage, State: providers.StateQueued}},
		"sending":             {{ID: testMessage, State: providers.StateQueued}},
		"sent":                {{ID: testMessage, State: providers.StateSent}},
		"partially_delivered": {{ID: testMessage, State: providers.StateSent}},
		"delivered":           {{ID: testMessage, State: providers.StateDelivered}},
		"Delivered":           {{ID: testMessage, State: providers.StateDelivered}},
		"read":                {{ID: testMessage, State: providers.StateRead}},
		"failed":              {{ID: testMessage, State: providers.StateFailed, Kind: providers.Recipient, Code: "30005"}},
		"canceled":            {{ID: testMessage, State: providers.StateFailed, Kind: providers.Recipient, Code: "30005"}},
		"undelivered":         {{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Recipient, Code: "30005"}},
		"receiving":           nil,
		"received":            nil,
		"new_in_2027":         nil,
		"":                    nil,
	} {
		got, err := reported(t, url.Values{"MessageSid": {testMessage}, "MessageStatus": {status}, "ErrorCode": {"30005"}})
		require.NoError(t, err, status)
		require.Equal(t, want, got, status)
	}
}

func TestReasons(t *testing.T) {
	for _, test := range []struct {
		given string
		kind  providers.Kind
		code  string
	}{
		{"30003", providers.Temporary, "30003"},
		{"30007", providers.Rejected, "30007"},
		{"30410", providers.Unknown, "30410"},
		{"21610", providers.Recipient, "21610"},
		{"63003", providers.Channel, "63003"},
		{"63007", providers.Account, "63007"},
		{"39999", providers.Temporary, "39999"},
		{"", providers.Temporary, ""},
		{"+447700900123", providers.Temporary, ""},
		{"447700900123", providers.Temporary, ""},
		{"30005\n", providers.Temporary, ""},
	} {
		got, err := reported(t, url.Values{"MessageSid": {testMessage}, "MessageStatus": {"failed"}, "ErrorCode": {test.given}})
		require.NoError(t, err)
		want := providers.Receipt{ID: testMessage, State: providers.StateFailed, Kind: test.kind, Code: test.code}
		require.Equal(t, []providers.Receipt{want}, got, test.given)
	}
}

func TestSetup(t *testing.T) {
	for _, test := range []struct {
		change func(*Settings)
		want   providers.ReceiptSetup
	}{
		{asIs, providers.ReceiptSetup{}},
		{func(s *Settings) { token := s.AuthToken; keyAlone(s); s.AuthToken = token }, providers.ReceiptSetup{}},
		{keyAlone, providers.ReceiptSetup{
			Unsigned: "AUTH_TOKEN is missing: Twilio signs with the account's auth token, also if an API key has sent the message",
		}},
	} {
		p, err := receiver(test.change)()
		require.NoError(t, err)
		require.Equal(t, test.want, p.Setup())
	}
}

// Only what was signed is accepted.
func FuzzReceipts(f *testing.F) {
	const (
		address = "https://hook.example.com/receipts/twilio/Zm9yIC9yZWNlaXB0cw?m=msg-1"
		form    = "AccountSid=" + testAccount + "&MessageSid=" + testMessage + "&MessageStatus=undelivered&ErrorCode=30003"
		object  = `{"AccountSid":"` + testAccount + `","MessageSid":"` + testMessage + `","MessageStatus":"undelivered","ErrorCode":30003}`
	)
	summed := address + "&bodySHA256=" + sha256Hex([]byte(object))
	token := providers.NewSecret(testToken)
	fields, err := url.ParseQuery(form)
	require.NoError(f, err)
	ofForm, ofObject := sign(token, address+concatenate(fields)), sign(token, summed)
	f.Add(address, []byte(form), ofForm)
	f.Add(address, bytes.Replace([]byte(form), []byte("undelivered"), []byte("delivered"), 1), ofForm)
	f.Add(address+"2", []byte(form), ofForm)
	f.Add(summed, []byte(object), ofObject)
	f.Add(summed, bytes.Replace([]byte(object), []byte("undelivered"), []byte("delivered"), 1), ofObject)
	f.Add(address, []byte(object), ofObject)
	f.Add(address+"&"+form, []byte(nil), ofForm)
	f.Add(address, []byte(form), "")

	signed := []providers.Receipt{{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Temporary, Code: "30003"}}
	p, err := receiver(asIs)()
	require.NoError(f, err)
	open, err := receiver(keyAlone)()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, address string, body []byte, signature string) {
		u, err := url.Parse(address)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{"X-Twilio-Signature": {signature}}}
		receipts, err := p.Receipts(r, body)
		if len(receipts) > 0 {
			require.NoError(t, err)
			require.Equal(t, signed, receipts)
			require.Contains(t, []string{ofForm, ofObject}, signature)
		}
		receipts, err = open.Receipts(r, body)
		require.True(t, err == nil || receipts == nil)
		for _, receipt := range receipts {
			require.Regexp(t, messageSID, receipt.ID)
			require.Regexp(t, `^[0-9]{0,5}$`, receipt.Code)
		}
	})
}
