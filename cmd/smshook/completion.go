package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// completionCommand is a function, as manCommand is: both read the table of commands, which they are in.
func completionCommand() command {
	return command{
		name:    "completion",
		args:    strings.Join(slices.Sorted(maps.Keys(completions)), "|"),
		summary: "print a script with which a shell completes commands and flags",
		help: `
Prints a script for bash, fish or zsh. The shell then completes smshook's commands and their flags. The script is made from them, so
print it again after an update.`,
		example: "smshook completion bash > /usr/share/bash-completion/completions/smshook\n" +
			"smshook completion zsh > /usr/local/share/zsh/site-functions/_smshook\n" +
			"smshook completion fish > ~/.config/fish/completions/smshook.fish",
		choices: slices.Sorted(maps.Keys(completions)),
		run: func(_ context.Context, sh *shell, c command, args []string) int {
			flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
			if code, ok := sh.parse(c, flags, args, 1); !ok {
				return code
			}
			script, ok := completions[flags.Arg(0)]
			if !ok {
				fmt.Fprintf(sh.stderr, "smshook %s: there is no script for %q; want one of %s\n", c.name, flags.Arg(0), strings.Join(c.choices, ", "))
				return exitUsage
			}
			fmt.Fprint(sh.stdout, script(commands()))
			return exitOK
		},
	}
}

var completions = map[string]func([]command) string{"bash": bash, "zsh": zsh, "fish": fish}

// flagNames returns the names of a command's flags, each with its dash.
func flagNames(c command) []string {
	var names []string
	flagsOf(c).VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return names
}

// takesValue reports whether a value follows a flag.
func takesValue(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return !ok || !b.IsBoolFlag()
}

// bash completes what is no command, flag or choice by the names of files: that is `-o default`.
func bash(list []command) string {
	var names []string
	var cases strings.Builder
	for _, c := range list {
		names = append(names, c.name)
		fmt.Fprintf(&cases, "    %s) words=%s ;;\n", c.name, quoted(strings.Join(append(flagNames(c), c.choices...), " ")))
	}
	return fmt.Sprintf(`_smshook() {
  local words='%s help'
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${COMP_WORDS[1]}" in
%s    help) words='%[1]s' ;;
    *) words='' ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _smshook smshook
`, strings.Join(names, " "), cases.String())
}

// zsh has a description for each command and flag. The file works in a folder of fpath, and with source.
func zsh(list []command) string {
	var names, cases strings.Builder
	for _, c := range list {
		fmt.Fprintf(&names, "    %s\n", quoted(c.name+":"+strings.ReplaceAll(c.summary, ":", `\:`)))
		fmt.Fprintf(&cases, "  %s) _arguments", c.name)
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			value, usage := flag.UnquoteUsage(f)
			spec := "-" + f.Name + "[" + zshText.Replace(usage) + "]"
			if takesValue(f) {
				spec += ":" + zshText.Replace(value) + ":_files"
			}
			fmt.Fprintf(&cases, " %s", quoted(spec))
		})
		if len(c.choices) > 0 {
			fmt.Fprintf(&cases, " %s ;;\n", quoted("1:"+c.name+":("+strings.Join(c.choices, " ")+")"))
			continue
		}
		fmt.Fprint(&cases, " '*:file:_files' ;;\n")
	}
	return fmt.Sprintf(`#compdef smshook
_smshook() {
  local -a commands=(
%s  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
%s  help) _describe command commands ;;
  esac
}
if [ "$funcstack[1]" = _smshook ]; then
  _smshook "$@"
else
  compdef _smshook smshook
fi
`, names.String(), cases.String())
}

// zshText hides what has a meaning in the specifications of _arguments.
var zshText = strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`)

// fish calls flags with one dash old options.
func fish(list []command) string {
	var b strings.Builder
	for _, c := range append(slices.Clone(list), command{name: "help", summary: "say more about a command"}) {
		fmt.Fprintf(&b, "complete -c smshook -f -n __fish_use_subcommand -a %s -d %s\n", c.name, fishQuoted(c.summary))
	}
	for _, c := range list {
		condition := "-n '__fish_seen_subcommand_from " + c.name + "'"
		flagsOf(c).VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			value := ""
			if takesValue(f) {
				value = " -r"
			}
			fmt.Fprintf(&b, "complete -c smshook %s -o %s%s -d %s\n", condition, f.Name, value, fishQuoted(usage))
		})
		if len(c.choices) > 0 {
			fmt.Fprintf(&b, "complete -c smshook -f %s -a %s\n", condition, fishQuoted(strings.Join(c.choices, " ")))
		}
	}
	return b.String()
}

func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
