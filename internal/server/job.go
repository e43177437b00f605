package server

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
)

// Job is a message from a queue that was handled.
type Job struct {
	Topic   string // of the queue: hook for what Auth has asked for by SQL
	ID      string // of the message
	Waited  time.Duration
	Tries   int // how often it was handled before
	Took    time.Duration
	Outcome dispatch.Outcome
	Again   bool // it is tried again later
}

// Handled counts and logs a job. The line is that of a call of the hook, with what else is known of a job. A message that is tried again has
// no result yet.
func (s *Server) Handled(j Job) {
	if !j.Again {
		s.Metrics.Job(j.Topic, j.Outcome.Result.String(), j.Waited+j.Took)
	}
	if j.Tries == 0 || !j.Again {
		s.countCauses(&j.Outcome)
	}
	level := outcomeLevel(&j.Outcome)
	if j.Again {
		level = min(level, zerolog.WarnLevel)
	}
	event := s.Log.WithLevel(level)
	describe(event, j.ID, &j.Outcome)
	event.Dur("waited_ms", j.Waited).Int("tries", j.Tries).Bool("again", j.Again).Dur("took_ms", j.Took).Msg(j.Topic)
}
