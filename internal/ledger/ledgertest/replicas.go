package ledgertest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// Replicas are several ledgers on one store. Each call goes to the next of them, as behind a proxy. The end of a race, its attempts
// and what they come to go to the ledger that has let the message be sent.
type Replicas struct {
	mu      sync.Mutex
	ledgers []ledger.Ledger
	next    int
	sentBy  map[string]ledger.Ledger
}

// NewReplicas returns ledgers as one ledger.
func NewReplicas(ledgers ...ledger.Ledger) *Replicas {
	return &Replicas{ledgers: ledgers, sentBy: map[string]ledger.Ledger{}}
}

func (r *Replicas) any() ledger.Ledger {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	return r.ledgers[r.next%len(r.ledgers)]
}

func (r *Replicas) by(id string) ledger.Ledger {
	r.mu.Lock()
	l := r.sentBy[id]
	r.mu.Unlock()
	if l == nil {
		return r.any()
	}
	return l
}

func (r *Replicas) sends(id string, l ledger.Ledger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sentBy[id] = l
}

// Begin is described at [ledger.Ledger], and so are the others.
func (r *Replicas) Begin(ctx context.Context, c ledger.Call) (ledger.Begun, error) {
	l := r.any()
	begun, err := l.Begin(ctx, c)
	if begun.Go {
		r.sends(c.Message.ID, l)
	}
	return begun, err
}

func (r *Replicas) Attempt(ctx context.Context, id string, a ledger.Attempt) error {
	return r.by(id).Attempt(ctx, id, a)
}

func (r *Replicas) End(ctx context.Context, e ledger.Ended) (ledger.Result, ledger.News, error) {
	return r.by(e.ID).End(ctx, e)
}

// Late goes to any of them: a repeat may be sent by another replica than the call before.
func (r *Replicas) Late(ctx context.Context, id string, a ledger.Attempt) (bool, ledger.News, error) {
	return r.any().Late(ctx, id, a)
}

func (r *Replicas) Decided(ctx context.Context, id string) (ledger.Message, error) {
	return r.any().Decided(ctx, id)
}

func (r *Replicas) Receipt(ctx context.Context, instance, id string, receipt providers.Receipt) (ledger.News, error) {
	l := r.any()
	news, err := l.Receipt(ctx, instance, id, receipt)
	if news.Resend != nil {
		r.sends(news.Resend.Message.ID, l)
	}
	return news, err
}

func (r *Replicas) Refuse(ctx context.Context, c ledger.Call, result ledger.Result, rule string) error {
	return r.any().Refuse(ctx, c, result, rule)
}

func (r *Replicas) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	return r.any().Messages(ctx, q)
}

func (r *Replicas) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	return r.any().Count(ctx, q)
}

// Sweep goes to all of them.
func (r *Replicas) Sweep(ctx context.Context) (more bool, news ledger.News, err error) {
	for _, l := range r.ledgers {
		m, n, e := l.Sweep(ctx)
		more, err = more || m, errors.Join(err, e)
		news.Reports = append(news.Reports, n.Reports...)
		news.Judged = append(news.Judged, n.Judged...)
		for _, id := range n.Stop {
			if !slices.Contains(news.Stop, id) {
				news.Stop = append(news.Stop, id)
			}
		}
		if n.Resend != nil {
			news.Resend = n.Resend
		}
	}
	return more, news, err
}

func (r *Replicas) Forgotten() (forgotten uint64) {
	for _, l := range r.ledgers {
		forgotten += l.Forgotten()
	}
	return forgotten
}

// replicas is how many ledgers there are.
func (d *desk) replicas() int {
	if r, several := d.Ledger.(*Replicas); several {
		return len(r.ledgers)
	}
	return 1
}
