package call_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// Some providers want their key in the address, and errors of net/http begin with the address. The Caller of these tests
// isn't told of the key: it must not need to know.
func TestAddressIsNotShown(t *testing.T) {
	const key = "?api_key=SECRET&to=123"
	f := providertest.NewFake(t)
	address := func(base call.BaseURL) string { return string(base) + "/path" + key }
	for _, test := range []struct {
		name    string
		answer  providertest.Answer
		address string
	}{
		{"refused", providertest.Answer{}, address(providertest.Refusing(t))},
		{"closed", providertest.Answer{Fault: providertest.Close}, address(f.Base)},
		{"reset", providertest.Answer{Fault: providertest.Reset}, address(f.Base)},
		{"half", providertest.Answer{Fault: providertest.Half, Body: "0123456789"}, address(f.Base)},
		{"no scheme", providertest.Answer{}, "127.0.0.1" + key},
		{"bad port", providertest.Answer{}, "http://127.0.0.1:port/" + key},
		{"control character", providertest.Answer{}, "http://127.0.0.1/\x00" + key},
		{"another scheme", providertest.Answer{}, "gopher://127.0.0.1/" + key},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.Answer(test.answer)
			_, err := call.New(f.Client()).Do(t.Context(), providers.Message{}, call.Get(test.address))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "SECRET")
			require.NotContains(t, err.Error(), "api_key")
			require.NotContains(t, fmt.Sprintf("%+v %#v", err, errors.Unwrap(err)), "SECRET")
			var u *url.Error
			require.False(t, errors.As(err, &u), "no caller can unwrap an error that prints the address")
		})
	}
}

// What a provider echoes goes through Fail, Refuse and Decode, and through net/http where the answer isn't HTTP.
func TestEchoesAreNotShown(t *testing.T) {
	f := providertest.NewFake(t, providertest.Answer{Status: 400})
	request := post(f.Base).BasicAuth("user", providers.NewSecret(token))
	_, credentials, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	answer, err := call.New(f.Client(), providers.NewSecret(token)).Do(t.Context(), providertest.Message(), request)
	require.NoError(t, err)

	filler := strings.Repeat("é", 120)
	for _, echo := range append(providertest.Echoes([]string{token}), credentials, "user:"+token) {
		for _, text := range []string{echo, "bad value <" + echo + ">", "x" + echo + "x", filler + echo + filler + echo, echo + echo} {
			for _, err := range []error{
				answer.Fail(providers.Rejected, "", text),
				answer.Fail(providers.Rejected, text, ""),
				answer.Refuse(nil, text, text),
			} {
				providertest.AssertClean(t, err.Error(), token, credentials)
			}
		}
	}
}

// Even a Caller that was told of no secret knows the credential of its own request.
func TestAuthorizationIsNotShown(t *testing.T) {
	for _, header := range []string{"Bearer opaque-token-0123", "App key-0123:abc", "Basic dXNlcjpwYXNz"} {
		f := providertest.NewFake(t, providertest.Answer{Status: 400})
		request := post(f.Base)
		request.Header.Set("Authorization", header)
		answer, err := call.New(f.Client()).Do(t.Context(), providers.Message{}, request)
		require.NoError(t, err)
		scheme, credentials, _ := strings.Cut(header, " ")
		text := answer.Fail(providers.Account, "", "bad header "+header).Error()
		require.Equal(t, "account: answer 400: bad header "+scheme+" [secret]", text)
		require.NotContains(t, text, credentials)
	}
}

// A server that talks without speaking HTTP is quoted by net/http.
func TestGarbageIsNotShown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	garbage := make(chan string, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				r.ParseForm() // reads the body: a connection closed over unread bytes is reset
			}
			fmt.Fprint(conn, <-garbage)
			conn.Close()
		}
	}()
	for _, echo := range providertest.Echoes([]string{token}) {
		for _, format := range []string{"%s\r\n", "HTTP/1.1 ?%s\r\n\r\n", "HTTP/1.1 200 OK\r\n %s\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"} {
			garbage <- fmt.Sprintf(format, echo)
			_, err := do(t, call.NewClient(), call.BaseURL("http://"+listener.Addr().String()))
			requireFailure(t, err, providers.Unknown, "")
		}
	}
}
