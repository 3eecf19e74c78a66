package relyingparty

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/oauth2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// callback is the redirect URI. It exchanges the code for tokens, verifies the ID token and
// starts the session.
func (e *endpoints) callback(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if speculative(r) {
		e.fail(w, r, failPrefetch(), nil)
		return
	}
	query := r.URL.Query()
	state, ok := e.attempts.openState(query.Get("state"))
	if !ok || repeated(query) {
		e.failSignIn(w, r, state.Silent, failExpired(state.Return), nil)
		return
	}
	at, ok := e.attempts.find(r, state)
	if !ok {
		e.failSignIn(w, r, state.Silent, failExpired(state.Return), nil)
		return
	}
	t, failure, cause := e.redeem(w, r, query, at)
	if failure == nil {
		failure, cause = e.signIn(w, r, t, at)
	}
	switch {
	case failure != nil && at.NoPage && !at.Silent && failure.Code == FailureRefused && slices.Contains(notSignedIn, failure.ProviderCode):
		redirect(w, at.Return)
	case failure != nil:
		e.failSignIn(w, r, at.Silent, *failure, cause)
	case at.Silent:
		e.silentAnswer(w, true)
	default:
		redirect(w, at.Return)
	}
}

// notSignedIn are the error codes with which a provider refuses a sign-in without a page
// (OpenID Connect Core 1.0, section 3.1.2.6). After a request without prompt=none they are
// failures like others: a page that begins a sign-in by itself would begin it again and again.
var notSignedIn = []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}

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

// redeem exchanges the code of a response to an attempt of this browser and returns the ticket. The
// attempt's cookie stays if the provider or the store is unavailable, so that the user can load the
// page again.
func (e *endpoints) redeem(w http.ResponseWriter, r *http.Request, query url.Values, at attempt) (ticket.Ticket, *Failure, error) {
	ctx := r.Context()
	found, err := e.provider.discover(ctx)
	if err != nil {
		return noTicket(failProvider(at.Return), err)
	}
	iss, sent := query["iss"]
	if sent && iss[0] != e.cfg.Issuer || !sent && found.ResponseIssuer { // a mix-up attack: RFC 9207
		e.attempts.end(w, at)
		return noTicket(failToken(at.Return), errors.New("the response is not from this issuer"))
	}
	if query.Has("error") || query.Get("code") == "" {
		e.attempts.end(w, at)
		code := knownCode(query.Get("error"))
		if slices.Contains(temporary, code) {
			return noTicket(failProvider(at.Return), refusal{code})
		}
		return noTicket(failRefused(http.StatusBadRequest, code, at.Return), nil)
	}
	// The steps that can be repeated come before the code is used.
	if err := found.keys.Fetch(ctx); err != nil {
		return noTicket(failProvider(at.Return), err)
	}
	if used, err := e.wasUsed(ctx, at); err != nil {
		return noTicket(failStore(at.Return), err)
	} else if used {
		e.attempts.end(w, at)
		return noTicket(failExpired(at.Return), nil)
	}
	client, oauth := e.oauth(ctx, found)
	token, err := oauth.Exchange(client, query.Get("code"), oauth2.VerifierOption(at.Verifier))
	if err == nil {
		err = checkType(token)
	} else {
		err = tokenError(err)
	}
	if errors.Is(err, errProvider) {
		return noTicket(failProvider(at.Return), err)
	}
	e.attempts.end(w, at)
	if err != nil {
		return noTicket(failToken(at.Return), err)
	}
	return e.ticketOf(ctx, found, token, at)
}

// noTicket returns the results of a callback that has failed.
func noTicket(f Failure, cause error) (ticket.Ticket, *Failure, error) {
	return ticket.Ticket{}, &f, cause
}

// ticketOf verifies the ID token and returns the ticket. If the tokens are not used, it revokes
// the refresh token.
func (e *endpoints) ticketOf(ctx context.Context, found *discovered, token *oauth2.Token, at attempt) (ticket.Ticket, *Failure, error) {
	raw, _ := token.Extra("id_token").(string)
	verified, err := e.verifyIDToken(ctx, found, raw, token.AccessToken)
	if err == nil {
		err = e.checkSignIn(verified, at)
	}
	if err != nil {
		e.revokeUnused(ctx, token)
		if errors.Is(err, errProvider) {
			return noTicket(failProvider(at.Return), err)
		}
		return noTicket(failToken(at.Return), err)
	}
	// A request writes a row only now, after it has proved with tokens of the provider that it is
	// not forged. The provider accepts a code only once, so only one of several requests with a
	// code gets here.
	first, err := e.remember(ctx, at)
	if err != nil || !first {
		e.revokeUnused(ctx, token)
	}
	switch {
	case err != nil:
		return noTicket(failStore(at.Return), err)
	case !first:
		return noTicket(failExpired(at.Return), nil)
	}
	sid, _ := verified.claims["sid"].(string)
	return ticket.Ticket{
		Issuer: e.cfg.Issuer, SubjectID: verified.subject, SessionID: sid,
		Claims:      e.userClaims(ctx, found, verified, token.AccessToken),
		AccessToken: token.AccessToken, AccessTokenExpires: token.Expiry.UTC(), RefreshToken: token.RefreshToken,
		IDToken: raw, IDTokenIssuedAt: verified.issuedAt,
	}, nil, nil
}

// usedIssuer separates the used attempts from used logout tokens in the replay memory.
func (e *endpoints) usedIssuer() string { return "sign-in " + e.cfg.Issuer }

func (e *endpoints) wasUsed(ctx context.Context, at attempt) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.sessions.Config().StoreTimeout)
	defer cancel()
	return e.used.Used(ctx, e.usedIssuer(), at.ID)
}

// remember stores the attempt as used, and reports whether it was not used before on any host.
func (e *endpoints) remember(ctx context.Context, at attempt) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.sessions.Config().StoreTimeout)
	defer cancel()
	return e.used.Remember(ctx, e.usedIssuer(), at.ID, at.expires())
}

// revokeUnused revokes the refresh token of a grant that no session has. It ignores an error: the
// provider ends the grant later by itself.
func (e *endpoints) revokeUnused(ctx context.Context, token *oauth2.Token) {
	if token.RefreshToken == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.ProviderTimeout)
	defer cancel()
	_ = e.RevokeRefreshToken(ctx, token.RefreshToken)
}

// signIn starts the session of the ticket.
func (e *endpoints) signIn(w http.ResponseWriter, r *http.Request, t ticket.Ticket, at attempt) (*Failure, error) {
	if err := e.prepare(r, &t); err != nil {
		f := failRefused(http.StatusForbidden, "", at.Return)
		return &f, err
	}
	_, err := e.sessions.SignIn(w, r, t, serverside.Replacing(at.Replaces))
	var f Failure
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, bff.ErrInvalidSession):
		f = failToken(at.Return)
	case errors.Is(err, serverside.ErrLoggedOut):
		f = failLoggedOut(at.Return)
	default:
		f = failStore(at.Return)
	}
	return &f, err
}

// prepare calls PrepareTicket. The verified identity stays. If PrepareTicket returns an error or
// panics, it revokes the refresh token.
func (e *endpoints) prepare(r *http.Request, t *ticket.Ticket) error {
	if e.cfg.PrepareTicket == nil {
		return nil
	}
	verified, prepared := *t, false
	defer func() {
		if !prepared {
			e.revokeUnused(r.Context(), &oauth2.Token{RefreshToken: verified.RefreshToken})
		}
	}()
	if err := e.cfg.PrepareTicket(r, t); err != nil {
		return err
	}
	prepared = true
	t.Issuer, t.SubjectID, t.SessionID, t.IDTokenIssuedAt = verified.Issuer, verified.SubjectID, verified.SessionID, verified.IDTokenIssuedAt
	return nil
}

// failSignIn ends a sign-in that has failed: with a page, or, if it is silent, with the message
// for which the page waits.
func (e *endpoints) failSignIn(w http.ResponseWriter, r *http.Request, silent bool, f Failure, cause error) {
	if !silent {
		e.fail(w, r, f, cause)
		return
	}
	if f.Code != FailureRefused {
		quiet := *e.RelyingParty
		quiet.cfg.ErrorHandler = func(http.ResponseWriter, *http.Request, Failure) {}
		quiet.fail(w, r, f, cause)
	}
	e.silentAnswer(w, false)
}
