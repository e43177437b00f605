// Package call is the one way to call a provider over HTTP. It keeps to the deadline, bounds what it reads, knows whether a
// request may have reached the provider, gives every failure its Kind and hides from every error what must not be seen.
package call

import (
	"net"
	"net/http"
	"time"
)

// NewClient returns the HTTP client for all providers. Their names, credentials and deadlines come with each request.
//
// It speaks HTTP/1.1 only. Over HTTP/2, net/http repeats a POST that the server has read and then reset, and a connection
// that died in silence takes every message with it until a ping is missed; over HTTP/1.1 a written POST is never repeated
// and a dead connection costs one. It follows no redirect, since a credential would go along.
func NewClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:     http.ProxyFromEnvironment,
			Protocols: protocols,
			// A dial goes on without the request that asked for it, so these two have ends of their own.
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        30 * time.Second, // under the 60 s after which load balancers drop a silent connection
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // answers are short
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
