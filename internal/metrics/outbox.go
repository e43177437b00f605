package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outbox counts what a worker does with the items of one topic of the queue.
type Outbox struct {
	claims prometheus.Counter
	ended  map[string]prometheus.Counter
}

// How an item ends. The first is that of a message that was sent, or refused.
const (
	Done      = "done"
	Again     = "again"     // it is due again later
	Expired   = "expired"   // before it could be sent
	Overtaken = "overtaken" // a newer message has its code replaced
	Lost      = "lost"      // another worker had the item by then
)

// Outbox returns the counters of a topic.
func (m *Metrics) Outbox(topic string) *Outbox {
	o := &Outbox{claims: m.outboxClaims.WithLabelValues(topic), ended: map[string]prometheus.Counter{}}
	for _, how := range []string{Done, Again, Expired, Overtaken, Lost} {
		o.ended[how] = m.outboxEnded.WithLabelValues(topic, how)
	}
	return o
}

// Claimed counts items that a worker was handed.
func (o *Outbox) Claimed(items int) { o.claims.Add(float64(items)) }

// Ended counts an item that has ended, by how.
func (o *Outbox) Ended(how string) { o.ended[how].Inc() }

// Job counts a message from a queue that has its result. Those of the hook are counted as its calls are. after is since the message was put into the
// queue, or since it was due.
func (m *Metrics) Job(topic, result string, after time.Duration) {
	if topic == "hook" {
		m.hooks.WithLabelValues(result).Inc()
	}
	m.outboxSeconds.WithLabelValues(topic).Observe(after.Seconds())
}

// Depth is how much of a topic is in the queue.
type Depth struct {
	Waiting, Later, Claimed int
	Oldest                  time.Duration // since the oldest that waits was due
}

// OutboxDepth adds the depth of the queue, by topic. depth is called at each scrape; while it fails, the depth is missing. works says for which topics
// this process has a worker.
func (m *Metrics) OutboxDepth(depth func(context.Context) (map[string]Depth, error), works map[string]bool) {
	m.registry.MustRegister(&outboxDepth{
		depth:  depth,
		works:  works,
		items:  prometheus.NewDesc("smshook_outbox_items", "Items of the queue, by topic and state: waiting, later (not due yet), claimed (being done). All replicas tell of the same queue.", []string{"topic", "state"}, nil),
		oldest: prometheus.NewDesc("smshook_outbox_oldest_seconds", "Since the oldest item that waits was due; 0 if none waits. All replicas tell of the same queue.", []string{"topic"}, nil),
		worker: prometheus.NewDesc("smshook_outbox_worker", "1 if this replica works on the topic of the queue, else 0.", []string{"topic"}, nil),
	})
}

type outboxDepth struct {
	depth                 func(context.Context) (map[string]Depth, error)
	works                 map[string]bool
	items, oldest, worker *prometheus.Desc
}

// Describe is for Prometheus, and so is Collect.
func (o *outboxDepth) Describe(c chan<- *prometheus.Desc) { c <- o.items; c <- o.oldest; c <- o.worker }

// askDepthFor is how long a scrape waits for the queue.
const askDepthFor = time.Second

// Collect is described at Describe.
func (o *outboxDepth) Collect(c chan<- prometheus.Metric) {
	for topic, works := range o.works {
		value := 0.0
		if works {
			value = 1
		}
		c <- prometheus.MustNewConstMetric(o.worker, prometheus.GaugeValue, value, topic)
	}
	ctx, cancel := context.WithTimeout(context.Background(), askDepthFor)
	defer cancel()
	all, err := o.depth(ctx)
	if err != nil {
		return
	}
	for topic := range o.works {
		d := all[topic]
		for state, n := range map[string]int{"waiting": d.Waiting, "later": d.Later, "claimed": d.Claimed} {
			c <- prometheus.MustNewConstMetric(o.items, prometheus.GaugeValue, float64(n), topic, state)
		}
		c <- prometheus.MustNewConstMetric(o.oldest, prometheus.GaugeValue, d.Oldest.Seconds(), topic)
	}
}
