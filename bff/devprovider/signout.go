package devprovider

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// endSession serves the end_session endpoint. With an ID token it ends the session that the
// token's sid names, and the browser's if it is the same user's, and redirects. Without an
// ID token it asks the user first, if the browser has a session.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	ctx := op.ContextWithIssuer(r.Context(), p.cfg.Issuer)
	request, err := op.ParseEndSessionRequest(r, p.protocol.Decoder())
	if err != nil {
		p.fail(w, http.StatusBadRequest, "The sign-out request is not valid.")
		return
	}
	valid, err := op.ValidateEndSessionRequest(ctx, request, p.protocol)
	if err != nil {
		p.fail(w, http.StatusBadRequest, "The sign-out request is not valid: its id_token_hint is not an ID token of this provider, "+
			"or its post_logout_redirect_uri or client_id is not registered. The sessions go on.")
		return
	}
	browser := p.browserSession(r)
	hint := valid.IDTokenHintClaims
	switch {
	case hint != nil:
		sids := []string{hint.SessionID}
		if p.storage.isOf(browser, hint.Subject) {
			sids = append(sids, browser)
		}
		p.leave(w, r, sids, valid.RedirectURI)
	case browser == "":
		http.Redirect(w, r, valid.RedirectURI, http.StatusSeeOther)
	default:
		p.show(w, http.StatusOK, "signout.html", map[string]any{
			"ClientID": request.ClientID, "Redirect": request.PostLogoutRedirectURI, "State": request.State,
		})
	}
}

// confirmed ends the browser's session after the user has confirmed that.
func (p *Provider) confirmed(w http.ResponseWriter, r *http.Request) {
	ctx := op.ContextWithIssuer(r.Context(), p.cfg.Issuer)
	request, err := op.ParseEndSessionRequest(r, p.protocol.Decoder())
	if err == nil {
		request.IdTokenHint = ""
		var valid *op.EndSessionRequest
		if valid, err = op.ValidateEndSessionRequest(ctx, request, p.protocol); err == nil {
			p.leave(w, r, []string{p.browserSession(r)}, valid.RedirectURI)
			return
		}
	}
	p.fail(w, http.StatusBadRequest, "The sign-out request is not valid.")
}

// leave ends the sessions, deletes the browser's cookie if its session is among them, and
// redirects. If a client has a front-channel logout URI, leave sends a page that loads these
// URIs in frames and then goes on.
func (p *Provider) leave(w http.ResponseWriter, r *http.Request, sids []string, redirect string) {
	browser := p.browserSession(r)
	var frames []string
	for _, sid := range sids {
		session, ok := p.storage.end(r.Context(), sid)
		if !ok {
			continue
		}
		if sid == browser {
			p.setCookie(w, "")
		}
		for _, id := range session.Clients {
			if c, ok := p.storage.client(id); ok && c.FrontchannelLogoutURI != "" {
				frames = append(frames, withParameters(c.FrontchannelLogoutURI, url.Values{"iss": {p.cfg.Issuer}, "sid": {sid}}))
			}
		}
	}
	if len(frames) == 0 {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, redirect, http.StatusSeeOther)
		return
	}
	origins := make([]string, len(frames))
	for i, frame := range frames {
		origins[i] = originOf(frame)
	}
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", w.Header().Get("Content-Security-Policy")+
		"; script-src 'nonce-"+nonce+"'; frame-src "+strings.Join(origins, " "))
	p.show(w, http.StatusOK, "frontchannel.html", map[string]any{"Frames": frames, "Next": redirect, "Nonce": nonce})
}

func withParameters(address string, parameters url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + parameters.Encode()
}
