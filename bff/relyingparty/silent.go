package relyingparty

import (
	"crypto/rand"
	"fmt"
	"net/http"
)

// silentLogin begins a sign-in in a hidden frame of a page: the provider shows no page, and the
// callback posts a message to the parent window, {source: "bff-silent-login", isLoggedIn: …},
// as Duende.BFF does. Browsers that block the cookies of third parties in frames make the
// provider answer that the user is not signed in; then a page navigates to
// login?prompt=none.
func (e *endpoints) silentLogin(w http.ResponseWriter, r *http.Request) {
	if speculative(r) || fromAnotherSite(r) {
		e.fail(w, r, failPrefetch(), nil)
		return
	}
	e.begin(w, r, true)
}

// silentAnswer ends a silent sign-in. The page may be framed by this site only, and the
// message is for this origin only.
func (e *endpoints) silentAnswer(w http.ResponseWriter, signedIn bool) {
	noStore(w)
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; frame-ancestors 'self'; base-uri 'none'")
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<title>Silent login</title>\n<script nonce=%q>"+
		"window.parent.postMessage({source: 'bff-silent-login', isLoggedIn: %t}, window.location.origin);</script>\n", nonce, signedIn)
}
