package relyingparty

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
)

// maxLogoutURL is the maximum length of the address of the provider's sign-out. A longer
// address has no id_token_hint, since servers refuse addresses that are too long.
const maxLogoutURL = 4096

// logout ends the session and redirects the browser to the provider's sign-out (OpenID Connect
// RP-Initiated Logout 1.0), also if there is no session any more. The parameter returnUrl, a
// path of this host, takes the place of PostLogoutPath.
//
// Other sites cannot sign users out: a POST must come from this origin, and a GET must name the
// session by the parameter sid, which the user endpoint gives as a part of bff:logout_url. A
// navigation of another site comes without the session's Strict cookie: with a sid it is asked
// for again, and without one it is refused.
func (e *endpoints) logout(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if speculative(r) {
		e.fail(w, r, failPrefetch(), nil)
		return
	}
	after := e.cfg.PostLogoutPath
	if returnURL := r.URL.Query().Get("returnUrl"); returnURL != "" {
		if !mayReturnTo(returnURL) {
			e.fail(w, r, failReturnURL(), nil)
			return
		}
		after = returnURL
	}
	session, signedIn := serverside.FromContext(r.Context())
	if !signedIn && r.Method == http.MethodGet && fromAnotherSite(r) && r.URL.Query().Has("sid") {
		askAgain(w, r, "Sign out")
		return
	}
	if !e.mayLogOut(r, session, signedIn) {
		e.fail(w, r, failLogoutLink(), nil)
		return
	}
	t, _ := e.sessions.Ticket(r.Context())
	// SignOut is called without a session, too: the request may have a cookie of a session that
	// has ended.
	if err := e.sessions.SignOut(w, r); err != nil {
		e.fail(w, r, failStore(""), err)
		return
	}
	redirect(w, e.endSessionURL(r, t.IDToken, after))
}

func (e *endpoints) mayLogOut(r *http.Request, session serverside.Session, signedIn bool) bool {
	switch {
	case r.Method == http.MethodPost:
		return r.Header.Get("Sec-Fetch-Site") == "same-origin" || r.Header.Get("Origin") == e.cfg.BaseURL ||
			r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" && r.Header.Get("X-CSRF") == "1"
	case !signedIn:
		return r.Header.Get("Sec-Fetch-Site") != "cross-site"
	}
	sid := r.URL.Query()["sid"]
	return len(sid) == 1 && sid[0] == session.SessionID || len(sid) == 0 && e.cfg.InsecureLogoutWithoutSID
}

// endSessionURL returns the address of the provider's sign-out, or the page after it if the
// provider has none or cannot be reached. It has the ID token as id_token_hint. This is the only
// token that ever passes through the browser: in a redirect that no page can read, to the
// provider that issued it.
func (e *endpoints) endSessionURL(r *http.Request, idToken, after string) string {
	found, err := e.provider.discover(r.Context())
	if err != nil {
		e.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "relyingparty: the user was signed out here and not at the identity provider",
			slog.String("error", err.Error()))
		return after
	}
	u, err := url.Parse(found.EndSession)
	if err != nil || found.EndSession == "" {
		return after
	}
	query := u.Query()
	query.Set("client_id", e.cfg.ClientID)
	query.Set("post_logout_redirect_uri", e.cfg.BaseURL+after)
	u.RawQuery = query.Encode()
	without := u.String()
	if idToken == "" {
		return without
	}
	query.Set("id_token_hint", idToken)
	u.RawQuery = query.Encode()
	if with := u.String(); len(with) <= maxLogoutURL {
		return with
	}
	return without
}

// frontchannel ends the session that the provider names (OpenID Connect Front-Channel Logout
// 1.0, section 3). The provider's page loads it in a frame, where the browser sends no Strict
// cookie, so the session is found by its sid. The iss may be missing, as in requests of Entra ID:
// all sessions are of one issuer. The response does not tell whether there was a session.
func (e *endpoints) frontchannel(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	query := r.URL.Query()
	sid := query.Get("sid")
	if speculative(r) || query.Has("iss") && query.Get("iss") != e.cfg.Issuer || sid == "" || len(query["iss"]) > 1 || len(query["sid"]) > 1 {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	}
	if _, err := e.sessions.RevokeSessions(r.Context(), bff.UserSessionsFilter{SessionID: sid}); err != nil {
		if errors.Is(err, bff.ErrInvalidFilter) {
			http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
			return
		}
		e.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "relyingparty: a front-channel logout has failed", slog.Any("error", err))
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+origin(e.cfg.Issuer))
	w.WriteHeader(http.StatusOK)
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}
