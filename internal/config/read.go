package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// read returns the value of a setting as a person means it: without the blanks around it. A value that can only be a mistake is
// an error.
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
	return plain(name+fileSuffix, value) // what was in the variable itself is plain already
}

// plain returns a value without the blanks around it. What is left must not stand in quotes, and must not be an example's.
//
// A shell takes quotes away, and so does Docker Compose. `docker run --env-file` and Kubernetes keep them, and then they would be
// sent to the provider, or to the app's users: https://docs.docker.com/reference/cli/docker/container/run/#env
func plain(variable, value string) (string, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return "", problem(variable, "has nothing but blanks")
	}
	if first := value[0]; strings.IndexByte("\"'`", first) >= 0 && first == value[len(value)-1] {
		return "", problem(variable, "starts and ends with a quote, which would be part of the value: write it without quotes")
	}
	lower := strings.ReplaceAll(strings.ToLower(value), "-", "_") // a host's name has no underscore
	if strings.Contains(lower, "replace_me") {
		return "", problem(variable, "still has the example's replace_me in it: put your own value there")
	}
	return value, nil
}

// unreadable is the problem of a file that can't be opened or read.
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
		want += fmt.Sprintf(" to the user with the number %d", os.Getuid())
	}
	return problem(variable, want)
}

// isPath reports whether a text can be shown as a path. It may be a secret whose place was another variable.
func isPath(text string) bool {
	for _, begin := range []string{"/", "./", "../"} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	folder, err := os.Stat(filepath.Dir(text))
	return filepath.Dir(text) != "." && err == nil && folder.IsDir()
}
