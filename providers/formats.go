package providers

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

var (
	// UUID matches a UUID in small or capital letters. Auth names its calls and its users so, and most providers their messages.
	UUID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

	// LanguageTag matches a BCP 47 tag, also with the underscores that many apps write: en-US and en_US.
	LanguageTag = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}$`)
)

// NewUUID returns a random UUID (version 4 of RFC 9562).
func NewUUID() string {
	var u [16]byte
	rand.Read(u[:]) // crypto/rand never returns an error
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return FormatUUID(u)
}

// FormatUUID writes 16 bytes in the form of a UUID. It doesn't set the version.
func FormatUUID(u [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
