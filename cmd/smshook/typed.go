package main

import "strings"

// typed returns a number that a person has typed or copied, such as "+44 (0)7700 900123" or "0044 7700-900123", in the form that Auth sends.
// All other characters stay: the check of the number reports them.
func typed(phone string) string {
	phone = strings.ReplaceAll(phone, "(0)", "") // the trunk prefix, which is not part of the international form
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
