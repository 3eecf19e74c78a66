package main

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// app is the BFF: its handler, and the values that the handlers share.
type app struct {
	http.Handler
	opts      options
	store     *database
	rp        *relyingparty.RelyingParty
	sessions  *serverside.Sessions
	counts    *counts
	operators map[string]bool
	log       *slog.Logger
}

// newApp connects the parts of the library. Start here for an application of your own. It
// starts nothing: the caller serves the handler, runs [app.background] and closes the store.
func newApp(opts options, store *database, keys *ticket.KeyRing, log *slog.Logger) (*app, error) {
	a := &app{opts: opts, store: store, counts: newCounts(), operators: opts.operatorSet(), log: log}
	var err error
	a.rp, err = relyingparty.New(relyingparty.Config{
		Issuer: opts.issuer, ClientID: opts.clientID, ClientSecret: opts.clientSecret, BaseURL: opts.baseURL, Protector: keys,
		Scopes: strings.Fields(opts.scopes), AuthParameters: opts.authParameters,
		PrepareTicket: nameDevice, ListProperties: []string{propertyDevice}, ErrorHandler: a.fail,
		InsecureAcceptUntypedLogoutTokens: opts.acceptUntyped, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	a.sessions, err = serverside.New(serverside.Config{
		Store: store, Protector: keys, Partition: partition(opts.issuer), Issuer: a.rp.Issuer(), Refresher: a.rp, Revoker: a.rp,
		IdleTimeout: opts.idle, AbsoluteLifetime: opts.lifetime, MaxSessionsPerUser: opts.maxSessions,
		EnableSessionCleanup: true, SessionCleanupInterval: opts.cleanupInterval, Metrics: a.counts, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	if err := a.rp.Register(mux, a.sessions); err != nil { // /bff/login, /bff/callback, /bff/logout, /bff/user, …
		return nil, err
	}
	api := http.Handler(http.HandlerFunc(a.userInfo))
	if opts.api != "" {
		if api, err = apiproxy.New(apiproxy.Config{Sessions: a.sessions, Target: opts.api, Logger: log}); err != nil {
			return nil, err
		}
	}
	a.script(mux, "/api/", api.ServeHTTP)
	a.routes(mux)
	a.Handler = a.headers(a.canonical(mux))
	return a, nil
}

// partition returns the partition key for the sessions of one provider's users. A subject
// id is unique only within its issuer, so each issuer gets its own partition.
func partition(issuer string) string {
	sum := sha256.Sum256([]byte(issuer))
	return "bff-example-" + hex.EncodeToString(sum[:6])
}

// routes adds the pages and what their scripts call.
func (a *app) routes(mux *http.ServeMux) {
	mux.Handle("GET /{$}", a.page("index.html")) // the pages hold no user's data and need no session
	mux.Handle("GET /operator", a.page("operator.html"))
	mux.Handle("GET /static/", static())
	mux.HandleFunc("/", a.notFound)
	a.script(mux, "GET /bff/session", a.showSession)
	a.script(mux, "POST /bff/session/grow", a.grow)
	a.script(mux, "POST /bff/session/refresh", a.refresh)
	a.script(mux, "GET /bff/operator", a.operator(a.overview))
	a.script(mux, "POST /bff/operator/revoke", a.operator(a.revoke))
	a.script(mux, "POST /bff/operator/cleanup", a.operator(a.cleanUp))
	a.script(mux, "POST /bff/operator/leave", a.operator(a.leaveExpired))
}

// script adds a handler that the pages' scripts call with the header X-CSRF: 1, for users who
// are signed in.
func (a *app) script(mux *http.ServeMux, pattern string, handler http.HandlerFunc) {
	mux.Handle(pattern, serverside.AntiForgery(a.sessions.Middleware(a.signedIn(handler))))
}

// headers sets the security headers. The pages load from this origin only.
func (a *app) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if a.opts.base.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// canonical redirects page requests from another loopback name, such as 127.0.0.1, to the
// base URL's host. A cookie belongs to one host name, and the provider redirects the
// browser to the host name of the base URL.
func (a *app) canonical(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		page := r.Method == http.MethodGet && (r.URL.Path == "/" || r.URL.Path == "/operator" || r.URL.Path == "/bff/login")
		if page && r.Host != a.opts.base.Host && loopback(host) && loopback(a.opts.base.Hostname()) {
			target := *a.opts.base
			target.Path, target.RawQuery = r.URL.Path, r.URL.RawQuery
			http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect)
			return
		}
		next.ServeHTTP(w, r)
	})
}
