package message

import "unicode/utf16"

// The characters of GSM-7, 3GPP TS 23.038 §6.2.1. The basic ones take one septet each, and those of the extension table two.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// A segment has 140 bytes: 160 septets or 70 UTF-16 units. If there are several, each has a header of 6 bytes.
const (
	gsmSingle, gsmMulti         = 160, 153
	unicodeSingle, unicodeMulti = 70, 67
)

// septetTable has the number of septets for every character of GSM-7 except the euro sign, whose number is too high.
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

// septets returns how many septets a character takes; 0 if it is not in GSM-7.
func septets(r rune) int {
	switch {
	case int(r) < len(septetTable):
		return int(septetTable[r])
	case r == '€':
		return 2
	}
	return 0
}

// Count returns whether a text needs UCS-2, and how many SMS segments it takes, at least 1. A character of two units is not split
// between segments. It allocates nothing.
func Count(text string) (unicode bool, segments int) {
	if segments = pack(text, septets, gsmSingle, gsmMulti); segments > 0 {
		return false, segments
	}
	return true, pack(text, utf16.RuneLen, unicodeSingle, unicodeMulti)
}

// pack returns how many segments the characters of a text fill; 0 if a character has no size.
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
