package app

import (
	"context"
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
	}, map[string]bool{string(ledger.Hooked): c.Works()})
}

// working is a worker that runs.
type working struct {
	stop context.CancelFunc // of what it does
	done chan struct{}      // closed when it has ended
}

// work starts to send what Auth asks for by SQL, until ctx ends, if the settings say so.
func (a *App) work(ctx context.Context) *working {
	doing, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &working{stop: stop, done: make(chan struct{})}
	if !a.settings.Works() {
		close(w.done)
		return w
	}
	worker := a.worker(ledger.Hooked, readEvent)
	go func() {
		defer close(w.done)
		worker.Run(ctx, doing)
	}()
	return w
}

// wait waits until what the worker had begun has ended, or until ctx ends.
func (w *working) wait(ctx context.Context) {
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}

// abort ends what the worker still does, and waits for that until ctx ends.
func (w *working) abort(ctx context.Context) {
	w.stop()
	w.wait(ctx)
}

// worker returns a worker that sends the messages of a topic.
func (a *App) worker(topic ledger.Topic, read func(ledger.Claimed) (dispatch.Request, error)) *outbox.Worker {
	counts := a.metrics.Outbox(string(topic))
	messages := &outbox.Messages{Dispatcher: a.Dispatcher, Read: read, Handled: a.handled}
	return &outbox.Worker{
		Queue: a.store.queue,
		Topic: topic,
		Slots: a.settings.Concurrency,
		Do:    messages.Do,
		Events: outbox.Events{
			Claimed:  counts.Claimed,
			Ended:    func(_ ledger.Claimed, e ledger.ItemEnd, held bool) { counts.Ended(how(e, held)) },
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
			Msg("the queue can't be asked: what Auth asks for by SQL has to wait")
	}
}
