package serverside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/wait"
)

const (
	// maxRetryDelay is the longest delay between two reads of the session while
	// awaitOtherHost waits.
	maxRetryDelay = 500 * time.Millisecond
	// otherHostWriteTime is the time that another host is given to write new tokens
	// after the provider has sent them.
	otherHostWriteTime = time.Second
)

// awaitOtherHost is called when the provider has refused the refresh token of a session
// whose refresh this host has taken over from another host. That host may only be slow: it
// has used the token and is about to write new tokens. Its request to the provider may take
// all of TokenTimeout; awaitOtherHost reads the session for that long and returns it as
// soon as it has other tokens. If it gets no other tokens, awaitOtherHost returns the result
// of recordRefusal for opened, which has this host's claim: a claim that another host has made
// in the meantime stays.
func (s *Sessions) awaitOtherHost(ctx context.Context, opened *openedSession) (*openedSession, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout+otherHostWriteTime)
	defer cancel()
	for delay := firstRetryDelay; ; delay = min(2*delay, maxRetryDelay) {
		next, err := s.load(ctx, opened.row.Key)
		switch {
		case err != nil: // read again below
		case next == nil:
			return nil, ErrNoSession
		case !sameTokens(next, opened):
			return next, nil
		}
		if wait.For(ctx, delay) == nil {
			continue
		}
		if err != nil { // another host may have written new tokens
			return nil, fmt.Errorf("serverside: refreshing tokens: %w", err)
		}
		return s.recordRefusal(context.WithoutCancel(ctx), opened)
	}
}

// recordRefusal adds the session's refresh token to refusedTokens, so that this process does not
// send it to the provider again, and returns the result of afterRefusal.
func (s *Sessions) recordRefusal(ctx context.Context, opened *openedSession) (*openedSession, error) {
	s.refusedTokens.add(opened.ticket.RefreshToken)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: the identity provider refused a refresh token",
		slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID))
	s.releaseClaim(ctx, opened)
	return s.afterRefusal(ctx, opened)
}

var errOtherTokens = errors.New("serverside: another host has written new tokens")

// afterRefusal returns an error that wraps [ErrRefreshTokenRefused]. With
// EndSessionWithRefreshToken it ends the session instead and returns [ErrNoSession],
// unless another host has written other tokens: then it returns the session with them.
//
// A store can update a session only if it is unchanged, but deletes it in any state. So an
// update first makes the session expire, after which no host writes to it, and then the session
// is deleted.
func (s *Sessions) afterRefusal(ctx context.Context, opened *openedSession) (*openedSession, error) {
	if !s.cfg.EndSessionWithRefreshToken {
		return nil, fmt.Errorf("serverside: refreshing tokens: %w", ErrRefreshTokenRefused)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
	defer cancel()
	_, err := s.update(ctx, opened, func(t *ticket.Ticket) error {
		if t.AccessToken != opened.ticket.AccessToken || t.RefreshToken != opened.ticket.RefreshToken {
			return errOtherTokens
		}
		t.Expires = t.Issued.Add(-clockSkew) // expired by every host's clock
		return nil
	})
	if errors.Is(err, errOtherTokens) {
		return s.refresh(ctx, opened) // returns the session with the other host's tokens
	}
	if err != nil {
		return nil, err
	}
	removed, err := s.deleteSession(ctx, opened.row.Key)
	if err != nil { // cleanup deletes and counts it
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a session that ended could not be deleted", slog.Any("error", err))
	}
	s.reportEnded(ctx, EndTokens, removed, opened.row.SubjectID)
	return nil, ErrNoSession
}
