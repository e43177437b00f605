package message

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// AppHash identifies an Android app. If a text ends with the hash, the SMS Retriever API passes the text to that app alone, and the app
// needs no permission to read messages. https://developers.google.com/identity/sms-retriever/verify
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

// Domain is the domain of a website. If the last line of a text binds the code to it, phones with WebOTP fill in the code only there.
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

// autofill returns the text with the lines at its end by which phones find the code. A text that has such lines keeps its own.
//
//	Your code is 123456
//
//	@example.com #123456 FA+9qCX9VSu
//
// One line can hold both. Google Play services look for the hash at the very end of the text (their log: "EndsWithStringMatcher",
// https://github.com/googlearchive/android-credentials/issues/21). They no longer need the <#> with which older texts start. The line
// for WebOTP must be the last one and start with @. What follows its code is ignored, by the specification
// (https://wicg.github.io/sms-one-time-codes/#parsing) and by Chromium (content/browser/sms/sms_parser.cc).
func (p pieces) autofill(hash AppHash, domain Domain) pieces {
	if hash == "" && domain == "" {
		return p
	}
	filled := slices.Clone(p)
	last := len(filled) - 1
	filled[last] = strings.TrimRight(filled[last], space)
	if before, found := strings.CutSuffix(filled[last], string(hash)); found && (before == "" || strings.ContainsAny(before[len(before)-1:], space)) {
		filled[last] = strings.TrimRight(before, space)
	}
	if domain != "" && !filled.bound() {
		filled[last] += "\n\n@" + string(domain) + " #"
		filled = append(filled, "")
		last++
	}
	switch {
	case hash == "":
	case filled.bound():
		filled[last] += " " + string(hash)
	default:
		filled[last] += "\n\n" + string(hash)
	}
	return filled
}

// space is ASCII's white space. newlines are those characters of it that end a line.
const (
	space    = " \t\f" + newlines
	newlines = "\r\n"
)

// bound reports whether the last line is a line of WebOTP: @domain #code, and after it nothing or a space.
func (p pieces) bound() bool {
	last := len(p) - 1
	if last < 1 || strings.ContainsAny(p[last], newlines) || p[last] != "" && p[last][0] != ' ' {
		return false
	}
	before := p[last-1]
	start := strings.LastIndexAny(before, newlines) + 1
	if start == 0 && last > 1 {
		return false // the line contains another code before
	}
	host, isLine := strings.CutSuffix(before[start:], " #")
	return isLine && len(host) > 1 && host[0] == '@' && !strings.ContainsAny(host, space)
}
