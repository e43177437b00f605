package call_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

func TestKindOf(t *testing.T) {
	next := 300
	for _, test := range []struct {
		from, to int
		want     providers.Kind
	}{
		{300, 399, providers.Account},
		{400, 400, providers.Rejected},
		{401, 403, providers.Account},
		{404, 407, providers.Rejected},
		{408, 408, providers.Temporary},
		{409, 428, providers.Rejected},
		{429, 429, providers.Temporary},
		{430, 499, providers.Rejected},
		{500, 599, providers.Temporary},
	} {
		require.Equal(t, next, test.from, "no status is left out")
		for status := test.from; status <= test.to; status++ {
			require.Equal(t, test.want, call.KindOf(status), "status %d", status)
		}
		next = test.to + 1
	}
	require.Equal(t, 600, next)
}

// countingBody is a body without end.
type countingBody struct{ read int }

func (b *countingBody) Read(p []byte) (int, error) {
	b.read += len(p)
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

func (b *countingBody) Close() error { return nil }

func TestBodyWithoutEnd(t *testing.T) {
	for _, status := range []int{200, 201, 299, 302, 400, 500} {
		body := new(countingBody)
		answer, err := do(t, client(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: body}, nil
		}), "https://provider.example")
		require.LessOrEqual(t, body.read, 2*call.MaxAnswer)
		if status/100 == 2 {
			requireFailure(t, err, providers.Unknown, "is over 65536 bytes")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, status, answer.Status)
		require.Len(t, answer.Body, call.MaxAnswer+1)
	}
}

func TestBodyAtTheLimit(t *testing.T) {
	f := providertest.NewFake(t)
	for _, test := range []struct {
		size int
		ok   bool
	}{
		{call.MaxAnswer, true},
		{call.MaxAnswer + 1, false},
		{10 << 20, false},
	} {
		f.Answer(providertest.Answer{Status: 200, Body: strings.Repeat("x", test.size)})
		answer, err := do(t, f.Client(), f.Base)
		if !test.ok {
			requireFailure(t, err, providers.Unknown, "answer 200 is over 65536 bytes")
		} else {
			require.NoError(t, err)
			require.Len(t, answer.Body, test.size)
		}
		f.Answer(providertest.Answer{Status: 500, Body: strings.Repeat("x", test.size)})
		answer, err = do(t, f.Client(), f.Base)
		require.NoError(t, err)
		require.Equal(t, 500, answer.Status)
		require.LessOrEqual(t, len(answer.Body), call.MaxAnswer+1)
	}
}

func TestHalfABody(t *testing.T) {
	f := providertest.NewFake(t, providertest.Answer{Status: 201, Body: `{"sid":"SM1"}`, Fault: providertest.Half})
	_, err := do(t, f.Client(), f.Base)
	requireFailure(t, err, providers.Unknown, "answer 201 broken off: unexpected EOF")

	f.Answer(providertest.Answer{Status: 500, Body: "0123456789", Fault: providertest.Half})
	answer, err := do(t, f.Client(), f.Base)
	require.NoError(t, err)
	require.Equal(t, 500, answer.Status)
	require.Equal(t, "01234", string(answer.Body))
}

// A success that isn't JSON may have been one. A failure is one, whatever it looks like.
func TestDecode(t *testing.T) {
	const page = "<!DOCTYPE html><html>+447700900123 482913</html>"
	for _, body := range []string{page, "", "{", `{"a":482913}`, `[1]`, `"482913"`, `{"a":"x"} trailing`} {
		f := providertest.NewFake(t, providertest.Answer{Status: 200, Body: body})
		answer, err := do(t, f.Client(), f.Base)
		require.NoError(t, err)
		var v struct{ A string }
		requireFailure(t, answer.Decode(&v), providers.Unknown, "answer 200: the answer is not the JSON it should be")

		f.Answer(providertest.Answer{Status: 500, Body: body})
		answer, err = do(t, f.Client(), f.Base)
		require.NoError(t, err)
		require.NoError(t, answer.Decode(&v))
	}
	f := providertest.NewFake(t, providertest.Answer{Status: 299, Body: ` {"a":"x","b":[1]} ` + "\n"})
	answer, err := do(t, f.Client(), f.Base)
	require.NoError(t, err)
	var v struct{ A string }
	require.NoError(t, answer.Decode(&v))
	require.Equal(t, "x", v.A)
}

func TestRefuse(t *testing.T) {
	codes := providers.Codes{"1": providers.Recipient, "": providers.Channel}
	for _, test := range []struct {
		status     int
		codes      providers.Codes
		code, text string
		want       string
	}{
		{400, codes, "1", "no", "recipient (code 1): answer 400: no"},
		{500, codes, "1", "", "recipient (code 1): answer 500"},
		{400, codes, "2", "no", "rejected (code 2): answer 400: no"},
		{503, codes, "2", "no", "temporary (code 2): answer 503: no"},
		{401, nil, "", "", "account: answer 401"},
		{400, codes, "482913", "482913", "rejected (code [secret]): answer 400: [secret]"},
		{400, codes, "", "", "channel: answer 400"},
	} {
		f := providertest.NewFake(t, providertest.Answer{Status: test.status})
		answer, err := do(t, f.Client(), f.Base)
		require.NoError(t, err)
		require.EqualError(t, answer.Refuse(test.codes, test.code, test.text), test.want)
	}
}

// The provider takes a second for each byte; the deadline comes in the middle of the header, or of the body.
func TestSlowAnswers(t *testing.T) {
	slow := providertest.Answer{Status: 201, Body: strings.Repeat("x", 100), Drip: time.Second}
	failing := slow
	failing.Status = 500
	for _, test := range []struct {
		name   string
		answer providertest.Answer
		end    time.Duration
		want   string // of the error; empty for an answer of 500
	}{
		{"silence", providertest.Answer{Fault: providertest.Hang}, 4 * time.Second, "unknown: no answer: context deadline exceeded"},
		{"late", providertest.Answer{Delay: 5 * time.Second}, 4 * time.Second, "unknown: no answer: context deadline exceeded"},
		{"slow header", slow, 20 * time.Second, "unknown: no answer: context deadline exceeded"},
		{"slow body", slow, 80 * time.Second, "unknown: answer 201 broken off: context deadline exceeded"},
		{"slow body of a failure: the status says enough", failing, 38500 * time.Millisecond, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := providertest.NewPipeFake(t, test.answer)
				ctx, cancel := context.WithTimeout(t.Context(), test.end)
				defer cancel()
				start := time.Now()
				answer, err := call.New(f.Client()).Do(ctx, providertest.Message(), post(f.Base))
				require.Equal(t, test.end, time.Since(start))
				if test.want != "" {
					require.EqualError(t, err, test.want)
					return
				}
				require.NoError(t, err)
				require.Equal(t, 500, answer.Status)
			})
		})
	}
}

// An answer that is in time is taken, however slow.
func TestSlowButInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: "{}", Delay: time.Second, Drip: 10 * time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		answer, err := call.New(f.Client()).Do(ctx, providertest.Message(), post(f.Base))
		require.NoError(t, err)
		require.Equal(t, "{}", string(answer.Body))
	})
}

// A body that is left open keeps its connection forever.
func TestAnswerIsClosed(t *testing.T) {
	for _, size := range []int{0, 10, call.MaxAnswer, 2 * call.MaxAnswer} {
		closed := 0
		_, _ = do(t, client(func(*http.Request) (*http.Response, error) {
			body := io.NopCloser(strings.NewReader(strings.Repeat("x", size)))
			return &http.Response{StatusCode: 200, Body: closeCounter{body, &closed}}, nil
		}), "https://provider.example")
		require.Equal(t, 1, closed, "body of %d bytes", size)
	}
}

type closeCounter struct {
	io.ReadCloser
	count *int
}

func (c closeCounter) Close() error { *c.count++; return c.ReadCloser.Close() }

// A provider that switches protocols takes the connection out of the deadline's hands.
func TestSwitchingProtocols(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold); listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.Copy(io.Discard, r.Body)
		}
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
		<-hold
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = call.New(call.NewClient()).Do(ctx, providertest.Message(), post(call.BaseURL("http://"+listener.Addr().String())))
	requireFailure(t, err, providers.Unknown, "answer 101 is no answer")
	require.NoError(t, ctx.Err(), "at once")
}
