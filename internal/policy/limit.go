package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is a rate limit: Most messages in the time Per. With 5/10m, five messages may go at once, and then one every two minutes.
// That is at most ten in any ten minutes, and five on average. The zero value is no limit.
type Limit struct {
	Most int           // 1 to maxMost
	Per  time.Duration // minPer to maxPer
}

const (
	maxMost = 1_000_000
	minPer  = time.Second
	maxPer  = 30 * 24 * time.Hour
)

var errLimit = errors.New("want how many in how much time, such as 5/10m, with 1 to 1000000 in 1s to 720h; or off")

// UnmarshalText reads a limit such as "5/10m", or "off".
func (l *Limit) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*l = Limit{}
		return nil
	}
	count, duration, _ := strings.Cut(string(text), "/")
	most, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil || most < 1 || most > maxMost {
		return errLimit
	}
	per, err := time.ParseDuration(strings.TrimSpace(duration))
	if err != nil || per < minPer || per > maxPer {
		return errLimit
	}
	*l = Limit{most, per}
	return nil
}

// String writes a limit as its setting is written.
func (l Limit) String() string {
	if !l.on() {
		return "off"
	}
	return fmt.Sprintf("%d/%s", l.Most, short(l.Per))
}

// Words describes the limit in English.
func (l Limit) Words() string {
	if !l.on() {
		return "off"
	}
	return fmt.Sprintf("%d at once, then one every %s", l.Most, short(l.interval()))
}

func (l Limit) on() bool { return l.Most > 0 }

// interval is the time after which the limit allows one more message.
func (l Limit) interval() time.Duration { return l.Per / time.Duration(l.Most) }

// short writes a duration without the units at its end that are 0: 10m, and not 10m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
