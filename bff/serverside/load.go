package serverside

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// load reads the session with that key. It returns nil without an error if there is
// none that counts: it is gone or past its end, or its ticket does not open. It
// deletes nothing, and an error of the store is no verdict on the session.
func (s *Sessions) load(ctx context.Context, key string) (*openedSession, error) {
	row, err := s.cfg.Store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key})
	if errors.Is(err, bff.ErrSessionNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row.PartitionKey, row.Key = s.cfg.Partition, key // what was asked for is what the ticket must be bound to
	opened, err := s.open(ctx, row)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Clock()
	if opened == nil || !now.Before(opened.ticket.Expires) || !now.Before(opened.row.Expires) {
		return nil, nil
	}
	return opened, nil
}

// open opens the ticket of a row. It returns nil without an error if that is no ticket
// of ours, and an error if that cannot be told just now.
func (s *Sessions) open(ctx context.Context, row bff.UserSession) (*openedSession, error) {
	var t ticket.Ticket
	err := errAnonymous
	if row.SubjectID != "" {
		t, err = ticket.Open(s.cfg.Protector, ticket.BindingOf(row), row.Ticket)
	}
	if err == nil && t.Issuer != s.cfg.Issuer {
		err = errOtherIssuer
	}
	if errors.Is(err, ticket.ErrUnavailable) {
		return nil, err
	}
	if err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a user session is not used, since its ticket does not open",
			slog.String("subject_id", row.SubjectID), slog.String("session_id", row.SessionID), slog.Any("error", err))
		return nil, nil
	}
	if row.Expires.IsZero() { // not a row that this package writes
		row.Expires = row.Renewed.Add(s.cfg.IdleTimeout)
	}
	return &openedSession{row: row, ticket: t}, nil
}

var (
	errOtherIssuer = errors.New("the ticket is of another issuer")
	errAnonymous   = errors.New("the session is anonymous")
)

// expiry is when a session ends that is renewed at now: after the idle timeout, within
// what its ticket allows.
func (s *Sessions) expiry(now time.Time, t ticket.Ticket) time.Time {
	return capExpiry(now.Add(s.cfg.IdleTimeout), t)
}

// within returns end, or an earlier time: no session outlasts the absolute end in its
// ticket, nor its refresh token.
func capExpiry(end time.Time, t ticket.Ticket) time.Time {
	if t.Expires.Before(end) {
		end = t.Expires
	}
	if !t.RefreshTokenExpires.IsZero() && t.RefreshTokenExpires.Before(end) {
		end = t.RefreshTokenExpires
	}
	return end.UTC()
}

// renewalDue is ASP.NET Core's rule: less than half of the window remains. It is not
// due if the session would not last longer for it.
func (s *Sessions) renewalDue(opened *openedSession, now time.Time) bool {
	elapsed, remaining := now.Sub(opened.row.Renewed), opened.row.Expires.Sub(now)
	return remaining < elapsed && s.expiry(now, opened.ticket).After(opened.row.Expires)
}

// renewAttempts bounds how often a renewal gives way to other updates.
const renewAttempts = 3

// renew slides the session's expiry if that is due, and seals its ticket under the
// primary key on the occasion. It only ever updates: it returns nil if the session was
// revoked meanwhile. If it cannot write, the session goes on as it was read.
func (s *Sessions) renew(ctx context.Context, opened *openedSession) *openedSession {
	for range renewAttempts {
		now := s.cfg.Clock().UTC().Truncate(time.Microsecond)
		if !s.renewalDue(opened, now) {
			return opened
		}
		u := opened.toUpdate()
		u.Renewed, u.Expires = now, s.expiry(now, opened.ticket)
		if ticket.NeedsReseal(s.cfg.Protector, opened.row.Ticket) {
			if sealed, err := ticket.Seal(s.cfg.Protector, ticket.BindingOf(opened.row), opened.ticket); err == nil {
				u.Ticket = sealed
			}
		}
		err := s.cfg.Store.UpdateUserSession(ctx, opened.key(), u)
		if err == nil {
			return opened.afterUpdate(u, opened.ticket)
		}
		if errors.Is(err, bff.ErrSessionNotFound) {
			return nil
		}
		if errors.Is(err, bff.ErrSessionChanged) {
			var fresh *openedSession
			if fresh, err = s.load(ctx, opened.row.Key); err == nil {
				if fresh == nil {
					return nil
				}
				opened = fresh
				continue
			}
		}
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a user session could not be renewed", slog.Any("error", err))
		return opened
	}
	return opened
}
