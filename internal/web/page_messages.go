package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/smshook/smshook/internal/ledger"
)

// pageSize is how many messages a page of the list has.
const pageSize = 50

// filter is what the list of messages is limited to.
type filter struct {
	State, Country, Instance, Kind, Rule string
	Before                               ledger.Place
}

func readFilter(values url.Values) filter {
	f := filter{
		State: values.Get("state"), Country: strings.ToUpper(values.Get("country")), Instance: values.Get("instance"), Kind: values.Get("kind"), Rule: values.Get("rule"),
	}
	at, id, _ := strings.Cut(values.Get("before"), "_")
	if micros, err := strconv.ParseInt(at, 10, 64); err == nil && micros > 0 {
		f.Before = ledger.Place{ReceivedAt: ledger.Time(micros), ID: id}
	}
	return f
}

// query asks for one message more than a page has, to know whether there is another page.
func (f filter) query() ledger.Query {
	q := ledger.Query{Country: f.Country, Instance: f.Instance, Rule: f.Rule, Before: f.Before, Limit: pageSize + 1}
	if i := slices.Index(ledger.States, ledger.State(f.State)); i >= 0 {
		q.State = ledger.States[i]
	}
	q.Kind, _ = ledger.ParseKind(f.Kind)
	return q
}

// address is the filter as a query of an address.
func (f filter) address() string {
	values := url.Values{}
	for name, value := range map[string]string{"state": f.State, "country": f.Country, "instance": f.Instance, "kind": f.Kind, "rule": f.Rule} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.Before != (ledger.Place{}) {
		values.Set("before", strconv.FormatInt(int64(f.Before.ReceivedAt), 10)+"_"+f.Before.ID)
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// list is a page of messages.
type list struct {
	Filter   filter
	Messages []ledger.Message
	Older    string // the address of the next page; empty if there is none
	Problem  string
	Found    string // what was searched for; empty if nothing was
}

func (p *Page) showMessages(w http.ResponseWriter, r *http.Request) {
	l := list{Filter: readFilter(r.URL.Query())}
	messages, err := p.Source.Messages(r.Context(), l.Filter.query())
	if err != nil {
		l.Problem = problemWords(err)
	}
	if len(messages) > pageSize {
		messages = messages[:pageSize]
		next := l.Filter
		next.Before = messages[pageSize-1].Place()
		l.Older = next.address()
	}
	l.Messages = messages
	if r.Header.Get("HX-Target") == "rows" {
		show(w, r, http.StatusOK, messageRows(p.base(), l))
		return
	}
	p.answer(w, r, "messages", "Messages", messagesView(p.base(), l, p.Source.Live().Instances))
}

// search looks for a message by the user's number, its ID, or an instance's name for it. The number comes in the body of the request, and is
// therefore in no log and no history.
func (p *Page) search(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	typed := strings.TrimSpace(r.PostFormValue("q"))
	l := list{Found: "that"}
	var names []ledger.Name
	for _, i := range p.Source.Live().Instances {
		names = append(names, ledger.Name{Instance: i.Name, ID: typed})
	}
	queries := []ledger.Query{{ID: typed}, {Names: names}}
	if number := dialled(typed); number != "" {
		queries = append(queries, ledger.Query{Number: number, Limit: 200})
		l.Found = "this number"
	}
	if typed == "" {
		queries = nil
	}
	for i, q := range queries {
		messages, err := p.Source.Messages(r.Context(), q)
		if err != nil {
			l.Problem = problemWords(err)
		}
		if len(messages) == 1 && i < 2 {
			to := p.base() + "messages/" + url.PathEscape(messages[0].ID)
			if isPart(r) {
				w.Header().Set("HX-Redirect", to)
				return
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		if len(messages) > 0 {
			l.Messages = messages
			break
		}
	}
	p.answer(w, r, "messages", "Search", messagesView(p.base(), l, p.Source.Live().Instances))
}

// dialled returns a number that a person has typed or copied, as digits; empty if it is none.
func dialled(typed string) string {
	typed = strings.ReplaceAll(typed, "(0)", "")
	if strings.ContainsFunc(typed, func(r rune) bool { return !strings.ContainsRune("+0123456789 \t\u00a0\u202f-–./()", r) }) {
		return ""
	}
	number := strings.TrimPrefix(digits(typed), "00")
	if len(number) < 7 || len(number) > 15 {
		return ""
	}
	return number
}

func (p *Page) showMessage(w http.ResponseWriter, r *http.Request) {
	messages, err := p.Source.Messages(r.Context(), ledger.Query{ID: r.PathValue("id")})
	if len(messages) == 0 {
		problem := "It may be older than what is kept, or have another ID."
		if err != nil {
			problem = problemWords(err)
		}
		show(w, r, http.StatusNotFound, p.frame(r, "messages", "No such message", nothing("There is no such message", problem)))
		return
	}
	m := messages[0]
	p.answer(w, r, "messages", "Message", messageView(p.base(), &m, ledger.At(time.Now())))
}

// problemWords says why there is less to see than there could be.
func problemWords(err error) string {
	if errors.Is(err, ledger.ErrAway) {
		return "The database can't be reached, or is too slow. This is what this process knows."
	}
	return "The store could not be asked. This is not all."
}

// answer shows a view: the whole page, or for htmx its part.
func (p *Page) answer(w http.ResponseWriter, r *http.Request, view, title string, content templ.Component) {
	if isPart(r) && r.Header.Get("HX-Target") == "view" {
		show(w, r, http.StatusOK, content)
		return
	}
	show(w, r, http.StatusOK, p.frame(r, view, title, content))
}
