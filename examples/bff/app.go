package main

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// app is the BFF: its handler, and the values that the handlers share.
type app struct {
	http.Handler
	opts      options
	partition string
	store     *database
	keys      *ticket.KeyRing
	rp        *relyingParty
	sessions  *serverside.Sessions
	used      backchannel.ReplayMemory // logout tokens and sign-in states that were used
	counts    *counts
	operators map[string]bool
	log       *slog.Logger
}

// newApp configures the library's parts and connects them. Start here for an application
// of your own. newApp starts nothing: the caller serves the handler, runs
// [app.background] and closes the store.
func newApp(opts options, store *database, keys *ticket.KeyRing, log *slog.Logger) (*app, error) {
	a := &app{
		opts: opts, partition: partition(opts.issuer), store: store, keys: keys, rp: newRelyingParty(opts),
		used: backchannel.StoreReplayMemory{Store: store}, counts: newCounts(),
		operators: make(map[string]bool), log: log,
	}
	for name := range strings.SplitSeq(opts.operators, ",") {
		if name = strings.TrimSpace(name); name != "" {
			a.operators[name] = true
		}
	}
	var err error
	a.sessions, err = serverside.New(serverside.Config{
		Store:     store,
		Protector: keys,
		Partition: a.partition,
		Issuer:    opts.issuer,

		IdleTimeout:        opts.idle,
		AbsoluteLifetime:   opts.lifetime,
		MaxSessionsPerUser: opts.maxSessions,

		EnableSessionCleanup:   true,
		SessionCleanupInterval: opts.cleanupInterval,

		Refresher:    a.rp,
		Revoker:      a.rp,
		TokenTimeout: providerTimeout,
		Metrics:      a.counts,
		Logger:       a.log,
	})
	if err != nil {
		return nil, err
	}
	logout, err := backchannel.New(backchannel.Config{
		Sessions:                    a.sessions,
		Verifier:                    a.rp,
		Replay:                      a.used, // in the database, so that all hosts share it
		ClockSkew:                   clockSkew,
		InsecureAcceptUntypedTokens: opts.acceptUntyped,
		Logger:                      a.log,
	})
	if err != nil {
		return nil, err
	}
	api, err := a.newAPI()
	if err != nil {
		return nil, err
	}
	a.Handler = a.routes(logout, api)
	return a, nil
}

// partition returns the partition key for the sessions of one provider's users. A subject
// id is unique only within its issuer, so each issuer gets its own partition.
func partition(issuer string) string {
	sum := sha256.Sum256([]byte(issuer))
	return "bff-example-" + hex.EncodeToString(sum[:6])
}

func (a *app) routes(logout, api http.Handler) http.Handler {
	mux := http.NewServeMux()

	// Pages and their static files hold no user's data and need no session.
	mux.Handle("GET /{$}", a.page("index.html"))
	mux.Handle("GET /operator", a.page("operator.html"))
	mux.Handle("GET /static/", static())

	// The provider sends logout tokens here, without a cookie.
	mux.Handle("/bff/backchannel", logout)

	// The browser navigates to these.
	session := a.sessions.Middleware
	mux.Handle("GET /bff/login", session(http.HandlerFunc(a.login)))
	mux.Handle("GET /bff/callback", session(http.HandlerFunc(a.callback)))
	mux.Handle("GET /bff/logout", session(http.HandlerFunc(a.logout)))

	// The pages' scripts call the rest, with the header X-CSRF: 1.
	script := func(pattern string, h http.Handler) { mux.Handle(pattern, serverside.AntiForgery(session(h))) }
	script("/bff/user", a.sessions.UserHandler())
	script("GET /bff/session", a.signedIn(a.showSession))
	script("POST /bff/session/grow", a.signedIn(a.grow))
	script("POST /bff/session/refresh", a.signedIn(a.refresh))
	script("GET /bff/sessions", a.signedIn(a.listSessions))
	script("POST /bff/sessions/revoke", a.signedIn(a.revokeOne))
	script("POST /bff/sessions/revoke-others", a.signedIn(a.revokeOthers))
	script("GET /bff/operator", a.operator(a.overview))
	script("POST /bff/operator/revoke", a.operator(a.revokeUser))
	script("POST /bff/operator/cleanup", a.operator(a.cleanUp))
	script("POST /bff/operator/leave", a.operator(a.leaveExpired))
	script("/api/", a.signedIn(api.ServeHTTP))

	return headers(a.canonical(mux))
}

// headers sets the security headers. The pages load from this origin only.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// canonical redirects page requests from another loopback name, such as 127.0.0.1, to the
// base URL's host. A cookie belongs to one host name, and the provider redirects the
// browser to the host name of the base URL.
func (a *app) canonical(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
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
