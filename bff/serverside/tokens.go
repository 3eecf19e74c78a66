package serverside

import (
	"context"
	"errors"
	"time"

	"example.com/usersession/bff/ticket"
)

// Tokens is the result of a refresh. A field that is empty or zero leaves the session's value
// unchanged, unless its comment says otherwise.
type Tokens struct {
	AccessToken         string
	AccessTokenExpires  time.Time // zero: unknown
	RefreshToken        string    // "": the old token remains valid
	RefreshTokenExpires time.Time // zero: unknown if there is a new refresh token
	IDToken             string
	// SubjectID is the sub of the answer's verified ID token, "" if the answer had none. The
	// tokens of another subject than the session's are dropped, and the refresh token then
	// counts as refused (OpenID Connect Core 1.0, section 12.2).
	SubjectID string
}

// A TokenRefresher asks the identity provider for new tokens (RFC 6749, section 6).
type TokenRefresher interface {
	// RefreshTokens exchanges a refresh token for new tokens. If the provider answers
	// that the refresh token is no longer valid (invalid_grant), the error must wrap
	// [ErrRefreshTokenRefused]: this process does not use that token again. Every
	// other error is considered temporary.
	//
	// RefreshTokens must return when ctx ends, after TokenTimeout: a request without a
	// valid access token waits for it.
	//
	// If RefreshTokens returns an ID token, it has verified the ID token, and it also
	// returns its sub as SubjectID.
	RefreshTokens(ctx context.Context, refreshToken string) (Tokens, error)
}

// ErrRefreshTokenRefused means that the identity provider does not accept the refresh token,
// or that the session's tokens cannot be refreshed at all.
var ErrRefreshTokenRefused = errors.New("the refresh token was refused")

// ErrRefreshRequestRefused means that the identity provider refused a refresh for another
// reason than the refresh token: it answered with an OAuth error other than invalid_grant,
// such as invalid_request or interaction_required. After three such answers in a row to one
// refresh token, the token counts as refused. An error for a provider that is overloaded or
// unreachable must not wrap it.
var ErrRefreshRequestRefused = errors.New("the refresh was refused")

// A TokenRevoker revokes refresh tokens at the identity provider (RFC 7009). It must be safe
// for concurrent use. [RevocationEndpoint] is a TokenRevoker.
type TokenRevoker interface {
	// RevokeRefreshToken must return when ctx ends.
	RevokeRefreshToken(ctx context.Context, refreshToken string) error
}

// minTokenLife is the life of an access token that the provider sends with an expiry that is
// not in the future: without a minimum, every request would refresh it.
const minTokenLife = time.Minute

// applyTo returns a copy of the ticket with the new tokens, which were received at now.
func (t Tokens) applyTo(old ticket.Ticket, now time.Time) ticket.Ticket {
	next := old.Clone()
	next.AccessToken, next.AccessTokenExpires, next.AccessTokenObtained = t.AccessToken, t.AccessTokenExpires.UTC(), now
	if end := next.AccessTokenExpires; !end.IsZero() && !end.After(now) {
		next.AccessTokenExpires = now.Add(minTokenLife)
	}
	if t.RefreshToken != "" {
		next.RefreshToken, next.RefreshTokenExpires = t.RefreshToken, t.RefreshTokenExpires.UTC()
	} else if !t.RefreshTokenExpires.IsZero() {
		next.RefreshTokenExpires = t.RefreshTokenExpires.UTC()
	}
	if t.IDToken != "" {
		next.IDToken = t.IDToken
	}
	return next
}
