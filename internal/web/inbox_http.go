package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// maxWait is the longest time that a request for messages may wait.
const maxWait = time.Minute

// Handler serves the page at /, and the messages as JSON at /messages.
func (b *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	serveAssets(mux)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		messages := b.find("", time.Time{})
		if isPart(r) {
			show(w, r, http.StatusOK, inboxList(b, messages))
			return
		}
		show(w, r, http.StatusOK, inboxPage(b, messages))
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { b.changes.stream(w, r, 0) })
	mux.HandleFunc("GET /messages", b.list)
	mux.HandleFunc("DELETE /messages", func(w http.ResponseWriter, r *http.Request) {
		b.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /calls/{name}", b.call)
	return forHosts(private, nil, "; use localhost or an IP address", secured(mux))
}

// list answers GET /messages?to=&since=&wait= with JSON, the newest message first.
func (b *Inbox) list(w http.ResponseWriter, r *http.Request) {
	query, err := readInboxQuery(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if query.wait > 0 {
		leave, ok := b.changes.enter()
		if !ok {
			http.Error(w, "too many requests wait", http.StatusServiceUnavailable)
			return
		}
		defer leave()
		controller := http.NewResponseController(w)
		_ = controller.SetReadDeadline(time.Time{})
		_ = controller.SetWriteDeadline(time.Now().Add(query.wait + writing))
	}
	body, err := json.Marshal(b.await(r.Context(), query.to, query.since, query.wait))
	if err != nil {
		http.Error(w, "a message can't be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

type inboxQuery struct {
	to    string // digits
	since time.Time
	wait  time.Duration
}

func readInboxQuery(values url.Values) (inboxQuery, error) {
	for name := range values {
		if name != "to" && name != "since" && name != "wait" {
			return inboxQuery{}, errors.New("there are only to, since and wait")
		}
	}
	var q inboxQuery
	if to := values.Get("to"); to != "" {
		if q.to = digits(to); q.to == "" {
			return inboxQuery{}, errors.New("to: want a number such as +15555550100")
		}
	}
	var err error
	if since := values.Get("since"); since != "" {
		if q.since, err = time.Parse(time.RFC3339, since); err != nil {
			return inboxQuery{}, errors.New("since: want a time such as 2026-01-31T12:00:00Z")
		}
	}
	if wait := values.Get("wait"); wait != "" {
		if q.wait, err = time.ParseDuration(wait); err != nil || q.wait < 0 || q.wait > maxWait {
			return inboxQuery{}, errors.New("wait: want a duration from 0s to 1m, such as 10s")
		}
	}
	return q, nil
}

// call sends one of the calls, and answers with what came of it.
func (b *Inbox) call(w http.ResponseWriter, r *http.Request) {
	for _, c := range b.Calls {
		if c.Name == r.PathValue("name") {
			show(w, r, http.StatusOK, inboxSaid(c.Title+": "+b.Send(r.Context(), c.Name)))
			return
		}
	}
	http.Error(w, "there is no such call", http.StatusNotFound)
}
