package ledger

import "time"

// Time is a point in time as databases keep it, in microseconds since 1970. The zero value is no time.
type Time int64

// At returns a point in time as a Time.
func At(t time.Time) Time { return Time(t.UnixMicro()) }

// Add returns the time so much later.
func (t Time) Add(d time.Duration) Time { return t + Time(d/time.Microsecond) }

// Sub returns how much later t is than u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Microsecond }

// Time returns t in the form of package time.
func (t Time) Time() time.Time { return time.UnixMicro(int64(t)) }
