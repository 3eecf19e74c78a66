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

// maxRefreshWait is how long a request waits for a new access token while its own is still
// valid.
const maxRefreshWait = time.Second

// AccessToken returns the access token of the request's session, for the BFF's own call
// to an API. A token that expires within [Config.RefreshBefore] is refreshed first, if
// there is a Refresher and a refresh token. A token without a known expiry counts as valid.
//
// Concurrent requests of one session share one refresh on each host. The refresh goes on
// if a request is cancelled. If two hosts refresh the same session, the host that writes
// second takes the tokens of the first. If the provider refuses the refresh token to one of
// them, that host reads the session until the other host must have written its tokens; it
// does so once for each refresh token. A request whose access token is still valid waits at
// most one second for a new one, and then gets its own.
//
// AccessToken returns [ErrNoSession] if the request is signed out or the session has ended,
// and an error that wraps [ErrRefreshTokenRefused] if there is no valid access token and the
// user must sign in again to get one. Any other error comes from the provider, the store or
// the context and is temporary.
func (s *Sessions) AccessToken(ctx context.Context) (string, error) {
	opened := s.current(ctx)
	if opened == nil {
		return "", ErrNoSession
	}
	now := s.cfg.Clock()
	if accessTokenValidAt(opened, now.Add(s.cfg.RefreshBefore)) {
		return opened.ticket.AccessToken, nil
	}
	var err error
	if s.refreshable(opened) {
		if accessTokenValidAt(opened, now.Add(maxRefreshWait)) {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, maxRefreshWait) // does not end the refresh
			defer cancel()
		}
		var next *openedSession
		if next, err = s.sharedRefresh(ctx, opened); err == nil {
			return next.ticket.AccessToken, nil
		}
	}
	if !errors.Is(err, ErrNoSession) && accessTokenValidAt(opened, now) {
		return opened.ticket.AccessToken, nil
	}
	if err == nil {
		err = fmt.Errorf("serverside: there is no valid access token and no way to refresh it: %w", ErrRefreshTokenRefused)
	}
	return "", err
}

// RefreshTokens refreshes the tokens of the request's session even if the access token is
// still valid: after the API has refused it, for example. Without a Refresher or a refresh
// token it returns an error. Otherwise it works as [Sessions.AccessToken] does, but waits for
// the end of the refresh.
func (s *Sessions) RefreshTokens(ctx context.Context) error {
	opened := s.current(ctx)
	if opened == nil {
		return ErrNoSession
	}
	if !s.refreshable(opened) {
		return errors.New("serverside: the session's tokens cannot be refreshed: no Refresher or no refresh token")
	}
	_, err := s.sharedRefresh(ctx, opened)
	return err
}

func (s *Sessions) refreshable(opened *openedSession) bool {
	return s.cfg.Refresher != nil && opened.ticket.RefreshToken != ""
}

// accessTokenValidAt reports whether the session has an access token that is valid at the
// time. A token without a known expiry is always valid.
func accessTokenValidAt(opened *openedSession, t time.Time) bool {
	end := opened.ticket.AccessTokenExpires
	return opened.ticket.AccessToken != "" && (end.IsZero() || t.Before(end))
}

// sharedRefresh returns the session with other tokens than opened has, and makes it the
// request's session. Concurrent calls for one session share one refresh.
func (s *Sessions) sharedRefresh(ctx context.Context, opened *openedSession) (*openedSession, error) {
	refresh := func() (*openedSession, error) {
		// The end of the request must not end the refresh: once the refresh token
		// is used, the new tokens must be written.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
		defer cancel()
		return s.refresh(ctx, opened)
	}
	next, err := s.refreshes.do(ctx, opened.row.Key, refresh)
	if err == nil && sameTokens(next, opened) { // that refresh began with older tokens
		next, err = s.refreshes.do(ctx, opened.row.Key, refresh)
	}
	if err == nil || errors.Is(err, ErrNoSession) {
		s.state(ctx).replace(opened.row.Key, next)
	}
	return next, err
}

// refresh asks the provider for new tokens and writes them. If the session already has
// other tokens than seen, it returns the session with those. This is the only place that
// uses refresh tokens.
func (s *Sessions) refresh(ctx context.Context, seen *openedSession) (*openedSession, error) {
	opened, err := s.load(ctx, seen.row.Key)
	if err != nil {
		return nil, fmt.Errorf("serverside: refreshing tokens: %w", err)
	}
	if opened == nil {
		return nil, ErrNoSession
	}
	if !sameTokens(opened, seen) { // another request or host has refreshed them
		return opened, nil
	}
	if s.refusedTokens.has(opened.ticket.RefreshToken) {
		return s.afterRefusal(ctx, opened)
	}
	tokens, err := s.cfg.Refresher.RefreshTokens(ctx, opened.ticket.RefreshToken)
	if errors.Is(err, ErrRefreshTokenRefused) {
		return s.awaitOtherHost(ctx, opened)
	}
	if err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: tokens could not be refreshed",
			slog.String("error", redact(err, opened.ticket.RefreshToken)))
		return nil, errors.New("serverside: refreshing tokens: the identity provider failed")
	}
	if tokens.AccessToken == "" {
		return nil, errors.New("serverside: refreshing tokens: the identity provider sent no access token")
	}
	return s.storeTokens(ctx, opened, tokens)
}

func sameTokens(a, b *openedSession) bool {
	return a.ticket.AccessToken == b.ticket.AccessToken && a.ticket.RefreshToken == b.ticket.RefreshToken
}

// firstRetryDelay is the delay before a refresh retries a failed operation of the store. The
// delay doubles with each retry.
const firstRetryDelay = 20 * time.Millisecond

// storeTokens writes the new tokens to the session and returns it. Other changes that were
// made since opened was read are kept. If another host has written new tokens first,
// storeTokens returns the session with those. If the session has ended, it revokes the new
// refresh token, unless the user has signed in again, and returns [ErrNoSession].
//
// The old refresh token may be unusable by now, so that the new tokens must not be lost:
// storeTokens retries for a TokenTimeout of its own, however much of the refresh's time the
// provider has used.
func (s *Sessions) storeTokens(ctx context.Context, opened *openedSession, tokens Tokens) (*openedSession, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
	defer cancel()
	for delay := firstRetryDelay; ; delay *= 2 {
		next, err := s.writeTicket(ctx, opened, tokens.applyTo(opened.ticket))
		if err == nil {
			return next, nil
		}
		if errors.Is(err, bff.ErrSessionChanged) {
			next, err = s.load(ctx, opened.row.Key)
			switch {
			case err != nil: // retried below
			case next == nil:
				err = ErrNoSession
			case !sameTokens(next, opened):
				return next, nil
			default:
				opened, delay = next, firstRetryDelay/2
				continue
			}
		}
		if errors.Is(err, ErrNoSession) {
			if tokens.RefreshToken != "" && s.cfg.Revoker != nil && !s.signedInAgain(ctx, opened) {
				s.revokeTokens(ctx, []string{tokens.RefreshToken})
			}
			return nil, err
		}
		if wait.For(ctx, delay) != nil {
			return nil, fmt.Errorf("serverside: refreshing tokens: the new tokens could not be written: %w", err)
		}
	}
}
