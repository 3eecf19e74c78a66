package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"

	"golang.org/x/oauth2"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/internal/revocation"
	"example.com/usersession/bff/serverside"
)

// oauth returns the client's part of the code flow and a context with its HTTP client.
func (p *RelyingParty) oauth(ctx context.Context, found *discovered) (context.Context, oauth2.Config) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.postClient(found, p.cfg.authMethod(found.AuthMethods)))
	return ctx, oauth2.Config{
		ClientID: p.cfg.ClientID, RedirectURL: p.cfg.BaseURL + p.cfg.Path + pathCallback, Scopes: found.scopes(p.cfg),
		// The HTTP client adds the authentication to the form.
		Endpoint: oauth2.Endpoint{AuthURL: found.Authorization, TokenURL: found.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// refusal is an error answer of the token endpoint (RFC 6749, section 5.2).
type refusal struct{ code string }

func (r refusal) Error() string { return "the token endpoint refused the request: " + r.code }

// errorCode matches the error codes of OAuth 2.0 and OpenID Connect. Other values of error are
// neither shown nor logged.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// knownCode returns the code if it has the form of an error code, and otherwise "unknown".
func knownCode(code string) string {
	if errorCode.MatchString(code) {
		return code
	}
	return "unknown"
}

// temporary are error codes with which a provider refuses every request, or this request for a
// moment. The authorization code or the refresh token is not the reason.
var temporary = []string{"invalid_client", "unauthorized_client", "server_error", "temporarily_unavailable", "slow_down"}

// tokenError turns an error of the oauth2 package, whose text may quote the provider's answer,
// into a refusal or an error that wraps errProvider.
func tokenError(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fmt.Errorf("relyingparty: the token endpoint did not answer as expected: %w", errProvider)
	}
	status := answer.Response.StatusCode
	code := knownCode(answer.ErrorCode)
	if status < 200 || status >= 500 || status == http.StatusTooManyRequests || slices.Contains(temporary, code) {
		return fmt.Errorf("relyingparty: the token endpoint answered with status %d, error %s: %w", status, code, errProvider)
	}
	if status >= 300 && answer.ErrorCode == "" {
		return fmt.Errorf("relyingparty: the token endpoint answered with status %d: %w", status, errProvider)
	}
	return refusal{code}
}

// RefreshTokens implements [serverside.TokenRefresher]. It verifies an ID token in the answer and
// returns the ID token's subject, which the sessions compare with their own. An answer whose ID
// token is not valid is refused with [serverside.ErrRefreshTokenRefused].
func (p *RelyingParty) RefreshTokens(ctx context.Context, refreshToken string) (serverside.Tokens, error) {
	found, err := p.provider.discover(ctx)
	if err != nil {
		return serverside.Tokens{}, err
	}
	client, oauth := p.oauth(ctx, found)
	token, err := oauth.TokenSource(client, &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		err = tokenError(err)
		if refused, ok := errors.AsType[refusal](err); ok {
			if refused.code == "invalid_grant" {
				return serverside.Tokens{}, serverside.ErrRefreshTokenRefused
			}
			return serverside.Tokens{}, fmt.Errorf("%w: %s", serverside.ErrRefreshRequestRefused, refused.code)
		}
		return serverside.Tokens{}, err
	}
	if err := checkType(token); err != nil {
		return serverside.Tokens{}, err
	}
	tokens := serverside.Tokens{
		AccessToken: token.AccessToken, AccessTokenExpires: token.Expiry, RefreshToken: token.RefreshToken,
	}
	sent := token.Extra("id_token")
	if sent == nil || sent == "" {
		return tokens, nil
	}
	raw, _ := sent.(string) // what is no text is no token, and refused as one that is not valid
	verified, err := p.verifyIDToken(ctx, found, raw, token.AccessToken)
	switch {
	case errors.Is(err, errProvider):
		// The refresh token is used by now, so that an outage must not lose the new one.
		p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "relyingparty: the ID token of a refresh was ignored", slog.String("error", err.Error()))
		return tokens, nil
	case err != nil: // the tokens may belong to another user
		p.cfg.Logger.LogAttrs(ctx, slog.LevelError, "relyingparty: the ID token of a refresh is not valid", slog.String("error", err.Error()))
		return serverside.Tokens{}, serverside.ErrRefreshTokenRefused
	}
	tokens.IDToken, tokens.SubjectID = raw, verified.subject
	return tokens, nil
}

// checkType refuses a token type that the API calls do not use (RFC 6749, section 7.1).
func checkType(token *oauth2.Token) error {
	if token.Type() != "Bearer" {
		return fmt.Errorf("relyingparty: the access token is not a bearer token: %w", errProvider)
	}
	return nil
}

// RevokeRefreshToken implements [serverside.TokenRevoker]. It does nothing if the provider has
// no revocation endpoint.
func (p *RelyingParty) RevokeRefreshToken(ctx context.Context, refreshToken string) error {
	found, err := p.provider.discover(ctx)
	if err != nil || found.Revocation == "" {
		return err
	}
	methods := found.RevocationMethods
	if methods == nil {
		methods = found.AuthMethods
	}
	// The HTTP client adds the authentication, and refuses a URL that Config does not allow.
	err = revocation.Send(ctx, *p.postClient(found, p.cfg.authMethod(methods)), found.Revocation, revocation.Client{ID: p.cfg.ClientID}, refreshToken)
	if err != nil {
		return fmt.Errorf("relyingparty: %w", err)
	}
	return nil
}

// Verify implements [backchannel.Verifier].
func (p *RelyingParty) Verify(ctx context.Context, logoutToken string) (backchannel.VerifiedToken, error) {
	found, err := p.provider.discover(ctx)
	if err != nil {
		return backchannel.VerifiedToken{}, err
	}
	return found.logoutTokens.Verify(ctx, logoutToken)
}
