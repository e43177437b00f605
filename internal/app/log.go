package app

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/config"
)

// NewLog returns the logger that the settings ask for. It writes through a [Backlog] if it is given one.
func NewLog(c config.Config, w io.Writer) zerolog.Logger {
	out := w
	backlog, queued := w.(*Backlog)
	if queued {
		out = backlog.out
	}
	if c.LogFormat == "console" || c.LogFormat == "" && isTerminal(out) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(out)}
	}
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel
	}
	log := zerolog.New(w).Level(level).Hook(zerolog.HookFunc(timestamp))
	if queued {
		backlog.dropped = func(lines int) {
			log.Error().Int("lines", lines).Msg("log lines were dropped: who reads the log is too slow")
		}
	}
	return log
}

// timestamp adds the time to the millisecond. zerolog's own format is a global, and to the second.
func timestamp(event *zerolog.Event, _ zerolog.Level, _ string) {
	event.Str(zerolog.TimestampFieldName, time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
