package main

import (
	"net/http"
	"net/url"

	"example.com/usersession/bff/serverside"
)

// logout is GET /bff/logout?sid=…: it ends the session here, and then at the provider
// (OpenID Connect RP-Initiated Logout 1.0). Other sites cannot sign users out: the
// session's cookie is Strict, and what asks must name the session, as with Duende, or
// be this site's own page or the address bar by the browser's word.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	session, ok := serverside.FromContext(r.Context())
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	sid := r.URL.Query().Get("sid")
	site := r.Header.Get("Sec-Fetch-Site")
	if sid != session.SessionID && (sid != "" || site == "cross-site" || site == "same-site") {
		a.fail(w, r, failure{http.StatusBadRequest, "That is not your session",
			"To sign out, use the button on the first page.", nil})
		return
	}
	t, _ := a.sessions.Ticket(r.Context())
	if err := a.sessions.SignOut(w, r); err != nil {
		a.fail(w, r, databaseDown(err))
		return
	}
	http.Redirect(w, r, a.endSessionURL(r, t.IDToken), http.StatusSeeOther)
}

// endSessionURL is where the provider's own session ends, if there is such a place. The
// ID token goes there, to the one who has issued it, and to nobody else: it is the only
// token that a browser ever carries, and no page can read it.
func (a *app) endSessionURL(r *http.Request, idToken string) string {
	found, err := a.rp.discover(r.Context())
	if err != nil || found.EndSession == "" {
		return "/"
	}
	u, err := url.Parse(found.EndSession)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return "/"
	}
	query := u.Query()
	query.Set("client_id", a.opts.clientID)
	query.Set("post_logout_redirect_uri", a.opts.postLogoutRedirectURI())
	if idToken != "" {
		query.Set("id_token_hint", idToken)
	}
	u.RawQuery = query.Encode()
	return u.String()
}
