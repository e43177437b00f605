package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/a-h/templ"
)

// liveViews are those that are brought up to date while somebody looks. The list of messages does so by itself.
var liveViews = []string{"overview", "delivery", "protection"}

// live returns the attributes of a view that is live.
func live(base string, r *http.Request, current string) templ.Attributes {
	isMessage := current == "messages" && r.PathValue("id") != ""
	if r.Method != http.MethodGet || !isMessage && !slices.Contains(liveViews, current) {
		return templ.Attributes{}
	}
	address := base + r.URL.EscapedPath()[1:]
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	return templ.Attributes{"hx-get": address, "hx-trigger": "sse:changed", "hx-target": "#view", "hx-swap": "innerHTML"}
}

// width is the share as a length of 100.
func (s share) width() string { return strconv.FormatFloat(s.percent(), 'f', 1, 64) }
