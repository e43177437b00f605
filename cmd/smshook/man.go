package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers/all"
)

func manCommand() command {
	return command{
		name:    "man",
		summary: "print the manual page",
		help:    "Prints the manual page smshook(1), with all commands, flags and settings.",
		example: "smshook man > /usr/local/share/man/man1/smshook.1\nsmshook man | man -l -",
		run: func(_ context.Context, sh *shell, c command, args []string) int {
			if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
				return code
			}
			fmt.Fprint(sh.stdout, manPage(commands(), config.Describe(all.Drivers())))
			return exitOK
		},
	}
}

// manPage is the manual page in the macros of man(7).
func manPage(list []command, settings []config.Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH SMSHOOK 1 \"\" %s\n.SH NAME\nsmshook \\- answer the Send SMS hook of Supabase Auth\n", roffArgument("smshook "+version()))
	fmt.Fprint(&b, ".SH SYNOPSIS\n.B smshook\n.RI [ command ]\n.SH COMMANDS\n")
	for _, c := range list {
		fmt.Fprintf(&b, ".SS %s\n", roffArgument(strings.TrimSpace("smshook "+c.name+" "+c.args)))
		roffText(&b, strings.TrimSuffix(c.help, settingsHelp))
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			value, usage := flag.UnquoteUsage(f)
			roffItem(&b, strings.TrimSpace("-"+f.Name+" "+value), usage)
		})
		fmt.Fprintf(&b, ".P\nExamples:\n.P\n.nf\n%s\n.fi\n", roff("  "+strings.ReplaceAll(c.example, "\n", "\n  ")))
	}
	fmt.Fprint(&b, ".SH ENVIRONMENT\n")
	for _, section := range settings {
		fmt.Fprintf(&b, ".SS %s\n", roffArgument(section.Title))
		for _, s := range section.Settings {
			name := s.Name
			if s.Default != "" {
				name += " (" + s.Default + ")"
			}
			roffItem(&b, name, s.Help)
		}
	}
	fmt.Fprint(&b, ".SH EXIT STATUS\n")
	for line := range strings.SplitSeq(strings.TrimSpace(exitCodes), "\n") {
		if code, meaning, found := strings.Cut(strings.TrimSpace(line), "  "); found {
			roffItem(&b, code, meaning)
		}
	}
	return b.String()
}

// roffText writes the paragraphs of a help text. Lines that are indented stay as they are.
func roffText(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(paragraph, " ") {
			fmt.Fprintf(b, ".P\n.nf\n%s\n.fi\n", roff(paragraph))
			continue
		}
		fmt.Fprintf(b, ".P\n%s\n", roff(paragraph))
	}
}

func roffItem(b *strings.Builder, name, text string) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roffArgument(name), roff(text))
}

// roffArgument is a text as one argument of a macro.
func roffArgument(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }

// roff hides what roff would read as a request or an escape. A plain hyphen could become a typographic one.
func roff(text string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n") {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
