package app

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/config"
)

// NewLog returns the logger that the settings ask for. If w is a [LogBuffer], the logger reports the lines that it drops.
func NewLog(c config.Config, w io.Writer) zerolog.Logger {
	out := w
	buffer, buffered := w.(*LogBuffer)
	if buffered {
		out = buffer.out
	}
	if c.LogFormat == "console" || c.LogFormat == "" && isTerminal(out) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(out)}
	}
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel
	}
	log := zerolog.New(w).Level(level).Hook(zerolog.HookFunc(timestamp))
	if buffered {
		buffer.onDropped = func(lines int) {
			log.Error().Int("lines", lines).Msg("log lines were dropped: the log's reader is too slow")
		}
	}
	return log
}

// timestamp adds the time in milliseconds. zerolog's own format is a global variable, and in seconds.
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
