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

const (
	// fileSuffix is the end of the name of a variable that has the path of a file with the value. Docker and Kubernetes mount secrets
	// as files.
	fileSuffix  = "_FILE"
	maxFileSize = 64 << 10
)

// readFile returns the value in a setting's file. An empty file is an error: it is a mistake, or another program is still writing it.
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

// openRegular opens a regular file, or a link to one as in Kubernetes' volumes. Anything else is an error. Opening a named pipe could block
// until another program writes to it, and that would block every later reload too.
func openRegular(path string) (*os.File, error) {
	file, err := openNonblocking(path)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errNotRegular
	}
	return file, nil
}

// openNonblocking doesn't wait for the other end of a pipe.
func openNonblocking(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// folder has the regular files of one folder. Opening a file never blocks.
type folder string

// Open implements fs.FS.
func (f folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	if name == "." {
		return openNonblocking(string(f))
	}
	return openRegular(filepath.Join(string(f), name))
}
