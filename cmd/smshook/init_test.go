package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

// masked replaces what is new at each run.
func masked(text, folder string) string {
	text = regexp.MustCompile(`v1,whsec_[A-Za-z0-9+/=]+`).ReplaceAllString(text, "v1,whsec_…")
	text = regexp.MustCompile(`(/receipts/\w+/)[\w-]+`).ReplaceAllString(text, "$1…")
	return strings.ReplaceAll(text, folder, "FOLDER")
}

// Each case is done with flags, and the answers of stdin give the same file and the same text.
func TestInit(t *testing.T) {
	twilio := []string{"-provider", "twilio", "-app", "Acme", "-countries", "GB, IE", "-set", "TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000",
		"-set", "TWILIO_AUTH_TOKEN=" + authToken, "-set", "TWILIO_FROM=+15005550006"}
	typed := "twilio\nAcme\nGB, IE\nAC00000000000000000000000000000000\n" + authToken + "\n+15005550006\nno\n\n"
	for _, tt := range []struct {
		name  string
		flags []string
		stdin string
	}{
		{"hosted", append([]string{"-url", "https://sms.example.com"}, twilio...), "hosted\nhttp\nhttps://sms.example.com\n" + typed},
		{"hosted-sql", append([]string{"-by", "sql", "-store", "postgres://smshook:s3cret@db.example.com:5432/postgres"}, twilio...),
			"\nsql\npostgres://smshook:s3cret@db.example.com:5432/postgres\n" + typed},
		{"docker", append([]string{"-supabase", "docker"}, twilio...), "docker\n\n" + typed},
		{"docker-sql", append([]string{"-supabase", "docker", "-by", "sql", "-store", "postgres://smshook:s3cret@db:5432/postgres"}, twilio...),
			"docker\nsql\npostgres://smshook:s3cret@db:5432/postgres\n" + typed},
		{"cli", append([]string{"-supabase", "cli"}, twilio...), "cli\n\n" + typed},
		{"other", append([]string{"-supabase", "other", "-url", "https://sms.example.com"}, twilio...), "other\nhttp\nhttps://sms.example.com\n" + typed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			file := filepath.Join(folder, "smshook.env")
			flags := append([]string{"init", "-no-input", "-file", file}, tt.flags...)
			r := smshook(t, "", nil, flags...)
			require.Equal(t, exitOK, r.code, r.stderr)
			require.Empty(t, r.stderr)
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, secret := range []string{authToken, "s3cret"} {
				require.NotContains(t, r.stdout, secret)
			}
			providertest.Golden(t, filepath.Join("testdata", "init", tt.name+".txt"), masked(r.stdout+"-- file --\n"+string(content), folder))
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())

			again := smshook(t, "", nil, flags...)
			require.Equal(t, result{exitFail, "", "smshook init: " + file + " exists already: name another one with -file, or replace it with -force\n"}, again)
			kept, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, content, kept)

			asked := smshook(t, tt.stdin, nil, "init", "-force", "-file", file)
			require.Equal(t, exitOK, asked.code, asked.stdout+asked.stderr)
			replaced, err := os.ReadFile(file)
			require.NoError(t, err)
			if !strings.Contains(tt.name, "sql") {
				require.NotEqual(t, content, replaced, "there is a new secret")
			}
			require.Equal(t, masked(string(content), folder), masked(string(replaced), folder))
			require.Contains(t, masked(asked.stdout, folder), masked(r.stdout, folder), "the same steps, after the questions")
			require.NotContains(t, asked.stdout, authToken)
			left, err := os.ReadDir(folder)
			require.NoError(t, err)
			require.Len(t, left, 1)
		})
	}
}

// What init asks again, and what it takes instead of an answer.
func TestInitAnswers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "smshook.env")
	env := []string{"TWILIO_AUTH_TOKEN=" + authToken, "SMSHOOK_SECRETS=" + hookSecret, "TWILIO_UNRELATED=x"}
	r := smshook(t, "dokcer\ndocker\n\ntwillio\ntwilio\n\nXX\nGB\nAC0\nTWILIO_MESSAGING_SERVICE_SID=MG00000000000000000000000000000000\nAC00000000000000000000000000000000\nno\n\n",
		env, "init", "-file", file)
	require.Equal(t, exitOK, r.code, r.stdout+r.stderr)
	require.Contains(t, r.stdout, "want one of hosted, docker, cli, other; did you mean docker?\n")
	require.Contains(t, r.stdout, "did you mean twilio?\n")
	require.NotContains(t, r.stdout, strings.TrimPrefix(hookSecret, "v1,whsec_"), "only a new secret is shown")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `# Settings of smshook. `+"`smshook serve -h`"+` lists all of them. No quotes around values.
SMSHOOK_SECRETS=`+hookSecret+`
SMSHOOK_PROVIDERS=twilio
SMSHOOK_COUNTRIES=GB
TWILIO_AUTH_TOKEN=`+authToken+`
TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000
TWILIO_MESSAGING_SERVICE_SID=MG00000000000000000000000000000000
`, string(content))
}

func TestInitFailures(t *testing.T) {
	folder := t.TempDir()
	for name, tt := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"nothing is given":  {"", []string{"-no-input"}, "smshook init: -url: want an address such as https://sms.example.com\n"},
		"no provider":       {"", []string{"-no-input", "-supabase", "cli"}, "smshook init: -provider: want one of "},
		"no credentials":    {"", []string{"-no-input", "-supabase", "cli", "-provider", "twilio"}, "smshook init: TWILIO_ACCOUNT_SID: is missing"},
		"the input ends":    {"cli\n", nil, "smshook init: the input has ended: give the answers by flags, with -no-input\n"},
		"three bad answers": {"a\nb\nc\n", nil, "smshook init: -supabase has no value that can be used\n"},
		"a bad country":     {"", []string{"-no-input", "-supabase", "cli", "-provider", "twilio", "-countries", "XX"}, "smshook init: -countries: "},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(folder, "smshook.env")
			r := smshook(t, tt.stdin, nil, append([]string{"init", "-file", file}, tt.args...)...)
			require.Equal(t, exitFail, r.code)
			require.Contains(t, r.stderr, tt.want)
			require.NoFileExists(t, file)
		})
	}
	r := smshook(t, "", nil, "init", "-set", "TWILIO_AUTH_TOKEN="+authToken+"\nSMSHOOK_POLICY=observe")
	require.Equal(t, exitUsage, r.code)
	require.NotContains(t, r.stderr, "SMSHOOK_POLICY=observe\nUsage", "a value of two lines would be two settings")
}

// check and send use the file's settings, and not those of the environment.
func TestInitChecksAndSends(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	args := []string{"-supabase", "cli", "-by", "http", "-provider", "twilio", "-app", "", "-countries", "", "-set", "TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000",
		"-set", "TWILIO_AUTH_TOKEN=" + authToken, "-set", "TWILIO_FROM=+15005550006", "-set", "TWILIO_BASE_URL=" + twilio.URL}
	file := filepath.Join(t.TempDir(), "smshook.env")
	for _, tt := range []struct {
		stdin string
		more  []string
	}{
		{"", []string{"-no-input", "-check", "-send", "+15555550199"}},
		{"yes\n+1 555 555 0199\n", []string{"-force"}},
	} {
		r := smshook(t, tt.stdin, []string{"SMSHOOK_BUDGET=nonsense"}, append(append([]string{"init", "-file", file}, args...), tt.more...)...)
		require.Equal(t, exitOK, r.code, r.stdout+r.stderr)
		require.Contains(t, r.stdout, "verdict   ready\n")
		require.Contains(t, r.stdout, "accepted as [SM00000000000000000000000000000001]")
		requests := twilio.Requests()
		require.Len(t, requests, 2)
		require.Contains(t, requests[1].String(), "5555550199")
	}
}
