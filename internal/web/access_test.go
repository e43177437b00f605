package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is the answer of a handler to a request.
func asked(h http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func typing(password string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(url.Values{"password": {password}}.Encode()))
	}
}

const password = "correct horse battery"

// Requests for a name that somebody else may own are refused, and so is what another site makes a browser send.
func TestHosts(t *testing.T) {
	behind, err := url.Parse("https://Ops.example.com/smshook")
	require.NoError(t, err)
	alone := (&Page{Source: newStage()}).Handler()
	guarded := (&Page{Source: newStage(), Password: NewPassword(password)}).Handler()
	proxied := (&Page{Source: newStage(), Password: NewPassword(password), URL: behind}).Handler()
	inbox := testInbox().Handler()
	for _, tt := range []struct {
		name    string
		handler http.Handler
		host    string
		want    int
	}{
		{"alone", alone, "localhost:9090", 200},
		{"alone", alone, "127.0.0.1:9090", 200},
		{"alone", alone, "[::1]:9090", 200},
		{"alone", alone, "a.localhost", 200},
		{"alone", alone, "192.168.0.7:9090", 421},
		{"alone", alone, "smshook:9090", 421},
		{"alone", alone, "evil.example.com:9090", 421},
		{"alone", alone, "localhost.evil.example.com", 421},
		{"alone", alone, "127.0.0.1.evil.example.com", 421},
		{"guarded", guarded, "192.168.0.7:9090", 401},
		{"guarded", guarded, "smshook:9090", 401},
		{"guarded", guarded, "ops.example.com", 421},
		{"proxied", proxied, "ops.example.com", 401},
		{"proxied", proxied, "OPS.example.com:443", 401},
		{"proxied", proxied, "evil.example.com", 421},
		{"inbox", inbox, "localhost:8026", 200},
		{"inbox", inbox, "host.docker.internal:8026", 200},
		{"inbox", inbox, "smshook:8026", 200},
		{"inbox", inbox, "evil.example.com:8026", 421},
		{"inbox", inbox, "docker.internal.evil.example.com", 421},
	} {
		require.Equal(t, tt.want, asked(tt.handler, http.MethodGet, "/", func(r *http.Request) { r.Host = tt.host }).Code, "%s %s", tt.name, tt.host)
	}
}

func TestOtherSites(t *testing.T) {
	inbox := testInbox()
	inbox.Add(inboxMessage(1))
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}} {
		deny := func(r *http.Request) {
			r.Host = "localhost"
			r.Header.Set(header[0], header[1])
		}
		require.Equal(t, 403, asked(inbox.Handler(), http.MethodDelete, "/messages", deny).Code, header)
		s := newStage()
		h := (&Page{Source: s}).Handler()
		for _, path := range []string{"/setup/send", "/setup/check", "/search", "/login", "/logout"} {
			require.Equal(t, 403, asked(h, http.MethodPost, path, deny).Code, "%s %s", path, header)
		}
		require.Empty(t, s.sent)
	}
	require.Len(t, inbox.find("", time.Time{}), 1)
}

// Whatever the answer is, the page keeps to itself.
func TestHeaders(t *testing.T) {
	h := (&Page{Source: newStage(), Password: NewPassword(password)}).Handler()
	for _, path := range []string{"/", "/assets/page.css", "/nothing"} {
		w := asked(h, http.MethodGet, path, func(r *http.Request) { r.Host = "localhost" })
		require.Equal(t, contentPolicy, w.Header().Get("Content-Security-Policy"), path)
		require.NotContains(t, contentPolicy, "unsafe")
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	}
}

// A proxy on this machine would show a page without a password to everybody.
func TestBehindAProxyWithoutAPassword(t *testing.T) {
	h := (&Page{Source: newStage()}).Handler()
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		w := asked(h, http.MethodGet, "/", func(r *http.Request) {
			r.Host = "127.0.0.1:9090"
			r.Header.Set(name, "203.0.113.7")
		})
		require.Equal(t, 403, w.Code, name)
		require.Equal(t, "behind a proxy, the page needs a password: set SMSHOOK_ADMIN_PASSWORD\n", w.Body.String())
	}
}

func TestSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := &Page{Source: newStage(), Password: NewPassword(password)}
		h := page.Handler()
		local := func(change func(*http.Request)) func(*http.Request) {
			return func(r *http.Request) {
				r.Host = "localhost"
				if change != nil {
					change(r)
				}
			}
		}
		// Without a session, nothing is shown.
		for _, path := range []string{"/", "/messages", "/messages/x", "/delivery", "/protection", "/texts", "/setup", "/events", "/nothing"} {
			require.Equal(t, 401, asked(h, http.MethodGet, path, local(nil)).Code, path)
		}
		for _, path := range []string{"/search", "/setup/check", "/setup/draft", "/setup/send", "/logout"} {
			require.Equal(t, 401, asked(h, http.MethodPost, path, local(nil)).Code, path)
		}
		w := asked(h, http.MethodPost, "/login", local(typing(password)))
		require.Equal(t, 303, w.Code)
		cookie := w.Result().Cookies()[0]
		require.Equal(t, []any{sessionCookie, "/", true, http.SameSiteStrictMode, int(sessionLife / time.Second)},
			[]any{cookie.Name, cookie.Path, cookie.HttpOnly, cookie.SameSite, cookie.MaxAge})
		mine := local(func(r *http.Request) { r.AddCookie(cookie) })
		require.Equal(t, 200, asked(h, http.MethodGet, "/setup", mine).Code)
		require.Equal(t, 401, asked(h, http.MethodGet, "/setup", local(func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: cookie.Value + "x"})
		})).Code)

		// A session ends, by itself and when its owner says so.
		time.Sleep(sessionLife - time.Second)
		require.Equal(t, 200, asked(h, http.MethodGet, "/setup", mine).Code)
		time.Sleep(time.Second)
		require.Equal(t, 401, asked(h, http.MethodGet, "/setup", mine).Code)
		cookie = asked(h, http.MethodPost, "/login", local(typing(password))).Result().Cookies()[0]
		require.Equal(t, 200, asked(h, http.MethodGet, "/setup", mine).Code)
		require.Equal(t, 303, asked(h, http.MethodPost, "/logout", mine).Code)
		require.Equal(t, 401, asked(h, http.MethodGet, "/setup", mine).Code)

		// After five wrong passwords in a minute, also the right one waits.
		for range wrongAMinute {
			require.Equal(t, 401, asked(h, http.MethodPost, "/login", local(typing("wrong"))).Code)
		}
		require.Equal(t, 429, asked(h, http.MethodPost, "/login", local(typing(password))).Code)
		time.Sleep(time.Minute)
		require.Equal(t, 303, asked(h, http.MethodPost, "/login", local(typing(password))).Code)
	})
}

// No password is right where none is set.
func TestNoPassword(t *testing.T) {
	require.False(t, NewPassword("").is(""))
	h := (&Page{Source: newStage()}).Handler()
	require.Equal(t, 401, asked(h, http.MethodPost, "/login", func(r *http.Request) {
		r.Host = "localhost"
		typing("")(r)
	}).Code)
}

func TestSessionsAreBounded(t *testing.T) {
	var s sessions
	now := time.Now()
	for i := range 3 * maxSessions {
		s.start(now.Add(time.Duration(i)))
	}
	require.Len(t, s.open, maxSessions)
}

// Behind a proxy that adds a path, all addresses have it, whether the proxy removes it or not.
func TestPrefix(t *testing.T) {
	behind, err := url.Parse("https://ops.example.com/tools/smshook/")
	require.NoError(t, err)
	page := &Page{Source: seeded(5), Password: NewPassword(password), URL: behind}
	h := page.Handler()
	there := func(r *http.Request) {
		r.Host = "ops.example.com"
		typing(password)(r)
	}
	w := asked(h, http.MethodPost, "/tools/smshook/login", there)
	require.Equal(t, []any{303, "/tools/smshook/"}, []any{w.Code, w.Header().Get("Location")})
	cookie := w.Result().Cookies()[0]
	require.Equal(t, []any{"/tools/smshook/", true}, []any{cookie.Path, cookie.Secure})
	for _, path := range []string{"/tools/smshook/messages", "/messages"} {
		w := asked(h, http.MethodGet, path, func(r *http.Request) {
			r.Host = "ops.example.com"
			r.AddCookie(cookie)
		})
		require.Equal(t, 200, w.Code)
		for _, part := range []string{"href=\"", "src=\"", "action=\"", "hx-get=\"", "sse-connect=\""} {
			for rest := range strings.SplitSeq(w.Body.String(), part) {
				if strings.HasPrefix(rest, "<!doctype") || strings.HasPrefix(rest, "#") {
					continue
				}
				require.True(t, strings.HasPrefix(rest, "/tools/smshook/"), "%s%.60s", part, rest)
			}
		}
	}
	require.Equal(t, "/tools/smshook/", asked(h, http.MethodGet, "/tools/smshook", there).Header().Get("Location"))
}
