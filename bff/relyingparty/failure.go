package relyingparty

import (
	"fmt"
	"html"
	"log/slog"
	"net/http"
)

// A Failure is a request of the browser that has failed. None of its values is taken from a
// request or from an answer of the provider, except ReturnURL and ProviderCode, which were
// checked.
type Failure struct {
	// Status is the HTTP status.
	Status int
	// Code names the failure for the application: one of the Failure constants.
	Code string
	// Title and Text are a page's heading and its text, in English.
	Title, Text string
	// ProviderCode is the error code with which the provider answered, such as
	// access_denied, or "".
	ProviderCode string
	// ReturnURL is the page to which the sign-in would have led, or "". It is a path of this
	// host.
	ReturnURL string
}

// The codes of a [Failure].
const (
	FailureReturnURL           = "return_url"           // the return URL is not a path of this host or is too long
	FailureSignInExpired       = "sign_in_expired"      // the callback belongs to no sign-in of this browser
	FailureRefused             = "refused"              // the provider or the application refused the sign-in
	FailureInvalidToken        = "invalid_token"        // the provider's tokens are not valid
	FailureLoggedOut           = "logged_out"           // the provider ended the session during the sign-in
	FailureProviderUnavailable = "provider_unavailable" // the provider did not answer or failed
	FailureStoreUnavailable    = "store_unavailable"    // the sessions cannot be read or written
	FailureLogoutLink          = "logout_link"          // the sid of a logout is not that of the session
	FailurePrefetch            = "prefetch"             // the request was a prefetch or a prerendering
)

func failReturnURL() Failure {
	return Failure{Status: http.StatusBadRequest, Code: FailureReturnURL, Title: "This return address is not allowed",
		Text: "After a sign-in or a sign-out this application returns to its own pages only."}
}

func failExpired(returnURL string) Failure {
	return Failure{Status: http.StatusBadRequest, Code: FailureSignInExpired, Title: "This sign-in is no longer valid", ReturnURL: returnURL,
		Text: "It was already finished, took too long, or began in another browser. Nothing has changed. Sign in again."}
}

func failRefused(status int, code, returnURL string) Failure {
	return Failure{Status: status, Code: FailureRefused, Title: "You were not signed in", ProviderCode: code, ReturnURL: returnURL,
		Text: "The sign-in was refused. If you did not cancel it yourself, try again."}
}

func failToken(returnURL string) Failure {
	return Failure{Status: http.StatusBadRequest, Code: FailureInvalidToken, Title: "The sign-in was refused", ReturnURL: returnURL,
		Text: "The identity provider's answer is not valid for this sign-in. Sign in again."}
}

func failLoggedOut(returnURL string) Failure {
	return Failure{Status: http.StatusForbidden, Code: FailureLoggedOut, Title: "You have been signed out", ReturnURL: returnURL,
		Text: "The identity provider ended your session while you were signing in. Sign in again."}
}

func failProvider(returnURL string) Failure {
	return Failure{Status: http.StatusServiceUnavailable, Code: FailureProviderUnavailable, ReturnURL: returnURL,
		Title: "The identity provider does not answer", Text: "Users who are signed in stay signed in. Try again in a moment."}
}

func failStore(returnURL string) Failure {
	return Failure{Status: http.StatusServiceUnavailable, Code: FailureStoreUnavailable, ReturnURL: returnURL,
		Title: "The session database does not answer", Text: "Nothing was lost. If you were signed in, you still are. Try again in a moment."}
}

func failLogoutLink() Failure {
	return Failure{Status: http.StatusBadRequest, Code: FailureLogoutLink, Title: "This link does not match your session",
		Text: "To sign out, use the button of the application."}
}

func failPrefetch() Failure {
	return Failure{Status: http.StatusServiceUnavailable, Code: FailurePrefetch, Title: "This address cannot be loaded in advance",
		Text: "Open it with a click."}
}

// fail logs a failure with its cause and answers. The cause must quote nothing secret.
func (p *RelyingParty) fail(w http.ResponseWriter, r *http.Request, f Failure, cause error) {
	level := slog.LevelInfo
	switch {
	case r.Context().Err() != nil: // the browser has gone
		level = slog.LevelDebug
	case f.Code == FailureProviderUnavailable || f.Code == FailureStoreUnavailable:
		level = slog.LevelError
	case f.Code == FailureInvalidToken:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("failure", f.Code), slog.Int("status", f.Status)}
	if f.ProviderCode != "" {
		attrs = append(attrs, slog.String("provider_code", f.ProviderCode))
	}
	if cause != nil {
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	p.cfg.Logger.LogAttrs(r.Context(), level, "relyingparty: a request has failed", attrs...)
	noStore(w)
	if f.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	p.cfg.ErrorHandler(w, r, f)
}

// plainPage is the default of [Config.ErrorHandler].
func plainPage(w http.ResponseWriter, _ *http.Request, f Failure) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	w.WriteHeader(f.Status)
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<html lang=en>\n<meta name=viewport content=\"width=device-width\">\n"+
		"<title>%[1]s</title>\n<h1>%[1]s</h1>\n<p>%[2]s</p>\n<p><a href=\"/\">To the first page</a></p>\n",
		html.EscapeString(f.Title), html.EscapeString(f.Text))
}

func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
