package web

import (
	"errors"
	"net/http"
)

// check tries what can be tried, and shows what was found.
func (p *Page) check(w http.ResponseWriter, r *http.Request) {
	p.answer(w, r, "setup", "Check", findings("found", "What was found", p.Source.Check(r.Context())))
}

// draft shows what a test message would be, and asks whether it is to be sent: it costs money.
func (p *Page) draft(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	number := dialled(r.PostFormValue("number"))
	d, err := p.Source.Draft("+" + number)
	if number == "" {
		err = errors.New("want a number with its calling code, such as +44 7700 900123")
	}
	if err != nil {
		p.answer(w, r, "setup", "Test message", refusedDraft(p.base(), err.Error()))
		return
	}
	p.answer(w, r, "setup", "Test message", confirmDraft(p.base(), d))
}

// send sends the test message.
func (p *Page) send(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.PostFormValue("sure") != "yes" {
		http.Error(w, "this sends a message: it has to be confirmed", http.StatusBadRequest)
		return
	}
	p.answer(w, r, "setup", "Test message", findings("sent", "The test message", p.Source.Send(r.Context(), r.PostFormValue("number"))))
}
