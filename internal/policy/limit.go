package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is how many messages in how much time. Of 5/10m, five may go at once, and after that one every two minutes: in no ten
// minutes more than ten, and in the long run five. The zero value is no limit.
type Limit struct {
	Most int
	Per  time.Duration
}

const (
	mostMost = 1_000_000
	leastPer = time.Second
	mostPer  = 30 * 24 * time.Hour
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
	if err != nil || most < 1 || most > mostMost {
		return errLimit
	}
	per, err := time.ParseDuration(strings.TrimSpace(duration))
	if err != nil || per < leastPer || per > mostPer {
		return errLimit
	}
	*l = Limit{most, per}
	return nil
}

// String writes a limit as it is set.
func (l Limit) String() string {
	if !l.on() {
		return "off"
	}
	return fmt.Sprintf("%d/%s", l.Most, short(l.Per))
}

// Words says what a limit means.
func (l Limit) Words() string {
	if !l.on() {
		return "off"
	}
	return fmt.Sprintf("%d at once, then one every %s", l.Most, short(l.interval()))
}

func (l Limit) on() bool { return l.Most > 0 }

// interval is how long one message uses up.
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
