package main

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"
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
		w.Header().Set("Cache-Control", "no-cache") // no modification times in an embed.FS
		server.ServeHTTP(w, r)
	})
}

// page shows a page that is the same for everybody: its script asks /bff/user who this
// is. The first page after a sign-in could not know, since the browser comes from another
// site then and does not send the Strict cookie.
func (a *app) page(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.show(w, r, http.StatusOK, name, map[string]any{
			"Provider": a.opts.issuer, "Inner": a.opts.inner(), "Database": databaseKind(a.opts.dsn),
			"Idle": words(a.opts.idle), "Lifetime": words(a.opts.lifetime), "Cleanup": words(a.opts.cleanupInterval),
		})
	})
}

func (a *app) show(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		a.log.LogAttrs(r.Context(), slog.LevelDebug, "a page was not sent", slog.Any("error", err))
	}
}

// A failure is a page that says what to do next. Its error is for the log.
type failure struct {
	status      int
	title, text string
	err         error
}

func (a *app) fail(w http.ResponseWriter, r *http.Request, f failure) {
	level := slog.LevelInfo
	if f.status >= http.StatusInternalServerError {
		level = slog.LevelError
		w.Header().Set("Retry-After", "5")
	}
	attrs := []slog.Attr{slog.String("page", f.title), slog.Int("status", f.status)}
	if f.err != nil {
		attrs = append(attrs, slog.Any("error", f.err))
	}
	a.log.LogAttrs(r.Context(), level, "a request failed", attrs...)
	a.show(w, r, f.status, "failure.html", map[string]any{"Title": f.title, "Text": f.text})
}

var notOurs = failure{http.StatusBadRequest, "This sign-in is not good any more",
	"It was finished already, took too long, or was begun in another browser. Nothing has happened: just sign in again.", nil}

func providerDown(err error) failure {
	return failure{http.StatusServiceUnavailable, "The identity provider does not answer",
		"Signing in is not possible just now. Whoever is signed in already stays so: sessions are in this application's database. Try again in a moment.", err}
}

func databaseDown(err error) failure {
	return failure{http.StatusServiceUnavailable, "The sessions' database does not answer",
		"Nothing was lost, and you are still signed in if you were before. Try again in a moment.", err}
}

// errorCode is what the error parameter of RFC 6749 looks like when a provider sends it.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

func refused(code string) *failure {
	if code == "temporarily_unavailable" || code == "server_error" {
		down := providerDown(errors.New(code))
		return &down
	}
	if !errorCode.MatchString(code) {
		code = "an unknown error"
	}
	return &failure{http.StatusBadRequest, "The identity provider did not sign you in",
		"Its answer was: " + code + ". If you did not cancel the sign-in yourself, try again.", nil}
}

// exchangeFailed tells a code that was refused from a provider that has a fault. The
// error's text may hold the provider's answer, so it is not passed on.
func exchangeFailed(err error) *failure {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok && answer.Response.StatusCode < http.StatusInternalServerError {
		code := answer.ErrorCode
		if !errorCode.MatchString(code) {
			code = "no code"
		}
		return &failure{http.StatusBadRequest, "The sign-in was refused",
			"The identity provider did not accept it. Sign in again.", errors.New("the token endpoint refused: " + code)}
	}
	down := providerDown(errProvider)
	return &down
}

func databaseKind(dsn string) string {
	switch dialector(dsn).Name() {
	case "postgres":
		return "PostgreSQL"
	case "mysql":
		return "MySQL or MariaDB"
	case "sqlserver":
		return "SQL Server"
	default:
		return "SQLite"
	}
}

// words says a duration as people do.
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
