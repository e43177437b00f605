package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// read returns the value of a setting without the blanks around it. A value that must be a mistake is an error.
func (env *environment) read(name string) (string, error) {
	for _, variable := range []string{name, name + fileSuffix} {
		if env.values[variable] == "" {
			continue
		}
		value, err := plain(variable, env.values[variable])
		if err != nil {
			return "", err
		}
		env.values[variable] = value
	}
	value, err := env.lookup(name)
	if value == "" || err != nil {
		return "", err
	}
	return plain(name+fileSuffix, value) // the loop above has checked the variable itself
}

const quotes = "\"'`"

// oddQuote reports whether end is a quote, and the text has an odd number of them. Text may end with a quoted word: that has two.
func oddQuote(text string, end byte) bool {
	return strings.IndexByte(quotes, end) >= 0 && strings.Count(text, string(end))%2 == 1
}

// plain returns a value without the blanks around it. It refuses a value in quotes, or with half of a pair of quotes at one end, or with
// the example's replace_me.
//
// A shell removes quotes, and Docker Compose does too. `docker run --env-file` and Kubernetes keep them, and they would be sent to the
// provider, or to the app's users: https://docs.docker.com/reference/cli/docker/container/run/#env
func plain(variable, value string) (string, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return "", problem(variable, "has only blanks")
	}
	if first := value[0]; strings.IndexByte(quotes, first) >= 0 && first == value[len(value)-1] {
		return "", problem(variable, "starts and ends with a quote, and quotes would be part of the value: write it without them")
	}
	if oddQuote(value, value[0]) || oddQuote(value, value[len(value)-1]) {
		return "", problem(variable, "has a quote at one end only, and the quote would be part of the value: write it without quotes")
	}
	lower := strings.ReplaceAll(strings.ToLower(value), "-", "_") // a host name has no underscore
	if strings.Contains(lower, "replace_me") {
		return "", problem(variable, "still contains replace_me from the example: put your own value there")
	}
	return value, nil
}

// unreadable returns the problem of a file that can't be opened or read.
func unreadable(variable, path string, err error) error {
	cause := err
	var failed *fs.PathError
	if errors.As(err, &failed) {
		cause = failed.Err
	}
	want := fmt.Sprintf("want the path of a readable file: %v", cause)
	if isPath(path) {
		want = fmt.Sprintf("%s: %v", path, cause)
	}
	if errors.Is(err, fs.ErrPermission) {
		want += fmt.Sprintf(" (smshook runs as user %d)", os.Getuid())
	}
	return problem(variable, want)
}

// isPath reports whether a text is certainly a path and can be shown: its folder exists. Otherwise it may be a secret in the wrong
// variable. Base64 has slashes, also as the first character, so the root folder proves nothing.
func isPath(text string) bool {
	dir := filepath.Dir(text)
	folder, err := os.Stat(dir)
	return dir != "." && dir != "/" && err == nil && folder.IsDir()
}
