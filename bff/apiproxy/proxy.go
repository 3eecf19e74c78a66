package apiproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"

	"example.com/usersession/bff/internal/httperror"
	"example.com/usersession/bff/internal/loopback"
	"example.com/usersession/bff/serverside"
)

// DefaultPrefix is the default of [Config.Prefix].
const DefaultPrefix = "/api/"

// maxReplayedBody is the size up to which a request's body is kept, so that the request can
// be sent again after a refresh.
const maxReplayedBody = 64 << 10

// Config configures a [Proxy]. Sessions and Target must be set.
type Config struct {
	// Sessions give the access tokens. The calls must come through their Middleware.
	Sessions *serverside.Sessions
	// Target is the API's URL, such as https://api.internal/v1. It must be https, except
	// on a loopback host, and has no query.
	Target string
	// Prefix is the path below which the proxy is mounted; the rest of a call's path is
	// appended to Target. It begins and ends with a slash. The default is
	// [DefaultPrefix].
	Prefix string

	// RequestHeaders and ResponseHeaders pass in addition to those of the allow list.
	// Cookie, Set-Cookie, Authorization and Clear-Site-Data are refused.
	RequestHeaders, ResponseHeaders []string
	// AllowAnonymous passes calls of signed-out users on, without a token.
	AllowAnonymous bool
	// WebSockets passes WebSockets on whose Origin is the BFF's own host.
	WebSockets bool

	// Transport sends the calls. Nil means [http.DefaultTransport].
	Transport http.RoundTripper
	// Logger logs calls that fail, never a token. Nil means [slog.Default].
	Logger *slog.Logger
}

// A Proxy is an http.Handler. It is safe for concurrent use.
type Proxy struct {
	cfg       Config
	target    *url.URL
	request   map[string]bool // allowed headers
	response  map[string]bool
	withToken http.RoundTripper
	protected http.Handler // call behind serverside.AntiForgery
}

// New checks the configuration and sets the defaults. It does no I/O.
func New(c Config) (*Proxy, error) {
	if c.Sessions == nil {
		return nil, errors.New("apiproxy: Sessions is nil")
	}
	target, err := url.Parse(c.Target)
	switch {
	case err != nil || target.Hostname() == "" || strings.HasSuffix(target.Host, ":") || target.Scheme != "https" && target.Scheme != "http":
		return nil, errors.New("apiproxy: Target is not an https URL")
	case target.Scheme == "http" && !loopback.Is(target.Hostname()):
		return nil, errors.New("apiproxy: Target is http: a token would be readable on the way; only a loopback host may be http")
	case target.User != nil || strings.ContainsAny(c.Target, "?#"):
		return nil, errors.New("apiproxy: Target has a user, a query or a fragment")
	}
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if !strings.HasPrefix(c.Prefix, "/") || !strings.HasSuffix(c.Prefix, "/") {
		return nil, errors.New("apiproxy: Prefix does not begin and end with a slash")
	}
	if clean := path.Clean(c.Prefix); c.Prefix != "/" && clean+"/" != c.Prefix || (&url.URL{Path: c.Prefix}).EscapedPath() != c.Prefix {
		return nil, errors.New("apiproxy: Prefix is not a clean path without escapes, such as /api/: no call would match it")
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	p := &Proxy{cfg: c, target: target, withToken: c.Sessions.Transport(target, apiTransport{c.Transport})}
	if p.request, err = allowedHeaders(requestHeaders, c.RequestHeaders); err == nil {
		p.response, err = allowedHeaders(responseHeaders, c.ResponseHeaders)
	}
	if err != nil {
		return nil, err
	}
	p.protected = serverside.AntiForgery(http.HandlerFunc(p.call))
	return p, nil
}

// ServeHTTP passes a call on to the API.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		answer(w, http.StatusMethodNotAllowed, "method_not_allowed")
	case r.Header.Get("Upgrade") == "":
		p.protected.ServeHTTP(w, r)
	case !p.cfg.WebSockets || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		answer(w, http.StatusNotImplemented, "upgrade_not_supported")
	case !sameOrigin(r):
		answer(w, http.StatusForbidden, "forbidden")
	default: // a page cannot add AntiForgery's header to a WebSocket: its origin was compared instead
		p.call(w, r)
	}
}

// sameOrigin reports whether the browser says that a page of this host opens the WebSocket.
// The scheme is not compared: a proxy in front of the BFF may end TLS.
func sameOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	site := r.Header.Get("Sec-Fetch-Site")
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host) && (site == "" || site == "same-origin")
}

// call passes a call on to the API, and the answer of the API to the browser.
func (p *Proxy) call(w http.ResponseWriter, r *http.Request) {
	out, ok := p.targetOf(r.URL)
	if !ok {
		answer(w, http.StatusNotFound, "not_found")
		return
	}
	transport := p.withToken
	if p.cfg.AllowAnonymous {
		// Not serverside.FromContext, which may be the session of other Sessions.
		if _, signedIn := p.cfg.Sessions.Ticket(r.Context()); !signedIn {
			transport = apiTransport{p.cfg.Transport}
		}
	}
	r, replay, err := replayable(r)
	if err != nil {
		answer(w, http.StatusBadRequest, "invalid_request")
		return
	}
	proxy := httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL, pr.Out.Host, pr.Out.GetBody = out, out.Host, replay
			pr.Out.Trailer = nil
			for name := range pr.Out.Header {
				if !p.request[name] && !(p.cfg.WebSockets && websocketHeaders[name]) {
					delete(pr.Out.Header, name)
				}
			}
		},
		ModifyResponse: p.modifyResponse,
		FlushInterval:  -1,
		ErrorHandler:   p.failed,
		ErrorLog:       slog.NewLogLogger(p.cfg.Logger.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(newFinalWriter(w), r)
}

// replayable keeps a small body, so that the request can be sent again. The returned function is
// nil for a request with a larger body, or with a body of unknown length.
func replayable(r *http.Request) (*http.Request, func() (io.ReadCloser, error), error) {
	if r.ContentLength <= 0 || r.ContentLength > maxReplayedBody {
		return r, nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	replay := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r = r.WithContext(r.Context())
	r.Body, _ = replay()
	return r, replay, nil
}

// targetOf returns the API's URL for a call.
func (p *Proxy) targetOf(call *url.URL) (*url.URL, bool) {
	rest, ok := strings.CutPrefix(call.EscapedPath(), p.cfg.Prefix)
	if !ok || leadsUp(rest) {
		return nil, false
	}
	out := *p.target
	out.RawPath = strings.TrimSuffix(p.target.EscapedPath(), "/") + "/" + rest
	decoded, err := url.PathUnescape(out.RawPath)
	if err != nil {
		return nil, false
	}
	out.Path, out.RawQuery = decoded, call.RawQuery
	return &out, true
}

// leadsUp reports whether a path has a segment "..", also if it is escaped. Some servers treat
// a backslash as a slash, or ignore the part of a segment after a semicolon or a NUL, or white
// space around it. The path is decoded once, as the API does.
func leadsUp(escaped string) bool {
	decoded, err := url.PathUnescape(escaped)
	if err != nil {
		return true
	}
	for _, text := range []string{escaped, decoded} {
		segments := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/\\;\x00", r) })
		if slices.ContainsFunc(segments, func(s string) bool { return strings.TrimFunc(s, isControl) == ".." }) {
			return true
		}
	}
	return false
}

func isControl(r rune) bool { return r <= ' ' }

// failed answers a call that got no answer of the API, with a code for the page.
func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, serverside.ErrNoSession):
		answer(w, http.StatusUnauthorized, "signed_out")
		return
	case errors.Is(err, serverside.ErrRefreshTokenRefused):
		answer(w, http.StatusUnauthorized, "sign_in_again")
		return
	case r.Context().Err() != nil: // the browser has gone
		answer(w, http.StatusBadGateway, "api_unreachable")
		return
	}
	// Other errors come from the read of the session or from the provider.
	status, code := http.StatusServiceUnavailable, "try_again"
	if _, ok := errors.AsType[apiError](err); ok {
		status, code = http.StatusBadGateway, "api_unreachable"
	}
	p.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "apiproxy: a call has failed", slog.Int("status", status), slog.Any("error", httperror.Redacted(err)))
	answer(w, status, code)
}

// apiTransport marks the errors of the calls to the API.
type apiTransport struct{ base http.RoundTripper }

type apiError struct{ error }

func (e apiError) Unwrap() error { return e.error }

func (t apiTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, apiError{err}
	}
	return response, nil
}

// answer writes an answer of the proxy's own.
func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":%q}`, code)
}
