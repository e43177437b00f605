package main

import (
	"fmt"
	"io"

	"github.com/smshook/smshook/internal/config"
)

// printPolicy prints which numbers may get messages, and how many.
func printPolicy(w io.Writer, settings config.Config) {
	fmt.Fprintf(w, "numbers   are checked: %v\n", settings.PhoneCheck)
	rules := settings.PolicySettings()
	for _, list := range rules.Lists.Words() {
		fmt.Fprintf(w, "numbers   %s\n", list)
	}
	note := ""
	if rules.Observe {
		note = " (only observed)"
	}
	for _, l := range rules.Limits.List() {
		fmt.Fprintf(w, "limit     %s: %s%s\n", l.Rule.Counts(), l.Limit.Words(), note)
	}
}
