package main

import (
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"example.com/usersession/bff"
	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// app is the BFF: its handlers and the values that they share.
type app struct {
	opts     options
	store    *database
	keys     *ticket.KeyRing
	rp       *relyingparty.RelyingParty
	sessions *serverside.Sessions
	counts   counts
	log      *slog.Logger
	mux      *http.ServeMux
}

//go:embed web static
var files embed.FS

var pages = template.Must(template.ParseFS(files, "web/*.html"))

// routes adds the pages and what their scripts call.
func (a *app) routes() {
	a.mux.HandleFunc("GET /{$}", a.page("index.html")) // the pages hold no user's data and need no session
	a.mux.HandleFunc("GET /operator", a.page("operator.html"))
	a.mux.HandleFunc("GET /static/{file}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // an embed.FS has no modification times
		http.FileServerFS(files).ServeHTTP(w, r)
	})
	a.mux.HandleFunc("/", a.notFound)
	a.script("GET /bff/session", a.showSession)
	a.script("POST /bff/session/grow", a.grow)
	a.script("POST /bff/session/refresh", a.refresh)
	a.script("GET /bff/operator", a.overview)
	a.script("POST /bff/operator/revoke", a.revoke)
	a.script("POST /bff/operator/cleanup", a.cleanUp)
	a.script("POST /bff/operator/leave", a.leaveExpired)
}

// script adds a handler that the pages' scripts call with the header X-CSRF: 1, for users who
// are signed in, and below /bff/operator for those of -operators.
func (a *app) script(pattern string, handler http.HandlerFunc) {
	operators := strings.FieldsFunc(a.opts.operators, func(r rune) bool { return r == ',' || r == ' ' })
	forOperators := strings.Contains(pattern, "/bff/operator")
	a.mux.Handle(pattern, serverside.AntiForgery(a.sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch me, ok := serverside.FromContext(r.Context()); {
		case !ok:
			a.reply(w, r, nil, serverside.ErrNoSession)
		case forOperators && !slices.Contains(operators, me.SubjectID):
			answer(w, http.StatusForbidden, map[string]string{"error": "not_an_operator", "sub": me.SubjectID})
		default:
			handler(w, r)
		}
	}))))
}

// ServeHTTP sets the security headers, with which the pages load from this origin only. It
// redirects page requests from 127.0.0.1 to localhost: a cookie belongs to one host name, and
// the provider redirects the browser to the base URL's.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	page := r.Method == http.MethodGet && (r.URL.Path == "/" || r.URL.Path == "/operator" || r.URL.Path == "/bff/login")
	if port, ok := strings.CutPrefix(r.Host, "127.0.0.1"); ok && page && a.opts.base.Host == "localhost"+port {
		http.Redirect(w, r, a.opts.baseURL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// page returns a handler for a page that is the same for all users: its script asks
// /bff/user for the user. The server could not fill in the user itself: the first request
// after a sign-in comes from the provider's site, without the Strict session cookie.
func (a *app) page(name string) http.HandlerFunc {
	kinds := map[string]string{"postgres": "PostgreSQL", "mysql": "MySQL or MariaDB", "sqlserver": "SQL Server", "sqlite": "SQLite"}
	words := strings.NewReplacer("h0m0s", " h", "m0s", " min")
	texts := map[string]any{
		"Provider": a.opts.issuer, "Inner": a.opts.inner, "Database": kinds[a.opts.source.Dialect],
		"Idle": words.Replace(a.opts.idle.String()), "Lifetime": words.Replace(a.opts.lifetime.String()),
		"Cleanup": words.Replace(a.opts.cleanupInterval.String()),
	}
	return func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, name, texts) }
}

// show sends a page.
func show(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // fails only if the browser has gone
}

// fail shows a failure of the sign-in or the sign-out. The library has logged its cause.
func (a *app) fail(w http.ResponseWriter, _ *http.Request, f relyingparty.Failure) {
	show(w, f.Status, "failure.html", f)
}

// unavailable answers a request whose session cannot be read. The library has logged the cause.
func (a *app) unavailable(w http.ResponseWriter, r *http.Request, _ error) {
	if r.Method != http.MethodGet || r.Header.Get("X-CSRF") != "" { // of a script
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "try_again"})
		return
	}
	a.fail(w, r, relyingparty.Failure{
		Status: http.StatusServiceUnavailable, Code: relyingparty.FailureStoreUnavailable,
		Title: "The session database does not answer", Text: "Nothing was lost. If you were signed in, you still are.",
	})
}

func (a *app) notFound(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, relyingparty.Failure{Status: http.StatusNotFound, Title: "There is no such page",
		Text: "The address may be mistyped, or the page has moved."})
}

// The names of the ticket's properties. The ballast makes the session larger, see grow.
const propertyDevice, propertyBallast = "device", "ballast"

// nameDevice keeps the browser's name in the session, for the lists of sessions.
func nameDevice(r *http.Request, t *ticket.Ticket) error {
	t.Properties = map[string]string{propertyDevice: deviceName(r.UserAgent())}
	return nil
}

// deviceName returns the browser and the system that a User-Agent names, as in "Firefox
// on Linux". It is for display only: clients choose their User-Agent.
func deviceName(userAgent string) string {
	find := func(name string, known ...string) string { // of several, the last counts
		for _, one := range known {
			if text, shown, _ := strings.Cut(one, "="); strings.Contains(userAgent, text) {
				name = shown
			}
		}
		return name
	}
	return find("Unknown browser", "curl/=curl", "Safari/=Safari", "CriOS/=Chrome", "Chrome/=Chrome", "HeadlessChrome/=Headless Chrome",
		"Firefox/=Firefox", "OPR/=Opera", "Edg/=Edge") + " on " +
		find("unknown system", "Linux=Linux", "CrOS=ChromeOS", "Macintosh=Mac", "Windows=Windows", "Android=Android", "iPad=iPad", "iPhone=iPhone")
}

// answer sends body as JSON.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the browser has gone
}

// reply sends body, or a code for one of the library's errors. Only the log gets the error's text.
func (a *app) reply(w http.ResponseWriter, r *http.Request, body any, err error) {
	status, code := http.StatusServiceUnavailable, "try_again"
	switch {
	case err == nil:
		answer(w, http.StatusOK, body)
		return
	case errors.Is(err, serverside.ErrNoSession):
		status, code = http.StatusUnauthorized, "signed_out"
	case errors.Is(err, serverside.ErrRefreshTokenRefused):
		status, code = http.StatusUnauthorized, "sign_in_again"
	case errors.Is(err, bff.ErrInvalidFilter):
		status, code = http.StatusBadRequest, "invalid_request"
	default:
		a.log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	answer(w, status, map[string]string{"error": code})
}

// showSession handles GET /bff/session: the sizes of the cookie and of the ticket's parts. It
// sends no token, and not the cookie's value, which a script cannot read either.
func (a *app) showSession(w http.ResponseWriter, r *http.Request) {
	session, _ := serverside.FromContext(r.Context())
	t, _ := a.sessions.Ticket(r.Context())
	rows, err := a.store.GetUserSessions(r.Context(), a.sessions.Config().Partition,
		bff.UserSessionsFilter{SubjectID: session.SubjectID, SessionID: session.SessionID})
	cookie, noCookie := r.Cookie(serverside.DefaultCookieName)
	if err == nil && (len(rows) == 0 || noCookie != nil) { // signed out meanwhile
		err = serverside.ErrNoSession
	}
	if err != nil {
		a.reply(w, r, nil, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"cookie": map[string]any{"name": cookie.Name, "length": len(cookie.Value)},
		"ticket": map[string]any{
			"stored": len(rows[0].Ticket), "claims": len(t.Claims), "ballast": len(t.Properties[propertyBallast]),
			"access_token": len(t.AccessToken), "refresh_token": len(t.RefreshToken), "id_token": len(t.IDToken),
		},
		"access_token_expires": t.AccessTokenExpires, // the year 1 if it is not known
	})
}

// grow handles POST /bff/session/grow. It makes the session 20 kB larger, to show that the
// cookie stays the same. Beyond 200 kB it starts again from zero.
func (a *app) grow(w http.ResponseWriter, r *http.Request) {
	if err := a.sessions.Update(r.Context(), func(t *ticket.Ticket) error {
		size := (len(t.Properties[propertyBallast]) + 20<<10) % (220 << 10)
		if t.Properties == nil {
			t.Properties = make(map[string]string)
		}
		t.Properties[propertyBallast] = strings.Repeat("x", size)
		return nil
	}); err != nil {
		a.reply(w, r, nil, err)
		return
	}
	a.showSession(w, r)
}

// refresh handles POST /bff/session/refresh: it gets new tokens from the provider.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	if t, ok := a.sessions.Ticket(r.Context()); ok && t.RefreshToken == "" {
		answer(w, http.StatusConflict, map[string]string{"error": "no_refresh_token"})
		return
	}
	if err := a.sessions.RefreshTokens(r.Context()); err != nil {
		a.reply(w, r, nil, err)
		return
	}
	a.showSession(w, r)
}

// userInfo handles /api/userinfo if there is no -api: the API is the provider's userinfo
// endpoint, whose address is known when the provider answers.
func (a *app) userInfo(w http.ResponseWriter, r *http.Request) {
	endpoint, err := a.rp.UserInfoEndpoint(r.Context())
	last := strings.LastIndex(endpoint, "/") + 1
	proxy, noTarget := apiproxy.New(apiproxy.Config{Sessions: a.sessions, Target: endpoint[:last], Logger: a.log})
	if err = errors.Join(err, noTarget); err != nil { // no answer, no such endpoint, or it has a query
		a.reply(w, r, nil, err)
		return
	}
	call := r.Clone(r.Context())
	call.URL.Path, call.URL.RawPath = apiproxy.DefaultPrefix+endpoint[last:], ""
	proxy.ServeHTTP(w, call)
}
