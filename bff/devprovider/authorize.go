package devprovider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const signInPath = "/signin"

// cookieName is the name of the cookie with the browser's session. Cookies do not heed
// ports: the name keeps the providers of one host apart.
func (p *Provider) cookieName() string {
	sum := sha256.Sum256([]byte(p.cfg.Issuer))
	return "devprovider-" + hex.EncodeToString(sum[:4])
}

// setCookie sets the cookie of the browser's session, or deletes it if sid is empty. The
// cookie is SameSite=None, as silent sign-in in a frame of another site needs it. Browsers
// accept the attribute Secure, which None requires, over http from this machine.
func (p *Provider) setCookie(w http.ResponseWriter, sid string) {
	cookie := &http.Cookie{
		Name: p.cookieName(), Value: sid, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode,
	}
	if sid == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// browserSession returns the sid of the browser's session, or "".
func (p *Provider) browserSession(r *http.Request) string {
	cookie, err := r.Cookie(p.cookieName())
	if err != nil || !p.storage.live(cookie.Value) {
		return ""
	}
	return cookie.Value
}

// browserKey is the context key of the browser's sid, for storage.CreateAuthRequest.
type browserKey struct{}

// authorize serves the authorization endpoint and the address that completes it.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if mode := r.FormValue("response_mode"); mode != "" && mode != string(oidc.ResponseModeQuery) {
		p.fail(w, http.StatusBadRequest, "This provider supports the response_mode query only.")
		return
	}
	ctx := context.WithValue(r.Context(), browserKey{}, p.browserSession(r))
	w.Header().Set("Cache-Control", "no-store")
	p.protocol.ServeHTTP(&issuerWriter{ResponseWriter: w, issuer: p.cfg.Issuer}, r.WithContext(ctx))
}

// resume redirects to the address that completes the authorization request.
func (p *Provider) resume(w http.ResponseWriter, r *http.Request, id string) {
	ctx := op.ContextWithIssuer(r.Context(), p.cfg.Issuer)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, op.AuthCallbackURL(p.protocol)(ctx, id), http.StatusSeeOther)
}

// refuse answers a request with prompt=none whose user would have to sign in.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, refused request) {
	_ = p.storage.DeleteAuthRequest(r.Context(), refused.id) // never fails
	response := url.Values{"error": {"login_required"}, "iss": {p.cfg.Issuer}}
	if refused.state != "" {
		response.Set("state", refused.state)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, withParameters(refused.redirectURI, response), http.StatusSeeOther)
}

// issuerWriter adds the parameter iss (RFC 9207) to a redirect to a client. Package op does
// not support it.
type issuerWriter struct {
	http.ResponseWriter
	issuer   string
	redirect bool
}

func (w *issuerWriter) WriteHeader(status int) {
	location := w.Header().Get("Location")
	if u, err := url.Parse(location); err == nil && u.IsAbs() && !strings.HasPrefix(location, w.issuer+"/") {
		query := u.Query()
		query.Set("iss", w.issuer)
		u.RawQuery = query.Encode()
		w.Header().Set("Location", u.String())
		w.redirect = true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write omits the body of a redirect, which links to the address without iss.
func (w *issuerWriter) Write(b []byte) (int, error) {
	if w.redirect {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}
