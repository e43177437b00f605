package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

func isTerminal(file any) bool {
	f, ok := file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// wantsColours follows https://no-color.org: NO_COLOR with any value turns colours off. TERM=dumb is a terminal without them.
func wantsColours(env []string) bool {
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb" {
			return false
		}
	}
	return true
}

// colour is a colour of a terminal, as ECMA-48 numbers it.
type colour string

const (
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// in returns a text in a colour, or as it is where there are none.
func (sh *shell) in(c colour, text string) string {
	if !sh.colours {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// progress shows what a command waits for, in a line that the next one replaces. An empty text removes the line.
func (sh *shell) progress(text string) {
	if sh.tellsProgress {
		io.WriteString(sh.stderr, "\r\x1b[K"+text)
	}
}
