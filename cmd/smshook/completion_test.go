package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// completion writes the script of a shell to a file.
func completion(t *testing.T, shell string) string {
	r := smshook(t, "", nil, "completion", shell)
	require.Equal(t, exitOK, r.code, r.stderr)
	file := filepath.Join(t.TempDir(), "smshook."+shell)
	require.NoError(t, os.WriteFile(file, []byte(r.stdout), 0o600))
	return file
}

// runShell runs a script in a shell that reads no settings of its user. It skips the test if the shell is missing.
func runShell(t *testing.T, script string, shell ...string) []string {
	if _, err := exec.LookPath(shell[0]); err != nil {
		t.Skip(shell[0] + " is missing")
	}
	command := exec.Command(shell[0], append(shell[1:], "-c", script)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir())
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return strings.Fields(string(output))
}

func TestBashCompletes(t *testing.T) {
	file := completion(t, "bash")
	for line, want := range map[string]string{
		"ser":                 "serve",
		"check -p":            "-phone",
		"completion f":        "fish",
		"help mess":           "messages",
		"nothing -":           "",
		"check -phone +44 -i": "-ip",
	} {
		words := strings.Fields(line)
		got := runShell(t, `set -u; source "`+file+`"; COMP_WORDS=(smshook `+line+`); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _smshook; echo "${COMPREPLY[@]-}"`,
			"bash", "--norc")
		require.Equal(t, want, strings.Join(got, " "), words)
	}
	runShell(t, `bash -n "`+file+`"`, "bash", "--norc")
}

func TestFishCompletes(t *testing.T) {
	file := completion(t, "fish")
	for line, want := range map[string]string{"ser": "serve", "check -p": "-phone", "completion f": "fish"} {
		got := runShell(t, `source "`+file+`"; complete -C 'smshook `+line+`'`, "fish", "--no-config")
		require.NotEmpty(t, got, line)
		require.Equal(t, want, got[0], line)
	}
}

// The functions of zsh's completion system need a terminal. These show what they are given.
func TestZshCompletes(t *testing.T) {
	file := completion(t, "zsh")
	prelude := `compdef() { :; }; _describe() { print -l -- ${(P)2}; }; _arguments() { print -l -- "$@"; }; source "` + file + `"; `
	runShell(t, `zsh -n "`+file+`"`, "zsh", "-f")
	got := runShell(t, prelude+`words=(smshook ser); CURRENT=2; _smshook | grep '^ser'`, "zsh", "-f")
	require.Equal(t, strings.Fields("serve:"+serveCommand.summary), got)
	got = runShell(t, prelude+`words=(smshook check -p); CURRENT=3; _smshook | grep '^-phone'`, "zsh", "-f")
	require.Equal(t, "-phone[the", got[0])
	require.Equal(t, "+447700900123]:PHONE:_files", got[len(got)-1])
}

// Each command and each of its flags is in each script.
func TestCompletionIsWhole(t *testing.T) {
	for name, script := range completions {
		text := script(commands())
		for _, c := range commands() {
			require.Contains(t, text, c.name, name)
			for _, f := range flagNames(c) {
				require.Regexp(t, `[ '-]`+strings.TrimPrefix(f, "-")+`\b`, text, name)
			}
		}
	}
	require.Equal(t, result{exitUsage, "", "smshook completion: there is no script for \"tcsh\"; want one of bash, fish, zsh\n"},
		smshook(t, "", nil, "completion", "tcsh"))
}

func TestManPage(t *testing.T) {
	r := smshook(t, "", nil, "man")
	require.Equal(t, exitOK, r.code)
	for _, want := range []string{".SS \"smshook check [\\-phone PHONE [\\-ip ADDRESS]]\"\n", ".B \"SMSHOOK_BUDGET (4s)\"\n", ".B \"TWILIO_FROM\"\n", ".SH EXIT STATUS\n.TP\n.B \"0\"\n"} {
		require.Contains(t, r.stdout, want)
	}
	require.NotContains(t, r.stdout, "The settings are:", "they have a section of their own")
	file := filepath.Join(t.TempDir(), "smshook.1")
	require.NoError(t, os.WriteFile(file, []byte(r.stdout), 0o600))
	checked := false
	for _, check := range [][]string{{"mandoc", "-T", "lint", "-W", "error", file}, {"man", "--warnings=all", "-E", "UTF-8", "-P", "cat", "-l", file}} {
		if _, err := exec.LookPath(check[0]); err != nil {
			continue
		}
		checked = true
		command := exec.Command(check[0], check[1:]...)
		var stderr strings.Builder
		command.Stderr = &stderr
		output, err := command.Output()
		require.NoError(t, err, "%s%s", output, stderr.String())
		require.Empty(t, stderr.String(), check)
		if check[0] == "man" {
			require.Contains(t, string(output), "answer the Send SMS hook")
		}
	}
	if !checked {
		t.Skip("man and mandoc are missing: the page was only read")
	}
}
