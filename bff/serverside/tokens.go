package serverside

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// Tokens is what a refresh returns. What is empty or zero is kept as it was.
type Tokens struct {
	AccessToken         string
	AccessTokenExpires  time.Time // zero: unknown
	RefreshToken        string    // "": the old one goes on
	RefreshTokenExpires time.Time // zero: unknown if the token is new
	IDToken             string
}

// A TokenRefresher asks the identity provider for new tokens (RFC 6749, section 6).
type TokenRefresher interface {
	// RefreshTokens trades a refresh token. If the provider says that the token
	// is not good any more (invalid_grant), the error must wrap
	// [ErrRefreshTokenRefused]: this process does not ask for that token again.
	// Every other error is taken for a passing one.
	//
	// It verifies an ID token that it returns, which must have the sub of the
	// one before (OpenID Connect Core 1.0, section 12.2).
	RefreshTokens(ctx context.Context, refreshToken string) (Tokens, error)
}

// ErrRefreshTokenRefused means that the identity provider does not take the refresh
// token (any more).
var ErrRefreshTokenRefused = errors.New("the refresh token was refused")

// A TokenRevoker tells the identity provider that a refresh token is not needed any
// more (RFC 7009). [RevocationEndpoint] is one.
type TokenRevoker interface {
	RevokeRefreshToken(ctx context.Context, refreshToken string) error
}

// revocationsAtOnce bounds how many revocations of one call run at the same time.
const revocationsAtOnce = 4

// refreshTokens returns the refresh tokens in rows, if there is somebody to revoke them.
func (s *Sessions) refreshTokens(ctx context.Context, rows []bff.UserSession) []string {
	if s.cfg.Revoker == nil {
		return nil
	}
	var tokens []string
	for _, row := range rows {
		if opened, err := s.open(ctx, row); err == nil && opened != nil && opened.ticket.RefreshToken != "" {
			tokens = append(tokens, opened.ticket.RefreshToken)
		}
	}
	return tokens
}

// revokeTokens revokes refresh tokens of sessions that have ended, best effort: within
// TokenTimeout, whatever becomes of the request. Failures are logged.
func (s *Sessions) revokeTokens(ctx context.Context, tokens []string) {
	if s.cfg.Revoker == nil || len(tokens) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
	defer cancel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, revocationsAtOnce)
	for _, token := range tokens {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := s.revokeToken(ctx, token); err != nil {
				s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a refresh token could not be revoked",
					slog.String("error", redact(err, token)))
			}
		})
	}
	wg.Wait()
}

var errRevokerPanicked = errors.New("the Revoker panicked")

// revokeToken revokes one token. It runs in a goroutine where a panic would end the
// program. The panic's value may be anything: errRevokerPanicked takes its place.
func (s *Sessions) revokeToken(ctx context.Context, token string) (err error) {
	defer func() {
		if recover() != nil {
			err = errRevokerPanicked
		}
	}()
	return s.cfg.Revoker.RevokeRefreshToken(ctx, token)
}

// redact returns an error's text without the secret, should a client have put it there.
func redact(err error, secret string) string {
	text := err.Error()
	if secret == "" {
		return text
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	return text
}

func (t Tokens) applyTo(old ticket.Ticket) ticket.Ticket {
	next := old.Clone()
	next.AccessToken, next.AccessTokenExpires = t.AccessToken, t.AccessTokenExpires.UTC()
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
