package serverside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// patience is how long a request waits for a new access token while its own still serves.
const patience = time.Second

// AccessToken returns the access token of the request's session, for the BFF's own call
// to an API. One that ends within [Config.RefreshBefore] is refreshed first, if there is
// a Refresher and a refresh token; one whose end is not known is taken to be good.
//
// Requests that need this at the same time share one refresh, also if some of them are
// cancelled. Another host that refreshes the same session does no harm: the host that
// writes last takes the tokens of the first. One whose refresh token is refused looks for
// those for as long as the other host's refresh may take, once for each token. A request
// whose own access token still serves gets that if new ones are not there within a second.
//
// It returns [ErrNoSession] if the request is signed out or the session has ended, and
// an error that wraps [ErrRefreshTokenRefused] if the user has to sign in again to get
// another access token. Any other error is the provider's or the store's, and passes.
func (s *Sessions) AccessToken(ctx context.Context) (string, error) {
	l := s.current(ctx)
	if l == nil {
		return "", ErrNoSession
	}
	now := s.cfg.Clock()
	if goodUntil(l, now.Add(s.cfg.RefreshBefore)) {
		return l.ticket.AccessToken, nil
	}
	var err error
	if s.refreshable(l) {
		if goodUntil(l, now.Add(patience)) {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, patience) // the refresh goes on after that
			defer cancel()
		}
		var next *loaded
		if next, err = s.refreshed(ctx, l); err == nil {
			return next.ticket.AccessToken, nil
		}
	}
	if !errors.Is(err, ErrNoSession) && goodUntil(l, now) { // for this once
		return l.ticket.AccessToken, nil
	}
	if err == nil {
		err = fmt.Errorf("serverside: there is no access token, nor one to get: %w", ErrRefreshTokenRefused)
	}
	return "", err
}

// RefreshTokens refreshes the tokens of the request's session even if the access token
// has time left: after the API has refused it, for example. The rest is as with
// [Sessions.AccessToken].
func (s *Sessions) RefreshTokens(ctx context.Context) error {
	l := s.current(ctx)
	if l == nil {
		return ErrNoSession
	}
	if !s.refreshable(l) {
		return errors.New("serverside: the session's tokens cannot be refreshed: no Refresher or no refresh token")
	}
	_, err := s.refreshed(ctx, l)
	return err
}

func (s *Sessions) refreshable(l *loaded) bool {
	return s.cfg.Refresher != nil && l.ticket.RefreshToken != ""
}

// goodUntil reports whether the access token is still good then. One without a known end
// is.
func goodUntil(l *loaded, then time.Time) bool {
	end := l.ticket.AccessTokenExpires
	return l.ticket.AccessToken != "" && (end.IsZero() || then.Before(end))
}

// refreshed returns the session with other tokens than l has, and lets the request go
// on with them.
func (s *Sessions) refreshed(ctx context.Context, l *loaded) (*loaded, error) {
	work := func() (*loaded, error) {
		// Not the request's context: a token that was spent must be written,
		// whatever becomes of the request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
		defer cancel()
		return s.refresh(ctx, l)
	}
	next, err := s.flight.do(ctx, l.row.Key, work)
	if err == nil && sameTokens(next, l) { // a flight that began with older tokens than l's
		next, err = s.flight.do(ctx, l.row.Key, work)
	}
	if err == nil || errors.Is(err, ErrNoSession) {
		s.state(ctx).moveOn(l.row.Key, next)
	}
	return next, err
}

// refresh is the one place that trades refresh tokens: a lease across hosts would be
// taken here, around the first load.
func (s *Sessions) refresh(ctx context.Context, seen *loaded) (*loaded, error) {
	l, err := s.load(ctx, seen.row.Key)
	if err != nil {
		return nil, fmt.Errorf("serverside: refreshing tokens: %w", err)
	}
	if l == nil {
		return nil, ErrNoSession
	}
	if !sameTokens(l, seen) { // somebody was faster
		return l, nil
	}
	if s.refusals.has(l.ticket.RefreshToken) {
		return s.giveUp(ctx, l)
	}
	tokens, err := s.cfg.Refresher.RefreshTokens(ctx, l.ticket.RefreshToken)
	if errors.Is(err, ErrRefreshTokenRefused) {
		return s.refused(ctx, l)
	}
	if err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: tokens could not be refreshed",
			slog.String("error", redact(err, l.ticket.RefreshToken)))
		return nil, errors.New("serverside: refreshing tokens: the identity provider did not answer as it should")
	}
	if tokens.AccessToken == "" {
		return nil, errors.New("serverside: refreshing tokens: the identity provider sent no access token")
	}
	return s.keep(ctx, l, tokens)
}

func sameTokens(a, b *loaded) bool {
	return a.ticket.AccessToken == b.ticket.AccessToken && a.ticket.RefreshToken == b.ticket.RefreshToken
}

// firstWait is how long a refresh waits before it tries the store again. It doubles
// every time, up to the end of the context.
const firstWait = 20 * time.Millisecond

// keep writes new tokens. They are written over whatever has changed in between but
// other new tokens, which win. The old refresh token may be spent, so it keeps trying for
// a TokenTimeout of its own, however little the provider has left of the refresh's.
func (s *Sessions) keep(ctx context.Context, l *loaded, tokens Tokens) (*loaded, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
	defer cancel()
	for delay := firstWait; ; delay *= 2 {
		next, err := s.write(ctx, l, tokens.applyTo(l.ticket))
		if err == nil {
			return next, nil
		}
		if errors.Is(err, bff.ErrSessionChanged) {
			next, err = s.load(ctx, l.row.Key)
			switch {
			case err != nil: // tried again below
			case next == nil:
				err = ErrNoSession
			case !sameTokens(next, l):
				return next, nil
			default:
				l, delay = next, firstWait/2
				continue
			}
		}
		if errors.Is(err, ErrNoSession) { // it has ended: so do its new tokens
			if tokens.RefreshToken != "" && s.cfg.Revoker != nil && !s.signedInAgain(ctx, l) {
				s.revokeTokens(ctx, []string{tokens.RefreshToken})
			}
			return nil, err
		}
		if wait.For(ctx, delay) != nil {
			return nil, fmt.Errorf("serverside: refreshing tokens: the new ones could not be written: %w", err)
		}
	}
}
