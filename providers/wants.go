package providers

import (
	"errors"
	"regexp"
)

// Wants collects the settings that can't be used, for a Validate method. The zero value has none. The settings are named as in
// their env tags; given says whether a setting has a value.
//
// A setting that is always needed has the tag required:"true", and Validate doesn't repeat it: the loader says that the setting is
// missing, and drops what Validate says about it. Either and Both are for settings that are needed only together or in place of others.
type Wants struct{ problems []error }

// That adds a problem if ok is false. Want says what the setting should be, and never quotes its value.
func (w *Wants) That(ok bool, setting, want string) {
	if !ok {
		w.problems = append(w.problems, Problem{Setting: setting, Want: want})
	}
}

// Either wants at least one of two settings.
func (w *Wants) Either(setting string, given bool, other string, otherGiven bool) {
	w.That(given || otherGiven, setting, "is missing, and so is "+other)
}

// Both wants two settings, or neither of them.
func (w *Wants) Both(setting string, given bool, other string, otherGiven bool) {
	w.That(given || !otherGiven, setting, "is missing beside "+other)
	w.That(otherGiven || !given, other, "is missing beside "+setting)
}

// Match wants a value that a pattern matches, or none.
func (w *Wants) Match(setting, value string, pattern *regexp.Regexp, want string) {
	w.That(value == "" || pattern.MatchString(value), setting, want)
}

// Err returns the problems, joined by errors.Join, or nil.
func (w *Wants) Err() error { return errors.Join(w.problems...) }
