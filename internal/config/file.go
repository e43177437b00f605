package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// fileSuffix makes the name of a variable that holds the path of a file with the value, as Docker's and Kubernetes' secrets
// are mounted.
const (
	fileSuffix  = "_FILE"
	maxFileSize = 64 << 10
)

// readFile returns the value that a setting's file holds. An empty file is a mistake, or is just being written.
func readFile(setting, path string) (string, error) {
	file, err := openRegular(path)
	if err != nil {
		return "", unreadable(setting+fileSuffix, path, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return "", unreadable(setting+fileSuffix, path, err)
	}
	if len(content) > maxFileSize {
		return "", problem(setting+fileSuffix, "want a file of at most 64 KiB")
	}
	value := strings.TrimRight(string(content), "\r\n")
	if value == "" {
		return "", problem(setting+fileSuffix, "want a file that isn't empty")
	}
	return value, nil
}

var errNotRegular = errors.New("not a regular file")

// openRegular opens a file, and nothing that could be waited for: to open a named pipe blocks until somebody writes to it, and
// with that every later reload. A link to a file is one, as in Kubernetes' volumes.
func openRegular(path string) (*os.File, error) {
	file, err := openAtOnce(path)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errNotRegular
	}
	return file, nil
}

// openAtOnce doesn't wait for the other end of a pipe.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// folder is the files of one folder, none of which can be waited for.
type folder string

// Open serves fs.FS.
func (f folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	if name == "." {
		return openAtOnce(string(f))
	}
	return openRegular(filepath.Join(string(f), name))
}
