package main

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/usersession/bff/relyingparty"
)

//go:embed web
var web embed.FS

var pages = template.Must(template.ParseFS(web, "web/*.html"))

func static() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	server := http.StripPrefix("/static/", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // an embed.FS has no modification times
		server.ServeHTTP(w, r)
	})
}

// page returns a handler for a page that is the same for all users: its script asks
// /bff/user for the user. The server could not fill in the user itself: the first request
// after a sign-in comes from the provider's site, without the Strict session cookie.
func (a *app) page(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.show(w, r, http.StatusOK, name, map[string]any{
			"Provider": a.opts.issuer, "Inner": a.opts.inner(), "Database": databaseKinds[a.opts.source.Dialect],
			"Idle": words(a.opts.idle), "Lifetime": words(a.opts.lifetime), "Cleanup": words(a.opts.cleanupInterval),
		})
	})
}

// show sends a page. It reports a failure only to the log, since the status is sent
// before the page.
func (a *app) show(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		a.log.LogAttrs(r.Context(), slog.LevelDebug, "sending a page failed", slog.Any("error", err))
	}
}

// fail shows a failure of the sign-in or the sign-out. The library has logged its cause.
func (a *app) fail(w http.ResponseWriter, r *http.Request, f relyingparty.Failure) {
	a.show(w, r, f.Status, "failure.html", f)
}

// notFound shows the page for an unknown address.
func (a *app) notFound(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, relyingparty.Failure{Status: http.StatusNotFound, Title: "There is no such page",
		Text: "The address may be mistyped, or the page has moved."})
}

var databaseKinds = map[string]string{"postgres": "PostgreSQL", "mysql": "MySQL or MariaDB", "sqlserver": "SQL Server", "sqlite": "SQLite"}

// words returns a duration in words, as in "1 minute and 30 seconds".
func words(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		n := int(d / unit.size)
		d %= unit.size
		switch {
		case n == 1:
			parts = append(parts, "1 "+unit.name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	return strings.Join(parts, " and ")
}
