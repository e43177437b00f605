package app

import (
	"context"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/outbox"
	"github.com/smshook/smshook/internal/server"
)

// watchOutbox adds the depth of the queue to the metrics, also where others work on it.
func (a *App) watchOutbox(c config.Config) {
	a.metrics.OutboxDepth(func(ctx context.Context) (map[string]metrics.Depth, error) {
		all, err := a.store.queue.Depth(ctx)
		depths := map[string]metrics.Depth{}
		for topic, d := range all {
			depths[string(topic)] = metrics.Depth(d)
		}
		return depths, err
	}, a.topics(c))
}

// topics are those that this process may have items of, and whether it has a worker for them.
func (a *App) topics(c config.Config) map[string]bool {
	topics := map[string]bool{}
	if a.store.database != nil {
		topics[string(ledger.Hooked)] = c.Works()
	}
	if c.API() {
		topics[string(ledger.Scheduled)], topics[string(ledger.Event)] = c.APIWorks(), c.APIWorks()
	}
	return topics
}

// working is the workers that run.
type working struct {
	finish context.CancelFunc // of those that claim until the last request is answered
	stop   context.CancelFunc // of what they do
	done   chan struct{}      // closed when all have ended
}

// work starts to do what is in the queue, until ctx ends, if the settings say so. What only this process knows of is done until finish is
// called: the answers of running requests wait for it.
func (a *App) work(ctx context.Context) *working {
	doing, stop := context.WithCancel(context.WithoutCancel(ctx))
	claiming, finish := context.WithCancel(doing)
	w := &working{finish: finish, stop: stop, done: make(chan struct{})}
	if a.durable() {
		claiming = ctx
	}
	var running sync.WaitGroup
	if a.settings.Works() {
		worker := a.worker(ledger.Hooked, readEvent)
		running.Go(func() { worker.Run(ctx, doing) })
	}
	if a.api.submissions != nil && a.settings.APIWorks() {
		messages, events := a.messageWorker(), a.eventWorker()
		running.Go(func() { messages.Run(claiming, doing) })
		running.Go(func() { events.Run(claiming, doing) })
	}
	go func() {
		defer close(w.done)
		running.Wait()
	}()
	return w
}

// wait waits until what the workers had begun has ended, or until ctx ends.
func (w *working) wait(ctx context.Context) {
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}

// abort ends what the workers still do, and waits for that until ctx ends.
func (w *working) abort(ctx context.Context) {
	w.stop()
	w.wait(ctx)
}

// worker returns a worker that sends the messages of a topic.
func (a *App) worker(topic ledger.Topic, read func(ledger.Claimed) (dispatch.Request, error)) *outbox.Worker {
	messages := &outbox.Messages{Dispatcher: a.Dispatcher, Read: read, Handled: a.handled}
	return a.newWorker(topic, a.settings.Concurrency, messages.Do, func(ledger.Claimed) {})
}

// newWorker returns a worker for the items of a topic. ended is called for each that has ended in the queue.
func (a *App) newWorker(topic ledger.Topic, slots int, do func(context.Context, ledger.Claimed) ledger.ItemEnd, ended func(ledger.Claimed)) *outbox.Worker {
	counts := a.metrics.Outbox(string(topic))
	return &outbox.Worker{
		Queue: a.store.queue,
		Topic: topic,
		Slots: slots,
		Do:    do,
		Events: outbox.Events{
			Claimed: counts.Claimed,
			Ended: func(c ledger.Claimed, e ledger.ItemEnd, held bool) {
				counts.Ended(how(e, held))
				if e.Again == 0 {
					ended(c)
				}
			},
			Failed:   a.queueFailed,
			Panicked: a.recovered,
		},
	}
}

// how an item has ended, for the metrics.
func how(e ledger.ItemEnd, held bool) string {
	switch {
	case !held:
		return metrics.Lost
	case e.Again != 0:
		return metrics.Again
	case e.State == ledger.ItemExpired:
		return metrics.Expired
	case e.State == ledger.ItemOvertaken:
		return metrics.Overtaken
	}
	return metrics.Done
}

// readEvent reads what Auth has asked for by SQL: the same event as in a call of the HTTP hook.
func readEvent(c ledger.Claimed) (dispatch.Request, error) {
	payload, err := hook.Decode(c.Body)
	if err != nil {
		return dispatch.Request{}, err
	}
	return server.Request(payload, c.ID, nil, time.Time{}), nil
}

// handled counts and logs a message from the queue.
func (a *App) handled(h outbox.Handled) {
	since := h.Item.PutAt
	if h.Item.Topic != ledger.Hooked {
		since = max(since, h.Item.DueAt)
	}
	a.Server.Handled(server.Job{
		Topic:   string(h.Item.Topic),
		ID:      h.Item.ID,
		Waited:  max(ledger.At(time.Now()).Sub(since)-h.Took, 0),
		Tries:   h.Item.Tries,
		Took:    h.Took,
		Outcome: h.Outcome,
		Again:   h.End.Again != 0,
	})
}

// queueFailed logs now and then that the queue can't be asked.
func (a *App) queueFailed(err error) {
	if times, ok := a.queueLog.Take(err.Error()); ok {
		a.log.Error().Str("error", storeProblem(err).Error()).Int("times", times).
			Msg("the queue can't be asked: what Auth asks for by SQL, and what waits of the message API, has to wait")
	}
}
