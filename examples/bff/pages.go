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
			"Provider": a.opts.issuer, "Inner": a.opts.inner(), "Database": databaseKind(a.opts.source.Dialect),
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

// A failure is an error page, which tells the user what to do next. Only the log gets err.
type failure struct {
	status      int
	title, text string
	err         error
}

// fail logs the failure and sends its page.
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

// notOurs is the failure for a callback that belongs to no open attempt of this browser.
var notOurs = failure{http.StatusBadRequest, "This sign-in is no longer valid",
	"It was already finished, took too long, or began in another browser. Nothing has changed. Sign in again.", nil}

func providerDown(err error) failure {
	return failure{http.StatusServiceUnavailable, "The identity provider does not answer",
		"Signing in is not possible at the moment. Users who are signed in stay signed in: their sessions are in this application's database. Try again in a moment.", err}
}

func databaseDown(err error) failure {
	return failure{http.StatusServiceUnavailable, "The session database does not answer",
		"Nothing was lost. If you were signed in, you still are. Try again in a moment.", err}
}

// errorCode matches the error codes of RFC 6749 and OpenID Connect. Other values of the
// error parameter are neither shown nor logged.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// refused returns the failure for an error response of the authorization endpoint.
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

// exchangeFailed returns the failure for an error of the token endpoint: 400 if the
// provider refused the code, 503 if the provider failed. The failure does not contain err,
// whose text may quote the provider's response.
func exchangeFailed(err error) *failure {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok && answer.Response.StatusCode < http.StatusInternalServerError {
		code := answer.ErrorCode
		if !errorCode.MatchString(code) {
			code = "no error code"
		}
		return &failure{http.StatusBadRequest, "The sign-in was refused",
			"The identity provider did not accept it. Sign in again.", errors.New("the token endpoint refused the code: " + code)}
	}
	down := providerDown(errProvider)
	return &down
}

func databaseKind(dialect string) string {
	switch dialect {
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
