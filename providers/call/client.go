// Package call calls providers over HTTP. It keeps the deadline, limits what it reads, knows whether a request may have reached the
// provider, gives every failure its Kind, and masks secrets in every error.
package call

import (
	"net"
	"net/http"
	"time"
)

// NewClient returns the HTTP client for all providers. Their names, credentials and deadlines come with each request.
//
// It speaks HTTP/1.1 only. Over HTTP/2, net/http repeats a POST that the server has read and then reset. Also, a broken connection
// loses all messages on it until a ping fails. Over HTTP/1.1 a written POST is never repeated, and a broken connection loses one
// message. The client follows no redirects, because the credentials would go with the request.
func NewClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:     http.ProxyFromEnvironment,
			Protocols: protocols,
			// A dial may go on after its request has ended. Therefore these two have time limits of their own.
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        30 * time.Second, // less than the 60 s after which load balancers drop an idle connection
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // answers are short
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
