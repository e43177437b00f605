// Package metrics is every number that is counted, for Prometheus.
//
// Labels are bounded: instances are the configured instances, countries are ISO 3166-1 codes ("" where that isn't known), and
// the other labels are the fixed words that are listed with each metric. No metric holds a number, a code or an address.
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

// instanceLabel holds the name of an instance. It isn't called "instance": Prometheus gives that name to what it scrapes.
// https://prometheus.io/docs/concepts/jobs_instances/
const instanceLabel = "provider"

// Metrics counts. Its methods may be called concurrently.
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
	panics          prometheus.Counter
}

// Auth gives up after 5 s, and nearly all hooks take less than one: that is where the steps have to be.
var answerSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 3, 4, 5}

// An attempt goes on for 8 s at most.
var attemptSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 3, 5, 8}

// A code lives for a minute or five.
var deliverySeconds = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600}

// New returns Metrics with a registry of its own. The version is that of the program.
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
	m.hooks = counters("hooks_total", "Calls of the hook, by result: accepted, failed, bad_number, just_sent, too_many; forged or unreadable if they got no further than the door; left if nobody waited for the answer.", "result")
	m.hookSeconds = histograms("hook_duration_seconds", "From the arrival of a call of the hook that Auth has signed to its answer.", answerSeconds).WithLabelValues().(prometheus.Histogram)
	m.attempts = counters("attempts_total", "Attempts at an instance, by kind of failure; accepted if there was none.", instanceLabel, "kind")
	m.attemptSeconds = histograms("attempt_duration_seconds", "From the start of an attempt to the instance's answer.", attemptSeconds, instanceLabel)
	m.doubles = counters("doubles_total", "Messages that an instance took although another had taken the same one.", instanceLabel)
	m.segments = counters("segments_total", "SMS segments of the messages that an instance took: as it counted them, or else as we did.", instanceLabel)
	m.resends = counters("resends_total", "Users who asked again although the instance had taken their message.", instanceLabel)
	m.refusals = counters("refusals_total", "Calls that a rule refused; observed is true if the rule only looked on.", "rule", "observed")
	m.receipts = counters("receipts_total", "What instances reported, each state of a message once: sent, failed, undelivered, delivered, read.", instanceLabel, "country", "state")
	m.receiptsRefused = counters("receipts_refused_total", "Calls of the receipts' address that were refused, by HTTP status; the instance is empty if the token was wrong.", instanceLabel, "status")
	m.receiptsUnknown = counters("receipts_unknown_total", "Receipts for messages that are not known, or not any more.", instanceLabel)
	m.deliverySeconds = histograms("delivery_seconds", "From the arrival of a call of the hook to the report that its message is on the phone.", deliverySeconds, instanceLabel)
	m.lateFallbacks = counters("late_fallbacks_total", "Messages sent through another instance because of a receipt, by the instance and kind of the failure; accepted is false if no other took it.", instanceLabel, "kind", "accepted")
	m.panics = counter("panics_total", "Bugs that were caught.")
	for _, result := range []string{"accepted", "failed"} { // as for instances: a rate from the start
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

// Handler shows the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Hook counts a call of the hook.
func (m *Metrics) Hook(result string, took time.Duration) {
	m.hooks.WithLabelValues(result).Inc()
	m.hookSeconds.Observe(took.Seconds())
}

// HookRefused counts a call of the hook that got no further than the door. How long that took says nothing: a stranger can take
// his time, and nobody is to be woken for that.
func (m *Metrics) HookRefused(result string) { m.hooks.WithLabelValues(result).Inc() }

// Accepted is the kind of an attempt that did not fail.
const Accepted = "accepted"

// Attempt counts an attempt at an instance, and the segments that it cost. A counter panics where it is given less than 0.
func (m *Metrics) Attempt(instance, kind string, took time.Duration, segments int) {
	m.attempts.WithLabelValues(instance, kind).Inc()
	m.attemptSeconds.WithLabelValues(instance).Observe(took.Seconds())
	if kind == Accepted {
		m.segments.WithLabelValues(instance).Add(float64(max(segments, 0)))
	}
}

// Double counts a message that an instance took although another had taken the same one.
func (m *Metrics) Double(instance string) { m.doubles.WithLabelValues(instance).Inc() }

// Resend counts a user who asked again although the instance had taken the message.
func (m *Metrics) Resend(instance string) { m.resends.WithLabelValues(instance).Inc() }

// Refusal counts a call that a rule refused, or would have if it had not only looked on.
func (m *Metrics) Refusal(rule string, observed bool) {
	m.refusals.WithLabelValues(rule, strconv.FormatBool(observed)).Inc()
}

// Receipt counts a state that an instance has reported of a message.
func (m *Metrics) Receipt(instance, country, state string) {
	m.receipts.WithLabelValues(instance, country, state).Inc()
}

// Delivered counts a message that is on the phone, so long after its call arrived.
func (m *Metrics) Delivered(instance string, after time.Duration) {
	m.deliverySeconds.WithLabelValues(instance).Observe(after.Seconds())
}

// ReceiptRefused counts a call of the receipts' address that was refused.
func (m *Metrics) ReceiptRefused(instance string, status int) {
	m.receiptsRefused.WithLabelValues(instance, strconv.Itoa(status)).Inc()
}

// ReceiptUnknown counts a receipt for a message that isn't known.
func (m *Metrics) ReceiptUnknown(instance string) { m.receiptsUnknown.WithLabelValues(instance).Inc() }

// LateFallback counts a message that was sent through another instance because of a receipt.
func (m *Metrics) LateFallback(instance, kind string, accepted bool) {
	m.lateFallbacks.WithLabelValues(instance, kind, strconv.FormatBool(accepted)).Inc()
}

// Panic counts a bug.
func (m *Metrics) Panic() { m.panics.Inc() }

// Limits adds what the limits count for themselves: the calls without a source, and the keys forgotten for lack of room.
func (m *Metrics) Limits(noSource, forgotten func() uint64) {
	m.counted("calls_without_source_total", "Calls that the limit per IP was not for: the address was missing, or not a public one.", noSource)
	m.counted("limit_keys_forgotten_total", "Numbers, accounts, addresses and prefixes that the limits lost for lack of room.", forgotten)
}

// Messages adds what the ledger counts for itself: the messages forgotten for lack of room.
func (m *Metrics) Messages(forgotten func() uint64) {
	m.counted("messages_forgotten_total", "Messages whose receipts could not be waited for, for lack of room.", forgotten)
}

// Store adds what the store counts for itself: operations that did not wait for it any longer.
func (m *Metrics) Store(missed func() uint64) {
	m.counted("store_missed_total", "Operations that went on without the store, which was too slow or failed.", missed)
}

// counted adds a counter that is counted elsewhere.
func (m *Metrics) counted(name, help string, count func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "smshook_" + name, Help: help},
		func() float64 { return float64(count()) }))
}

// BreakerState adds one state of an instance's circuit breaker.
func (m *Metrics) BreakerState(instance, state string, in func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smshook_circuit_breaker_state", Help: "1 for the state of an instance's circuit breaker (closed, half-open or open), 0 for the others.",
		ConstLabels: prometheus.Labels{instanceLabel: instance, "state": state},
	}, func() float64 {
		if in() {
			return 1
		}
		return 0
	}))
}

// InstancePatience adds how long an instance has to answer before the next one starts.
func (m *Metrics) InstancePatience(instance string, patience func() time.Duration) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smshook_patience_seconds", Help: "How long an instance has to answer before the next one starts: learned from its last answers, or SMSHOOK_PATIENCE.",
		ConstLabels: prometheus.Labels{instanceLabel: instance},
	}, func() float64 { return patience().Seconds() }))
}

// Instance lets all that is counted by instance start at 0 for one, so that a rate is there from the start.
func (m *Metrics) Instance(name string) {
	m.attempts.WithLabelValues(name, Accepted)
	m.attemptSeconds.WithLabelValues(name)
	for _, counter := range []*prometheus.CounterVec{m.doubles, m.segments, m.resends} {
		counter.WithLabelValues(name)
	}
}
