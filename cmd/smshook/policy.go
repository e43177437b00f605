package main

import (
	"fmt"
	"io"

	"github.com/smshook/smshook/internal/config"
)

// printPolicy prints which numbers may get messages, and how many.
func printPolicy(w io.Writer, settings config.Config) {
	fmt.Fprintf(w, "numbers   are checked: %v\n", settings.PhoneCheck)
	for _, list := range []struct{ what, entries string }{
		{"only in", settings.Countries.String()},
		{"not in", settings.BlockedCountries.String()},
		{"not with", settings.BlockedPrefixes.String()},
		{"not of type", settings.BlockedTypes.String()},
	} {
		if list.entries != "" {
			fmt.Fprintf(w, "numbers   %s %s\n", list.what, list.entries)
		}
	}
	rules := settings.PolicySettings()
	note := ""
	if rules.Observe {
		note = " (only observed)"
	}
	for _, l := range rules.Limits.List() {
		fmt.Fprintf(w, "limit     %s: %s%s\n", l.Rule.Counts(), l.Limit.Words(), note)
	}
}
