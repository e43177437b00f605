package metrics

import (
	"strconv"
	"time"
)

// API counts a request of the message API. The caller is the name of a key, user, or empty if it is unknown.
func (m *Metrics) API(caller string, status int, took time.Duration) {
	m.apiRequests.WithLabelValues(caller, strconv.Itoa(status)).Inc()
	if caller != "" {
		m.apiSeconds.Observe(took.Seconds())
	}
}

// APIMessages counts the messages that a caller has asked for.
func (m *Metrics) APIMessages(caller string, taken, refused int) {
	for answer, n := range map[string]int{"taken": taken, "refused": refused} {
		if n > 0 {
			m.apiMessages.WithLabelValues(caller, answer).Add(float64(n))
		}
	}
}
