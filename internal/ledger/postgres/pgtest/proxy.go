package pgtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy is a network between programs and a database that can be slow, or lose everything.
type Proxy struct {
	database Database
	proxy    *toxiproxy.Proxy
}

// Proxy puts a proxy before the database. It ends with the test.
func (d *Database) Proxy(tb testing.TB) *Proxy {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, d.Name, "127.0.0.1:0", d.cluster.address)
	if err := p.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Stop)
	return &Proxy{Database{d.Name, &cluster{address: p.Listen}}, p}
}

// URL is [Database.URL] for the address of the proxy.
func (p *Proxy) URL(role, password string) string { return p.database.URL(role, password) }

// BlackHole lets no byte pass, and closes no connection, also no new one. heal ends that, and closes the connections of before.
func (p *Proxy) BlackHole(tb testing.TB) (heal func()) {
	tb.Helper()
	return p.add(tb, `{"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`)
}

// Latency delays each answer.
func (p *Proxy) Latency(tb testing.TB, by time.Duration) (heal func()) {
	tb.Helper()
	return p.add(tb, fmt.Sprintf(`{"type": "latency", "stream": "downstream", "attributes": {"latency": %d}}`, by.Milliseconds()))
}

// add adds a toxic: https://github.com/Shopify/toxiproxy#toxics
func (p *Proxy) add(tb testing.TB, toxic string) (heal func()) {
	tb.Helper()
	added, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(toxic))
	if err != nil {
		tb.Fatal(err)
	}
	return func() {
		if err := p.proxy.Toxics.RemoveToxic(context.Background(), added.Name); err != nil {
			tb.Error(err)
		}
	}
}
