package message

import "unicode/utf16"

// The characters of GSM 7-bit, 3GPP TS 23.038 §6.2.1: those that take one septet, and those of the extension table, which
// take two.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// A segment carries 140 bytes: 160 septets or 70 UTF-16 units. Where there are several, a header of 6 bytes joins them.
const (
	gsmSingle, gsmMulti         = 160, 153
	unicodeSingle, unicodeMulti = 70, 67
)

// septetTable holds how many septets a character takes, for all characters of GSM 7-bit but the euro.
var septetTable = func() (table [0x400]uint8) {
	for _, r := range gsmBasic {
		table[r] = 1
	}
	for _, r := range gsmExtension {
		if r != '€' {
			table[r] = 2
		}
	}
	return table
}()

// septets returns how many septets a character takes; 0 if GSM 7-bit hasn't got it.
func septets(r rune) int {
	switch {
	case int(r) < len(septetTable):
		return int(septetTable[r])
	case r == '€':
		return 2
	}
	return 0
}

// Count returns whether a text needs Unicode (UCS-2), and how many SMS segments it takes, at least 1. A character of two
// units is not split between segments.
func Count(text string) (unicode bool, segments int) {
	if segments = pack(text, septets, gsmSingle, gsmMulti); segments > 0 {
		return false, segments
	}
	return true, pack(text, utf16.RuneLen, unicodeSingle, unicodeMulti)
}

// pack returns how many segments the characters of a text fill. It is 0 if one of them has no size.
func pack(text string, size func(rune) int, single, multi int) int {
	total, segments, used := 0, 1, 0
	for _, r := range text {
		n := size(r)
		if n < 1 {
			return 0
		}
		if used+n > multi {
			segments++
			used = 0
		}
		used += n
		total += n
	}
	if total <= single {
		return 1
	}
	return segments
}
