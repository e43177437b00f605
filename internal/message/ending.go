package message

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// AppHash names an Android app: the SMS Retriever API hands a text that ends with it to that app alone, without a permission
// to read texts. https://developers.google.com/identity/sms-retriever/verify
type AppHash string

var hashShape = regexp.MustCompile(`^[A-Za-z0-9+/]{11}$`)

// UnmarshalText reads a hash.
func (h *AppHash) UnmarshalText(text []byte) error {
	if !hashShape.Match(text) {
		return errors.New("want the 11 characters of the app's hash: letters, digits, + and /")
	}
	*h = AppHash(text)
	return nil
}

// Domain is that of a website: phones that know WebOTP fill a code only there if the last line of the text is bound to it.
// https://wicg.github.io/sms-one-time-codes/
type Domain string

var domainShape = regexp.MustCompile(`^(localhost|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*[a-z0-9])$`)

// UnmarshalText reads a domain.
func (d *Domain) UnmarshalText(text []byte) error {
	if !domainShape.Match(text) || len(text) > 253 {
		return errors.New("want a domain such as example.com, in small letters and without https://")
	}
	*d = Domain(text)
	return nil
}

// end returns the text with the lines for phones at its end. A text that has them already keeps its own.
//
//	Your code is 123456
//
//	@example.com #123456 FA+9qCX9VSu
//
// Play services look for the hash at the very end (their log: "EndsWithStringMatcher",
// https://github.com/googlearchive/android-credentials/issues/21), and no longer ask for the <#> in front that older texts
// have. The line for WebOTP must be the last one and begin with @; what follows its code is ignored, by the specification
// (https://wicg.github.io/sms-one-time-codes/#parsing) and by Chromium (content/browser/sms/sms_parser.cc). So both fit on it.
func (p pieces) end(hash AppHash, domain Domain) pieces {
	if hash == "" && domain == "" {
		return p
	}
	ended := slices.Clone(p)
	last := len(ended) - 1
	ended[last] = strings.TrimRight(ended[last], space)
	if before, found := strings.CutSuffix(ended[last], string(hash)); found && (before == "" || strings.ContainsAny(before[len(before)-1:], space)) {
		ended[last] = strings.TrimRight(before, space)
	}
	if domain != "" && !ended.bound() {
		ended[last] += "\n\n@" + string(domain) + " #"
		ended = append(ended, "")
		last++
	}
	switch {
	case hash == "":
	case ended.bound():
		ended[last] += " " + string(hash)
	default:
		ended[last] += "\n\n" + string(hash)
	}
	return ended
}

// space is ASCII's white space, and newlines the part of it that ends a line.
const (
	space    = " \t\f" + newlines
	newlines = "\r\n"
)

// bound reports whether the last line is one of WebOTP: @domain #code, and then nothing or a space.
func (p pieces) bound() bool {
	last := len(p) - 1
	if last < 1 || strings.ContainsAny(p[last], newlines) || p[last] != "" && p[last][0] != ' ' {
		return false
	}
	before := p[last-1]
	start := strings.LastIndexAny(before, newlines) + 1
	if start == 0 && last > 1 {
		return false // the line begins before another code
	}
	host, isLine := strings.CutSuffix(before[start:], " #")
	return isLine && len(host) > 1 && host[0] == '@' && !strings.ContainsAny(host, space)
}
