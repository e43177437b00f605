package message

import (
	"strings"
	"unicode/utf16"
)

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

// Count returns whether a text needs Unicode (UCS-2), and how many SMS segments it takes, at least 1. A character of two
// units is not split between segments.
func Count(text string) (unicode bool, segments int) {
	var septets []int
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			septets = append(septets, 1)
		case strings.ContainsRune(gsmExtension, r):
			septets = append(septets, 2)
		default:
			return true, pack(utf16Lengths(text), unicodeSingle, unicodeMulti)
		}
	}
	return false, pack(septets, gsmSingle, gsmMulti)
}

func utf16Lengths(text string) []int {
	var lengths []int
	for _, r := range text {
		lengths = append(lengths, utf16.RuneLen(r))
	}
	return lengths
}

// pack fills segments with characters of the given sizes.
func pack(sizes []int, single, multi int) int {
	total := 0
	for _, size := range sizes {
		total += size
	}
	if total <= single {
		return 1
	}
	segments, used := 1, 0
	for _, size := range sizes {
		if used+size > multi {
			segments++
			used = 0
		}
		used += size
	}
	return segments
}
