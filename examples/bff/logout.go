package main

import (
	"net/http"
	"net/url"

	"example.com/usersession/bff/serverside"
)

// logout handles GET /bff/logout?sid=…. It ends the session here and redirects to the
// provider's sign-out (OpenID Connect RP-Initiated Logout 1.0).
//
// Other sites cannot sign users out. The session cookie is Strict. In addition the request
// must name the session id, as in Duende.BFF; without a sid, Sec-Fetch-Site must not name
// another site.
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
		a.fail(w, r, failure{http.StatusBadRequest, "This link does not match your session",
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

// endSessionURL returns the URL of the provider's end_session endpoint, or "/" if the
// provider has none or cannot be reached. The URL has the ID token as id_token_hint. This
// is the only token that ever passes through the browser. It goes only to the provider
// that issued it, in a redirect that no page can read.
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
