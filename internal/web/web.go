// Package web has the pages that people look at: the operator's page, and the inbox of a developer's machine. The server renders
// them. They load nothing from elsewhere, and work without scripts except for what is live.
package web

import (
	"embed"
	"hash/crc32"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
)

// The assets are the files of this package and those of three libraries, each with its licence: htmx 2.0.11 with htmx-ext-sse 2.2.4,
// and uPlot 1.6.32. `make assets` gets the libraries from npm.
//
//go:embed assets
var assets embed.FS

// assetVersion changes when an asset does, so that browsers may keep assets for long.
var assetVersion = func() string {
	sum := crc32.NewIEEE()
	_ = fs.WalkDir(assets, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := assets.ReadFile(name)
		sum.Write(content)
		return err
	})
	return strconv.FormatUint(uint64(sum.Sum32()), 36)
}()

func serveAssets(mux *http.ServeMux) {
	files := http.FileServerFS(assets)
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		files.ServeHTTP(w, r)
	})
}

// contentPolicy lets a page load scripts and styles from here alone, and none from within the page. What an attacker has written into a
// page can then do nothing.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secured sets the headers that keep a page to itself. It refuses requests that another site has made a browser send, if they would
// change anything.
func secured(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // pages show numbers
		next.ServeHTTP(w, r)
	}))
}

// show renders a page, or a part of one.
func show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = c.Render(r.Context(), w) // an error means that the browser has gone
}

// isPart reports whether htmx asks for the part of a page that has changed.
func isPart(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }
