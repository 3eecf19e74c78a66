package serverside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/wait"
)

// maxRefreshWait is how long a request waits for a new access token while its own is still
// valid.
const maxRefreshWait = time.Second

// AccessToken returns the access token of the request's session, for the BFF's own call
// to an API. It reads the session anew, so that it returns no token of a session that was
// revoked while the request ran. A token that expires within [Config.RefreshBefore], or
// within half of its life if that is shorter, is refreshed first, if there is a Refresher
// and a refresh token. A token without a known expiry counts as valid.
//
// Concurrent requests of one session share one refresh, on all hosts: the host that
// refreshes seals a claim into the ticket, and the others wait for its tokens. A claim
// lasts TokenTimeout and StoreTimeout together; if the claimant has died, the next host
// then asks the provider. If the dead host had used the refresh token already, the provider
// decides whether it accepts the token once more. The refresh goes on if a request is
// cancelled. A request whose access token is still valid waits at most one second for a
// new one, and then gets its own.
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
	var err error
	if !s.refreshDue(opened) { // otherwise the refresh reads the session
		if opened, err = s.reload(ctx); err != nil {
			return "", err
		}
	}
	if s.refreshDue(opened) {
		var next *openedSession
		if next, err = s.refreshBriefly(ctx, opened); err == nil {
			return next.ticket.AccessToken, nil
		}
		if errors.Is(err, ErrNoSession) || !accessTokenValidAt(opened, s.cfg.Clock()) {
			return "", err
		}
		// The token in hand is still valid, but the session may have ended meanwhile.
		if opened, err = s.reload(ctx); err != nil {
			return "", err
		}
	}
	if !accessTokenValidAt(opened, s.cfg.Clock()) {
		if s.tx != nil {
			return "", errNoRefresh
		}
		return "", fmt.Errorf("serverside: there is no valid access token and no way to refresh it: %w", ErrRefreshTokenRefused)
	}
	return opened.ticket.AccessToken, nil
}

// refreshDue reports whether AccessToken refreshes the session's tokens.
func (s *Sessions) refreshDue(opened *openedSession) bool {
	return s.refreshable(opened) && !accessTokenValidAt(opened, s.cfg.Clock().Add(s.refreshMargin(opened.ticket)))
}

// refreshBriefly is sharedRefresh, but waits at most maxRefreshWait if the access token is
// valid for that long. The refresh goes on after the wait.
func (s *Sessions) refreshBriefly(ctx context.Context, opened *openedSession) (*openedSession, error) {
	if accessTokenValidAt(opened, s.cfg.Clock().Add(maxRefreshWait)) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxRefreshWait)
		defer cancel()
	}
	return s.sharedRefresh(ctx, opened)
}

// RefreshTokens refreshes the tokens of the request's session even if the access token is
// still valid: after the API has refused it, for example. Without a Refresher or a refresh
// token it returns an error, and [ErrNoSession] if the session has ended. Otherwise it works
// as [Sessions.AccessToken] does, but waits for the end of the refresh.
func (s *Sessions) RefreshTokens(ctx context.Context) error {
	opened := s.current(ctx)
	if opened == nil {
		return ErrNoSession
	}
	if s.tx != nil {
		return errNoRefresh
	}
	if !s.refreshable(opened) { // otherwise the refresh reads the session
		var err error
		if opened, err = s.reload(ctx); err != nil {
			return err
		}
	}
	if !s.refreshable(opened) {
		return errors.New("serverside: the session's tokens cannot be refreshed: no Refresher or no refresh token")
	}
	_, err := s.sharedRefresh(ctx, opened)
	return err
}

func (s *Sessions) refreshable(opened *openedSession) bool {
	return s.tx == nil && s.cfg.Refresher != nil && opened.ticket.RefreshToken != ""
}

// accessTokenValidAt reports whether the session has an access token that is valid at the
// time. A token without a known expiry is always valid.
func accessTokenValidAt(opened *openedSession, t time.Time) bool {
	end := opened.ticket.AccessTokenExpires
	return opened.ticket.AccessToken != "" && (end.IsZero() || t.Before(end))
}

// refreshMargin returns the time before its expiry at which the access token is refreshed.
func (s *Sessions) refreshMargin(t ticket.Ticket) time.Duration {
	if t.AccessTokenObtained.IsZero() {
		return s.cfg.RefreshBefore
	}
	return min(s.cfg.RefreshBefore, t.AccessTokenExpires.Sub(t.AccessTokenObtained)/2)
}

// sharedRefresh returns the session with other tokens than opened has, and makes it the
// request's session. Concurrent calls for one session share one refresh.
func (s *Sessions) sharedRefresh(ctx context.Context, opened *openedSession) (*openedSession, error) {
	refresh := func() (*openedSession, error) {
		// The end of the request must not end the refresh: once the refresh token
		// is used, the new tokens must be written.
		return s.refresh(context.WithoutCancel(ctx), opened)
	}
	next, err := s.refreshes.do(ctx, opened.row.Key, refresh)
	if err == nil && sameTokens(next, opened) { // the shared refresh began with older tokens
		next, err = s.refreshes.do(ctx, opened.row.Key, refresh)
	}
	if err == nil || errors.Is(err, ErrNoSession) {
		s.state(ctx).replace(opened.row.Key, next)
	}
	return next, err
}

// refresh asks the provider for new tokens and writes them. If the session already has
// other tokens than seen, it returns the session with the other tokens. No other function
// uses a refresh token, and only the host whose claim is in the ticket uses it.
func (s *Sessions) refresh(ctx context.Context, seen *openedSession) (*openedSession, error) {
	opened, takenOver, err := s.claimRefresh(ctx, seen)
	if err != nil || !sameTokens(opened, seen) {
		return opened, err
	}
	if s.refusedTokens.has(opened.ticket.RefreshToken) {
		return s.afterRefusal(ctx, opened)
	}
	tokens, err := s.askProvider(ctx, opened.ticket.RefreshToken)
	switch {
	case err == nil && tokens.SubjectID != "" && tokens.SubjectID != opened.ticket.SubjectID:
		s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "serverside: the identity provider answered a refresh with the tokens of another user",
			slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID))
		return s.recordRefusal(ctx, opened)
	case err == nil:
		return s.storeTokens(ctx, opened, tokens)
	case errors.Is(err, ErrRefreshTokenRefused) && takenOver:
		return s.awaitOtherHost(ctx, opened)
	case errors.Is(err, ErrRefreshTokenRefused):
		return s.recordRefusal(ctx, opened)
	default:
		s.releaseClaim(ctx, opened)
		return nil, err
	}
}

// askProvider returns the provider's new tokens. Its errors quote nothing.
func (s *Sessions) askProvider(ctx context.Context, refreshToken string) (Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.TokenTimeout)
	defer cancel()
	tokens, err := s.callRefresher(ctx, refreshToken)
	if errors.Is(err, ErrRefreshRequestRefused) && s.refusedTokens.addDoubtful(refreshToken) {
		err = ErrRefreshTokenRefused
	}
	switch {
	case errors.Is(err, ErrRefreshTokenRefused):
		return Tokens{}, ErrRefreshTokenRefused
	case err != nil:
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: tokens could not be refreshed",
			slog.String("error", redact(err, refreshToken)))
		if errors.Is(err, errRefreshPanicked) {
			return Tokens{}, err
		}
		return Tokens{}, errors.New("serverside: refreshing tokens: the identity provider failed")
	case tokens.AccessToken == "":
		return Tokens{}, errors.New("serverside: refreshing tokens: the identity provider sent no access token")
	}
	return tokens, nil
}

// callRefresher turns a panic of the Refresher into an error, so that the claim is removed.
// The panic's value may hold a secret and is dropped.
func (s *Sessions) callRefresher(ctx context.Context, refreshToken string) (tokens Tokens, err error) {
	defer func() {
		if recover() != nil {
			err = errRefreshPanicked
		}
	}()
	return s.cfg.Refresher.RefreshTokens(ctx, refreshToken)
}

func sameTokens(a, b *openedSession) bool {
	return a.ticket.AccessToken == b.ticket.AccessToken && a.ticket.RefreshToken == b.ticket.RefreshToken
}

// firstRetryDelay is the delay before a refresh retries a failed operation of the store. The
// delay doubles with each retry.
const firstRetryDelay = 20 * time.Millisecond

// storeTokens writes the new tokens to the session, removes the claim and returns the
// session. Other changes that were made since opened was read are kept. If another host has
// written new tokens first, storeTokens returns the session with the other host's tokens.
// If the session has ended, it revokes the new refresh token, unless the user has signed in
// again, and returns [ErrNoSession].
//
// The old refresh token may be unusable by now, so that the new tokens must not be lost:
// storeTokens retries for a TokenTimeout of its own.
func (s *Sessions) storeTokens(ctx context.Context, opened *openedSession, tokens Tokens) (*openedSession, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.TokenTimeout)
	defer cancel()
	now := s.cfg.Clock().UTC()
	for delay := firstRetryDelay; ; delay *= 2 {
		t := tokens.applyTo(opened.ticket, now)
		t.SetRefreshClaim("")
		next, err := s.replaceTicketWithin(ctx, opened, t)
		if err == nil {
			return next, nil
		}
		if errors.Is(err, bff.ErrSessionChanged) {
			next, err = s.loadWithin(ctx, opened.row.Key)
			switch {
			case err != nil: // retried below
			case next == nil:
				err = ErrNoSession
			case next.ticket.AccessToken == t.AccessToken && next.ticket.RefreshToken == t.RefreshToken:
				return next, nil // an earlier try has written them, although it failed
			case !sameTokens(next, opened):
				s.logUnused(ctx, opened, tokens, "another host has refreshed the same tokens")
				return next, nil
			default:
				opened, delay = next, firstRetryDelay/2
				continue
			}
		}
		if errors.Is(err, ErrNoSession) {
			s.revokeUnused(ctx, opened, tokens)
			return nil, err
		}
		if wait.For(ctx, delay) != nil {
			s.logUnused(ctx, opened, tokens, "the new tokens could not be written")
			return nil, fmt.Errorf("serverside: refreshing tokens: the new tokens could not be written: %w", err)
		}
	}
}

// revokeUnused revokes the refresh token of a session that ended during the refresh.
func (s *Sessions) revokeUnused(ctx context.Context, opened *openedSession, tokens Tokens) {
	switch {
	case tokens.RefreshToken == "" || s.cfg.Revoker == nil:
	case s.signedInAgain(ctx, opened):
		s.logUnused(ctx, opened, tokens, "the session has ended, and the user may have signed in again")
	default:
		s.revokeAll(context.WithoutCancel(ctx), []string{tokens.RefreshToken})
	}
}

// logUnused logs that the new refresh token is in no session and is not revoked.
func (s *Sessions) logUnused(ctx context.Context, opened *openedSession, tokens Tokens, reason string) {
	if tokens.RefreshToken == "" {
		return
	}
	s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a new refresh token was not stored and may remain valid at the identity provider", slog.String("reason", reason),
		slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID))
}

// loadWithin is load with a StoreTimeout of its own.
func (s *Sessions) loadWithin(ctx context.Context, key string) (*openedSession, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StoreTimeout)
	defer cancel()
	return s.load(ctx, key)
}

// replaceTicketWithin is replaceTicket with a StoreTimeout of its own.
func (s *Sessions) replaceTicketWithin(ctx context.Context, opened *openedSession, t ticket.Ticket) (*openedSession, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StoreTimeout)
	defer cancel()
	return s.replaceTicket(ctx, opened, t)
}
