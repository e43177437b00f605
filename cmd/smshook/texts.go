package main

import (
	"fmt"
	"io"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers"
)

// printTexts prints the text of each locale, with its segments and its encoding.
func printTexts(w io.Writer, settings config.Config) {
	for _, sample := range settings.Texts.Samples(providers.NewSecret("123456")) {
		encoding := "GSM-7"
		if sample.Text.Unicode {
			encoding = "UCS-2"
		}
		fmt.Fprintf(w, "text      %s: %q, %d segment(s), %s\n", sample.Locale, sample.Text.Text.Reveal(), sample.Text.Segments, encoding)
	}
}
