package main

import "strings"

// typed returns a number as people type or copy it, "+44 (0)7700 900123" or "0044 7700-900123", in the form that Auth sends. What
// else is in it stays, so that what is wrong with the number is told.
func typed(phone string) string {
	phone = strings.ReplaceAll(phone, "(0)", "") // the trunk prefix, which isn't dialled from abroad
	phone = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\u00a0\u202f-–./()", r) {
			return -1
		}
		return r
	}, phone)
	if rest, ok := strings.CutPrefix(phone, "00"); ok {
		return "+" + rest
	}
	return phone
}
