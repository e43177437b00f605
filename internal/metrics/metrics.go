// Package metrics counts for Prometheus.
//
// The values of labels are bounded: the configured instances, ISO 3166-1 codes of countries ("" if unknown), and fixed words. No metric
// has a phone number, a code or an address.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// instanceLabel is the label for the name of an instance. It can't be "instance": Prometheus uses that for the scraped process.
// https://prometheus.io/docs/concepts/jobs_instances/
const instanceLabel = "provider"

// Metrics is a registry with all metrics. Its methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry

	hooks           *prometheus.CounterVec
	hookSeconds     prometheus.Histogram
	attempts        *prometheus.CounterVec
	attemptSeconds  *prometheus.HistogramVec
	doubles         *prometheus.CounterVec
	segments        *prometheus.CounterVec
	resends         *prometheus.CounterVec
	refusals        *prometheus.CounterVec
	receipts        *prometheus.CounterVec
	receiptsRefused *prometheus.CounterVec
	receiptsUnknown *prometheus.CounterVec
	deliverySeconds *prometheus.HistogramVec
	lateFallbacks   *prometheus.CounterVec
	codes           *prometheus.CounterVec
	useSeconds      *prometheus.HistogramVec
	panics          prometheus.Counter
	outboxClaims    *prometheus.CounterVec
	outboxEnded     *prometheus.CounterVec
	outboxSeconds   *prometheus.HistogramVec
	apiRequests     *prometheus.CounterVec
	apiMessages     *prometheus.CounterVec
	apiSeconds      prometheus.Histogram
}

// Auth gives up after 5 s, and nearly all calls take less than 1 s.
var answerSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 3, 4, 5}

// An attempt takes 8 s at most.
var attemptSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 3, 5, 8}

// A code is valid for one to five minutes.
var deliverySeconds = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600}

// With a worker that lives, a message waits for some milliseconds; at worst, it is tried until its code expires.
var outboxSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// New returns Metrics with its own registry. version is the program's.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "smshook_" + name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	counter := func(name, help string) prometheus.Counter {
		return counters(name, help).WithLabelValues()
	}
	histograms := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "smshook_" + name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.hooks = counters("hooks_total", "Calls of the hook, by result: accepted, failed, bad_number, just_sent, too_many; forged or unreadable if the call was refused; left if the caller had disconnected.", "result")
	m.hookSeconds = histograms("hook_duration_seconds", "Time from receiving a call of the hook to its answer, without forged and unreadable calls.", answerSeconds).WithLabelValues().(prometheus.Histogram)
	m.attempts = counters("attempts_total", "Attempts, by instance and kind of failure; the kind is accepted if the attempt did not fail.", instanceLabel, "kind")
	m.attemptSeconds = histograms("attempt_duration_seconds", "Time from the start of an attempt to the provider's answer.", attemptSeconds, instanceLabel)
	m.doubles = counters("doubles_total", "Messages that an instance accepted although another instance had accepted the same message.", instanceLabel)
	m.segments = counters("segments_total", "SMS segments of accepted messages, as the provider counted them, or else as smshook did.", instanceLabel)
	m.resends = counters("resends_total", "Users who asked for another code although the instance had accepted their last message.", instanceLabel)
	m.refusals = counters("refusals_total", "Calls that a rule of the policy refused, or would have refused: then observed is true.", "rule", "observed")
	m.receipts = counters("receipts_total", "Delivery receipts, by state: sent, failed, undelivered, delivered, read. Each state of a message is counted once.", instanceLabel, "country", "state")
	m.receiptsRefused = counters("receipts_refused_total", "Requests to the receipt address that were refused, by HTTP status; the provider is empty if the token was wrong.", instanceLabel, "status")
	m.receiptsUnknown = counters("receipts_unknown_total", "Delivery receipts for messages that are unknown, or no longer known.", instanceLabel)
	m.deliverySeconds = histograms("delivery_seconds", "Time from receiving a call of the hook to the receipt that says that its message was delivered.", deliverySeconds, instanceLabel)
	m.lateFallbacks = counters("late_fallbacks_total", "Messages sent through another instance because of a receipt, by the instance and kind of the failure; accepted is false if no other instance accepted the message.", instanceLabel, "kind", "accepted")
	m.codes = counters("codes_total", "Messages of which it is known what became of their code: used, unused, replaced, unknown. A code that is used after it was taken to be unused is counted as both.", instanceLabel, "channel", "country", "kind", "use")
	m.useSeconds = histograms("use_seconds", "Time from the request for a code to its use.", deliverySeconds, instanceLabel, "channel")
	m.outboxClaims = counters("outbox_claims_total", "Items of the queue that a worker took up, by topic.", "topic")
	m.outboxEnded = counters("outbox_ended_total", "Items of the queue that a worker has handled: done, again (it is tried again later), expired, overtaken (by a newer message), lost (another worker had it by then).", "topic", "how")
	m.outboxSeconds = histograms("outbox_seconds", "Time from when a message was put into the queue, or was due, to its result.", outboxSeconds, "topic")
	m.apiRequests = counters("api_requests_total", "Requests of the message API, by the name of the caller's key and HTTP status; the caller is user for all users, and empty if it is unknown.", "caller", "status")
	m.apiMessages = counters("api_messages_total", "Messages that callers of the message API have asked for, by what was answered: taken, or refused (of a list, each number counts).", "caller", "answer")
	m.apiSeconds = histograms("api_duration_seconds", "Time from receiving a request of the message API to its answer, of those with a known caller.", answerSeconds).WithLabelValues().(prometheus.Histogram)
	m.panics = counter("panics_total", "Panics that were recovered from: each is a bug.")
	for _, result := range []string{"accepted", "failed"} { // they start at 0, so that rate() sees the first one
		m.hooks.WithLabelValues(result)
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "smshook_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Hook counts a call of the hook that was dispatched.
func (m *Metrics) Hook(result string, took time.Duration) {
	m.hooks.WithLabelValues(result).Inc()
	m.hookSeconds.Observe(took.Seconds())
}

// HookRefused counts a call of the hook that was not dispatched. Its duration isn't counted: an attacker can make it long, and an alert
// on the durations would fire.
func (m *Metrics) HookRefused(result string) { m.hooks.WithLabelValues(result).Inc() }

// Accepted is the kind of an attempt that didn't fail.
const Accepted = "accepted"

// Attempt counts an attempt, and the segments if it was accepted. A number of segments below 0 counts as 0.
func (m *Metrics) Attempt(instance, kind string, took time.Duration, segments int) {
	m.attempts.WithLabelValues(instance, kind).Inc()
	m.attemptSeconds.WithLabelValues(instance).Observe(took.Seconds())
	if kind == Accepted {
		m.segments.WithLabelValues(instance).Add(float64(max(segments, 0))) // Add panics below 0
	}
}

// Double counts a message that an instance accepted although another instance had accepted the same message.
func (m *Metrics) Double(instance string) { m.doubles.WithLabelValues(instance).Inc() }

// Resend counts a user who asked for another code although the instance had accepted the last message.
func (m *Metrics) Resend(instance string) { m.resends.WithLabelValues(instance).Inc() }

// Refusal counts a call that a rule of the policy refused; observed means that the rule would have refused it.
func (m *Metrics) Refusal(rule string, observed bool) {
	m.refusals.WithLabelValues(rule, strconv.FormatBool(observed)).Inc()
}

// Receipt counts a state of a message, as a receipt reports it.
func (m *Metrics) Receipt(instance, country, state string) {
	m.receipts.WithLabelValues(instance, country, state).Inc()
}

// Code counts a message of which it is known what became of its code. after is how long the code took to be used; 0 if it wasn't, or if
// that isn't known.
func (m *Metrics) Code(instance, channel, country, kind, use string, after time.Duration) {
	m.codes.WithLabelValues(instance, channel, country, kind, use).Inc()
	if after > 0 {
		m.useSeconds.WithLabelValues(instance, channel).Observe(after.Seconds())
	}
}

// Delivered counts a delivered message. after is the time since its call was received.
func (m *Metrics) Delivered(instance string, after time.Duration) {
	m.deliverySeconds.WithLabelValues(instance).Observe(after.Seconds())
}

// ReceiptRefused counts a request to the receipt address that was refused. The instance is empty if the token was wrong.
func (m *Metrics) ReceiptRefused(instance string, status int) {
	m.receiptsRefused.WithLabelValues(instance, strconv.Itoa(status)).Inc()
}

// ReceiptUnknown counts a receipt for an unknown message.
func (m *Metrics) ReceiptUnknown(instance string) { m.receiptsUnknown.WithLabelValues(instance).Inc() }

// LateFallback counts a message that was sent again because of a receipt. instance and kind are those of the failure; accepted reports
// whether another instance accepted the message.
func (m *Metrics) LateFallback(instance, kind string, accepted bool) {
	m.lateFallbacks.WithLabelValues(instance, kind, strconv.FormatBool(accepted)).Inc()
}

// Panic counts a panic that was recovered from.
func (m *Metrics) Panic() { m.panics.Inc() }

// Limits adds the counters that the limits keep themselves. It must be called once at most.
func (m *Metrics) Limits(noSource, forgotten func() uint64) {
	m.counted("calls_without_source_total", "Calls that the rate limits by IP address did not count: the address was missing, or not public.", noSource)
	m.counted("limit_keys_forgotten_total", "Phone numbers, accounts, addresses and the like that the rate limits forgot for lack of room.", forgotten)
}

// Guard adds what the guard refuses now, or would. counts is called at each scrape.
func (m *Metrics) Guard(counts func() (prefixes, addresses, accounts int, evicted uint64)) {
	for kind, of := range map[string]func() int{
		"prefix":  func() int { n, _, _, _ := counts(); return n },
		"address": func() int { _, n, _, _ := counts(); return n },
		"account": func() int { _, _, n, _ := counts(); return n },
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "smshook_guard_flagged",
			Help:        "Ranges of numbers (prefix) and of addresses that the guard refuses now, or would, and accounts that it slows down.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 { return float64(of()) }))
	}
	m.counted("guard_forgotten_total", "Ranges that the guard forgot for lack of room.", func() uint64 { _, _, _, n := counts(); return n })
}

// Messages adds the counter that the ledger keeps itself. It must be called once at most.
func (m *Metrics) Messages(forgotten func() uint64) {
	m.counted("messages_forgotten_total", "Messages that were forgotten for lack of room: their receipts will be unknown.", forgotten)
}

// Store adds what the store counts for itself: operations that did not wait for it any longer.
func (m *Metrics) Store(missed func() uint64) {
	m.counted("store_missed_total", "Operations for which the store (a file or a database) was too slow, or failed. All but receipts went on without it; receipts must come again.", missed)
}

// Replica adds what the ledger of one of several replicas keeps itself. away and held are called at each scrape. It must be called once at most.
func (m *Metrics) Replica(away, held func() bool, written, dropped func() uint64) {
	m.gauge("store_away", "1 while the database can't be reached: limits, repeats and flows then hold for each replica alone.", nil, away)
	m.gauge("store_held", "1 while the database is known to be a copy: what waited in it to be sent is held until smshook migrate -resume.", nil, held)
	m.counted("store_written_afterwards_total", "What was decided without the database and was written to it afterwards.", written)
	m.counted("store_dropped_total", "What was decided without the database and was never written to it: too much had to wait, or the database refused it.", dropped)
}

// counted adds a counter that is kept elsewhere.
func (m *Metrics) counted(name, help string, count func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "smshook_" + name, Help: help},
		func() float64 { return float64(count()) }))
}

// BreakerState adds one state of an instance's circuit breaker. in is called at each scrape.
func (m *Metrics) BreakerState(instance, state string, in func() bool) {
	m.gauge("circuit_breaker_state", "1 for the state of an instance's circuit breaker (closed, half-open or open), 0 for the others.",
		prometheus.Labels{instanceLabel: instance, "state": state}, in)
}

// gauge adds a gauge that is 1 while in returns true, and 0 otherwise.
func (m *Metrics) gauge(name, help string, labels prometheus.Labels, in func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "smshook_" + name, Help: help, ConstLabels: labels}, func() float64 {
		if in() {
			return 1
		}
		return 0
	}))
}

// InstancePatience adds how long an instance has to answer before the next one starts. patience is called at each scrape.
func (m *Metrics) InstancePatience(instance string, patience func() time.Duration) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smshook_patience_seconds", Help: "How long an instance has to answer before the next one starts: learned from its last answers, or SMSHOOK_PATIENCE.",
		ConstLabels: prometheus.Labels{instanceLabel: instance},
	}, func() float64 { return patience().Seconds() }))
}

// Instance makes the counters of an instance start at 0, so that rate() sees the first event.
func (m *Metrics) Instance(name string) {
	m.attempts.WithLabelValues(name, Accepted)
	m.attemptSeconds.WithLabelValues(name)
	for _, counter := range []*prometheus.CounterVec{m.doubles, m.segments, m.resends} {
		counter.WithLabelValues(name)
	}
}
