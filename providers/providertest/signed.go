package providertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// Signed is a delivery receipt as a provider calls with it, before it is signed.
type Signed struct {
	Opener Opener

	Method  string // POST if empty
	Address string // that of [Opener.ReceiptAddress] if empty
	Header  http.Header
	Body    string // a form or JSON

	// Sign signs a call as the provider does, at the time of [time.Now]: it adds headers to r or changes r.URL, and returns the body,
	// which it changes if the signature stands there. It is written from the provider's documentation, apart from the code that
	// checks signatures.
	Sign func(r *http.Request, body []byte) []byte

	Want []providers.Receipt // one of them a failure with a code

	// CoversAddress says that the signature covers the whole address with its query.
	CoversAddress bool
	// CoversNoBody says that the signature doesn't cover the body.
	CoversNoBody bool
	// Lasts is how long after the signing a call is accepted; 0 if the signature has no time. A call that was signed in the future is
	// accepted up to [providers.ClockError].
	Lasts time.Duration
}

// RunSigned tests that a Receiver accepts the call as it was signed, and refuses it by [providers.ErrForged] if a byte of what is signed
// has changed or a header of the signature is missing; without the signature, [providers.ErrUnsigned] will do. Where the changed body
// is no longer a form or JSON, any error will do.
//
// It also puts the number, the code and the text into each field of the body, and expects that no ID, Code or error repeats them.
func RunSigned(t *testing.T, s Signed) {
	failure := func(r providers.Receipt) bool { return r.State.Failed() && r.Code != "" }
	require.True(t, slices.ContainsFunc(s.Want, failure), "want a failure with a code, to test what becomes of codes")
	t.Run("as it was signed", func(t *testing.T) { s.run(t, func(c *signedCall) { c.accepted() }) })
	t.Run("another field", func(t *testing.T) { s.run(t, anotherField) })
	t.Run("echoes", func(t *testing.T) { s.run(t, echoedReceipts) })
	t.Run("a body that can't be read", func(t *testing.T) { s.run(t, brokenBodies) })
	if !s.CoversNoBody {
		t.Run("another body", func(t *testing.T) { s.run(t, otherBodies) })
	}
	t.Run("another header", func(t *testing.T) { s.run(t, otherHeaders) })
	t.Run("no header", func(t *testing.T) { s.run(t, missingHeaders) })
	if s.CoversAddress {
		t.Run("another address", func(t *testing.T) { s.run(t, otherAddresses) })
	}
	if s.Lasts == 0 {
		t.Run("no time", func(t *testing.T) { s.run(t, noTime) })
		return
	}
	t.Run("too late", func(t *testing.T) { s.run(t, tooLate) })
	t.Run("too early", func(t *testing.T) { s.tooEarly(t) })
}

func (s Signed) run(t *testing.T, test func(*signedCall)) {
	synctest.Test(t, func(t *testing.T) {
		c := s.open(t)
		c.sign(s.Body)
		test(c)
	})
}

func (s Signed) open(t *testing.T) *signedCall {
	t.Helper()
	receiver, err := s.Opener.Receiver()
	require.NoError(t, err)
	return &signedCall{Signed: s, t: t, receiver: receiver}
}

// signedCall is one signed call, which a test may change.
type signedCall struct {
	Signed
	t        *testing.T
	receiver providers.Receiver

	address string
	header  http.Header
	added   []string // the headers that Sign has added
	body    []byte
}

func (c *signedCall) sign(body string) {
	c.t.Helper()
	c.added = nil
	c.address, c.header = c.Address, c.Header.Clone()
	if c.address == "" {
		c.address = c.Opener.ReceiptAddress()
	}
	if c.header == nil {
		c.header = http.Header{}
	}
	r := c.request()
	c.body = c.Sign(r, []byte(body))
	c.address = r.URL.String()
	for name := range r.Header {
		if r.Header.Get(name) != c.Header.Get(name) {
			c.added = append(c.added, name)
		}
	}
	slices.Sort(c.added)
	c.header = r.Header
}

// request returns the call as the server passes it on, or nil if the address is none.
func (c *signedCall) request() *http.Request {
	u, err := url.Parse(c.address)
	if err != nil {
		return nil
	}
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	return &http.Request{Method: method, URL: u, Header: c.header.Clone()}
}

func (c *signedCall) accepted() {
	c.t.Helper()
	receipts, err := c.receiver.Receipts(c.request(), c.body)
	require.NoError(c.t, err)
	require.Equal(c.t, c.Want, receipts)
}

func (c *signedCall) refused(what string) {
	c.t.Helper()
	r := c.request()
	if r == nil {
		return
	}
	receipts, err := c.receiver.Receipts(r, c.body)
	require.Error(c.t, err, what)
	require.Empty(c.t, receipts, what)
	c.unquoted(err)
	if c.readable() {
		require.True(c.t, isAny(err, providers.ErrForged, providers.ErrUnsigned), "%s: %v", what, err)
	}
}

// readable reports whether the body is still of the kind that it was before the change: JSON or a form.
func (c *signedCall) readable() bool {
	if json.Valid([]byte(c.Body)) {
		return json.Valid(c.body)
	}
	_, err := url.ParseQuery(string(c.body))
	return err == nil
}

func otherBodies(c *signedCall) {
	signed := c.body
	for i := range signed {
		c.body = changed(signed, i, 1)
		c.refused("body " + string(c.body))
	}
	for _, c.body = range [][]byte{nil, signed[:len(signed)-1], append(bytes.Clone(signed), 'x')} {
		c.refused("body " + string(c.body))
	}
}

// changed returns a text with one byte changed. In Base64, the lowest bits of the last character may mean nothing. The bit for headers
// is one that always means something.
func changed(text []byte, i int, bit byte) []byte {
	text = bytes.Clone(text)
	text[i] ^= bit
	return text
}

func otherHeaders(c *signedCall) {
	for _, name := range c.added {
		value := c.header.Get(name)
		for i := range value {
			c.header.Set(name, string(changed([]byte(value), i, 0x10)))
			c.refused(name + ": " + c.header.Get(name))
		}
		for _, other := range []string{"", value[:len(value)-1], value[1:], strings.Repeat(value, 2)} {
			c.header.Set(name, other)
			c.refused(name + ": " + other)
		}
		c.header.Set(name, value)
	}
}

func missingHeaders(c *signedCall) {
	for _, name := range c.added {
		value := c.header.Get(name)
		c.header.Del(name)
		c.refused("without " + name)
		c.header.Set(name, value)
	}
}

func otherAddresses(c *signedCall) {
	signed := c.address
	path := strings.Index(signed, "/receipts")
	for i := path + 1; i < len(signed); i++ {
		c.address = string(changed([]byte(signed), i, 1))
		c.refused("address " + c.address)
	}
	c.address = signed + "&x=1"
	c.refused("address " + c.address)
}

func tooLate(c *signedCall) {
	time.Sleep(c.Lasts)
	c.accepted()
	time.Sleep(time.Second)
	c.refused("too late")
}

// tooEarly makes calls that were signed in the future. Each bubble of synctest begins at the same time.
func (s Signed) tooEarly(t *testing.T) {
	for _, test := range []struct {
		ahead time.Duration
		check func(*signedCall)
	}{
		{providers.ClockError, func(c *signedCall) { c.accepted() }},
		{providers.ClockError + time.Second, func(c *signedCall) { c.refused("too early") }},
		{100 * 365 * 24 * time.Hour, func(c *signedCall) { c.refused("a century too early") }},
	} {
		var signed *signedCall
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(test.ahead)
			signed = s.open(t)
			signed.sign(s.Body)
		})
		synctest.Test(t, func(t *testing.T) {
			c := s.open(t)
			c.address, c.header, c.added, c.body = signed.address, signed.header, signed.added, signed.body
			test.check(c)
		})
	}
}

// noTime finds a signature with a time, for which Lasts is missing. Where each signature has something random, it finds none.
func noTime(c *signedCall) {
	signature := func() string {
		c.sign(c.Body)
		return c.request().URL.String() + string(c.body) + Request{Header: c.header}.String()
	}
	first := signature()
	if first != signature() {
		return
	}
	time.Sleep(time.Hour)
	require.Equal(c.t, first, signature(), "the signature has a time: Lasts is missing")
}
