package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// login handles GET /bff/login?returnUrl=/…. It begins an attempt and redirects the
// browser to the provider, with state, nonce and a PKCE challenge of the attempt. A
// returnUrl that is not a path of this host is refused.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	returnURL := r.URL.Query().Get("returnUrl")
	if returnURL == "" {
		returnURL = "/"
	}
	if !serverside.LocalURL(returnURL) {
		a.fail(w, r, failure{http.StatusBadRequest, "This return address is not allowed",
			"After a sign-in this application redirects to its own pages only.", nil})
		return
	}
	found, err := a.rp.discover(r.Context())
	if err != nil {
		a.fail(w, r, providerDown(err))
		return
	}
	at := newAttempt(returnURL, a.sessions.ReplacementToken(r))
	if err := a.keepAttempt(w, r, at); err != nil {
		a.fail(w, r, failure{http.StatusBadRequest, "This return address is too long", "Sign in from the first page.", nil})
		return
	}
	http.Redirect(w, r, found.authCodeURL(at), http.StatusSeeOther)
}

// callback handles GET /bff/callback, the redirect URI. Before it asks the provider for
// tokens, it refuses a response that belongs to no attempt of this browser or that was
// used before.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	at, ok := a.findAttempt(r, query.Get("state"))
	if !ok || repeated(query) {
		a.fail(w, r, notOurs)
		return
	}
	first, err := a.used.Remember(r.Context(), signInReplay+a.opts.issuer, at.State, at.Expires)
	if err != nil { // the cookie stays, so that the user can reload the page
		a.fail(w, r, databaseDown(err))
		return
	}
	setAttempt(w, attemptName(at.State), "", -1)
	if !first {
		a.fail(w, r, notOurs)
		return
	}
	t, failed := a.redeem(r.Context(), query, at)
	if failed != nil {
		a.fail(w, r, *failed)
		return
	}
	t.Properties = map[string]string{propertyDevice: deviceName(r.UserAgent())}
	_, err = a.sessions.SignIn(w, r, t, serverside.Replacing(at.Replaces))
	if errors.Is(err, bff.ErrInvalidSession) { // for example a subject id that is too long
		a.fail(w, r, failure{http.StatusBadRequest, "The sign-in was refused",
			"The identity provider sent a subject id or session id that cannot be stored.", err})
		return
	}
	if errors.Is(err, serverside.ErrLoggedOut) {
		a.fail(w, r, failure{http.StatusForbidden, "You have been signed out",
			"The identity provider ended your session while you were signing in. Sign in again.", nil})
		return
	}
	if err != nil {
		a.fail(w, r, databaseDown(err))
		return
	}
	http.Redirect(w, r, at.Return, http.StatusSeeOther)
}

// signInReplay separates sign-in states from logout tokens in the replay memory.
const signInReplay = "sign-in "

// repeated reports whether a parameter of the response appears more than once. RFC 6749,
// section 3.1, forbids it.
func repeated(query url.Values) bool {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(query[name]) > 1 {
			return true
		}
	}
	return false
}

// redeem exchanges the response's code for tokens, verifies the ID token and returns the
// session's ticket.
func (a *app) redeem(ctx context.Context, query url.Values, at attempt) (ticket.Ticket, *failure) {
	found, err := a.rp.discover(ctx)
	if err != nil {
		down := providerDown(err)
		return ticket.Ticket{}, &down
	}
	if iss, sent := query["iss"]; sent && iss[0] != a.opts.issuer || !sent && found.ResponseIssuer {
		return ticket.Ticket{}, &notOurs // a mix-up attack: RFC 9207
	}
	if query.Has("error") {
		return ticket.Ticket{}, refused(query.Get("error"))
	}
	token, err := found.Exchange(a.rp.tokenClient(ctx), query.Get("code"), oauth2.VerifierOption(at.Verifier))
	if err != nil {
		return ticket.Ticket{}, exchangeFailed(err)
	}
	idToken, claims, err := found.verify(ctx, token, at.Nonce)
	if err != nil {
		return ticket.Ticket{}, &failure{http.StatusBadRequest, "The sign-in was refused",
			"The identity provider's response does not belong to this sign-in.", err}
	}
	a.addUserInfo(ctx, found, token, claims)
	sid, _ := claims["sid"].(string)
	for _, name := range protocolClaims {
		delete(claims, name)
	}
	return ticket.Ticket{
		Issuer: a.opts.issuer, SubjectID: idToken.Subject, SessionID: sid, Claims: claims,
		AccessToken: token.AccessToken, AccessTokenExpires: token.Expiry.UTC(),
		RefreshToken: token.RefreshToken, IDToken: token.Extra("id_token").(string), IDTokenIssuedAt: idToken.IssuedAt,
	}, nil
}

// protocolClaims describe the ID token, not the user. The ticket leaves them out.
var protocolClaims = []string{"aud", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "azp", "client_id", "jti", "sid"}

// verify checks the ID token as OpenID Connect Core 1.0, section 3.1.3.7, requires, and
// returns it with its claims. go-oidc leaves some checks to its caller: the nonce, an
// empty subject, azp and at_hash. It does not check the type either: a logout token is
// signed with the same key for the same client. The errors never quote the token.
func (d *discovered) verify(ctx context.Context, token *oauth2.Token, nonce string) (*oidc.IDToken, map[string]any, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, nil, errors.New("the token response has no ID token")
	}
	idToken, err := d.idTokens.Verify(ctx, raw)
	if err != nil {
		return nil, nil, errors.New("the ID token is not valid") // go-oidc's error may quote it
	}
	var claims map[string]any
	if err := idToken.Claims(&claims); err != nil {
		return nil, nil, errors.New("the ID token's claims are not valid JSON")
	}
	azp, hasAzp := claims["azp"].(string)
	header, err := base64.RawURLEncoding.DecodeString(strings.SplitN(raw, ".", 2)[0])
	var h struct {
		Typ string `json:"typ"`
	}
	switch {
	case err != nil || json.Unmarshal(header, &h) != nil || strings.Contains(strings.ToLower(h.Typ), "logout"):
		return nil, nil, errors.New("the token is not an ID token")
	case idToken.Nonce != nonce:
		return nil, nil, errors.New("the ID token has another attempt's nonce")
	case idToken.Subject == "":
		return nil, nil, errors.New("the ID token has no subject")
	case hasAzp && azp != d.ClientID, len(idToken.Audience) > 1 && !hasAzp:
		return nil, nil, errors.New("the ID token was issued to another client")
	case idToken.AccessTokenHash != "" && idToken.VerifyAccessToken(token.AccessToken) != nil:
		return nil, nil, errors.New("the ID token's at_hash does not match the access token")
	}
	return idToken, claims, nil
}

// addUserInfo adds the claims of the userinfo endpoint: providers with small ID tokens
// have the user's name only there. Claims of the ID token take precedence. If the endpoint
// fails or names another subject, the claims stay as they are and the sign-in goes on.
func (a *app) addUserInfo(ctx context.Context, found *discovered, token *oauth2.Token, claims map[string]any) {
	if found.UserInfo == "" {
		return
	}
	info, err := found.provider.UserInfo(a.rp.client(ctx), oauth2.StaticTokenSource(token))
	var more map[string]any
	if err != nil || info.Subject != claims["sub"] || info.Claims(&more) != nil {
		a.log.LogAttrs(ctx, slog.LevelWarn, "the provider's userinfo endpoint failed or named another subject: signing in without its claims")
		return
	}
	maps.Copy(more, claims) // the ID token's claims are signed
	maps.Copy(claims, more)
}
