package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
)

// usualBody is more than most requests send, in bytes. A call of the hook is longer only if the app keeps much in user_metadata.
const usualBody = 16 << 10

var (
	errTooLong = errors.New("the body is too long")
	errCutOff  = errors.New("the body could not be read to its end")
)

// readBody reads the whole body, of at most limit bytes. net/http notices only then that a client disconnects. release is never nil.
// The caller must call it when the body is no longer needed, and may call it again: memory for large bodies is limited.
// The error is errTooLong or errCutOff.
func (s *Server) readBody(r *http.Request, limit int64) (body []byte, release func(), err error) {
	release = func() {}
	if r.ContentLength > limit {
		return nil, release, errTooLong
	}
	var read bytes.Buffer
	read.Grow(int(min(max(r.ContentLength, 0), usualBody)) + bytes.MinRead)
	_, err = read.ReadFrom(io.LimitReader(r.Body, usualBody+1))
	if read.Len() > usualBody && err == nil {
		if conn := connection(r); conn != nil {
			s.largeBodies.acquire(conn)
			release = sync.OnceFunc(s.largeBodies.release)
			defer s.largeBodies.received(conn)
		}
		rest := limit + 1 - int64(read.Len())
		if r.ContentLength > 0 {
			rest = r.ContentLength + 1 - int64(read.Len())
		}
		// All of it at once: a buffer that grows keeps two copies for a time.
		whole := make([]byte, 0, read.Len()+int(rest)+bytes.MinRead)
		read = *bytes.NewBuffer(append(whole, read.Bytes()...))
		_, err = read.ReadFrom(io.LimitReader(r.Body, rest))
	}
	switch {
	case err != nil:
		release()
		return nil, func() {}, errCutOff
	case int64(read.Len()) > limit:
		release()
		return nil, func() {}, errTooLong
	}
	return read.Bytes(), release, nil
}

// bodyStatus is the HTTP status for an error of readBody.
func bodyStatus(err error) int {
	if err == errTooLong {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}
