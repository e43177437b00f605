package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// Password is a password, as its hash. The zero Password is none.
type Password struct {
	sum [sha256.Size]byte
	set bool
}

// NewPassword returns a Password. An empty text is none.
func NewPassword(text string) Password { return Password{sha256.Sum256([]byte(text)), text != ""} }

// is compares in a time that says nothing about the password.
func (p Password) is(typed string) bool {
	sum := sha256.Sum256([]byte(typed))
	return subtle.ConstantTimeCompare(sum[:], p.sum[:]) == 1 && p.set
}

const (
	sessionLife   = 12 * time.Hour
	maxSessions   = 100
	wrongAMinute  = 5
	sessionCookie = "smshook_session"
)

// sessions are those who have signed in. They are in memory: a restart ends them all.
type sessions struct {
	mu    sync.Mutex
	open  map[[sha256.Size]byte]time.Time // until when, by the hash of the token
	wrong []time.Time                     // when a password was wrong, in the last minute
}

// try reports whether a password is right. After too many wrong ones, it isn't even looked at.
func (s *sessions) try(right Password, typed string, now time.Time) (ok, tooMany bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.wrong) > 0 && now.Sub(s.wrong[0]) >= time.Minute {
		s.wrong = s.wrong[1:]
	}
	if len(s.wrong) >= wrongAMinute {
		return false, true
	}
	if right.is(typed) {
		return true, false
	}
	s.wrong = append(s.wrong, now)
	return false, false
}

// start begins a session. If there are too many, the one that ends first ends now.
func (s *sessions) start(now time.Time) (token string) {
	token = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[[sha256.Size]byte]time.Time{}
	}
	var first [sha256.Size]byte
	for key, until := range s.open {
		if !now.Before(until) {
			delete(s.open, key)
		} else if end, found := s.open[first]; !found || until.Before(end) {
			first = key
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, first)
	}
	s.open[sha256.Sum256([]byte(token))] = now.Add(sessionLife)
	return token
}

// valid reports whether a request belongs to a session.
func (s *sessions) valid(r *http.Request, now time.Time) bool {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, found := s.open[sha256.Sum256([]byte(cookie.Value))]
	return found && now.Before(until)
}

// end ends the session of a request.
func (s *sessions) end(r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, sha256.Sum256([]byte(cookie.Value)))
	}
}

// signedIn lets those through who have signed in. Without a password, only this machine can reach the page, and nobody has to: but then
// nothing may stand between the browser and the page, since a proxy would show it to others.
func (p *Page) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case p.Password.set && !p.sessions.valid(r, time.Now()):
			if isPart(r) || r.URL.Path == "/events" {
				w.Header().Set("HX-Refresh", "true")
				http.Error(w, "the session is over", http.StatusUnauthorized)
				return
			}
			show(w, r, http.StatusUnauthorized, loginPage(p.base(), ""))
		case !p.Password.set && forwarded(r):
			http.Error(w, "behind a proxy, the page needs a password: set SMSHOOK_ADMIN_PASSWORD", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// forwarded reports whether a proxy has passed a request on. Proxies that don't say so exist.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// login takes a password.
func (p *Page) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	ok, tooMany := p.sessions.try(p.Password, r.PostFormValue("password"), time.Now())
	switch {
	case tooMany:
		show(w, r, http.StatusTooManyRequests, loginPage(p.base(), "Too many wrong passwords. Wait a minute."))
	case !ok:
		show(w, r, http.StatusUnauthorized, loginPage(p.base(), "This is not the password."))
	default:
		http.SetCookie(w, p.cookie(r, p.sessions.start(time.Now()), int(sessionLife/time.Second)))
		http.Redirect(w, r, p.base(), http.StatusSeeOther)
	}
}

func (p *Page) logout(w http.ResponseWriter, r *http.Request) {
	p.sessions.end(r)
	http.SetCookie(w, p.cookie(r, "", -1))
	http.Redirect(w, r, p.base(), http.StatusSeeOther)
}

func (p *Page) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: p.base(), MaxAge: age, HttpOnly: true,
		Secure: r.TLS != nil || p.URL != nil && p.URL.Scheme == "https", SameSite: http.SameSiteStrictMode,
	}
}
