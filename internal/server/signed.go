package server

import (
	"net/http"

	"github.com/smshook/smshook/internal/hook"
)

// signedBody reads the body of a call that one of the secrets has signed. release is as for readBody. If there is an error, status is that
// of the answer.
func (s *Server) signedBody(w *response, r *http.Request, secrets hook.Secrets, limit int64) (body []byte, release func(), status int, err error) {
	if err := hook.Signed(r.Header); err != nil { // without a signature, the body is not worth reading
		w.closeConnection()
		return nil, nil, http.StatusUnauthorized, err
	}
	body, release, err = s.readBody(r, limit)
	if err != nil {
		w.closeConnection()
		return nil, nil, bodyStatus(err), err
	}
	if err := secrets.Verify(r.Header, body); err != nil {
		release()
		return nil, nil, http.StatusUnauthorized, err
	}
	return body, release, 0, nil
}
