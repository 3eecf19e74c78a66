package serverside

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// load reads the session with the key from the store, past a [bff.ReadCache].
func (s *Sessions) load(ctx context.Context, key string) (*openedSession, error) {
	return s.loadRecent(bff.WithFreshRead(ctx), key)
}

// loadRecent reads the session with the key, which may come from a [bff.ReadCache]. It returns nil
// and no error if there is no usable session: the row is missing or expired, or open returns nil
// for it. It deletes nothing. An error of the store says nothing about the session.
func (s *Sessions) loadRecent(ctx context.Context, key string) (*openedSession, error) {
	row, err := s.cfg.Store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key})
	if errors.Is(err, bff.ErrSessionNotFound) {
		s.tickets.forget(key)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row.PartitionKey, row.Key = s.cfg.Partition, key // the ticket must be bound to the requested key
	opened, err := s.open(ctx, row)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Clock()
	if opened == nil || !now.Before(opened.ticket.Expires) || !now.Before(opened.row.Expires) {
		s.tickets.forget(key)
		return nil, nil
	}
	s.tickets.remember(opened, now)
	return opened, nil
}

// open opens the ticket of a row. It returns nil and no error if the row is anonymous, the
// ticket does not open or it has another issuer. It returns an error if the Protector is
// not available.
func (s *Sessions) open(ctx context.Context, row bff.UserSession) (*openedSession, error) {
	t, remembered := s.tickets.get(row)
	var err error
	switch {
	case row.SubjectID == "":
		err = errAnonymous
	case !remembered:
		t, err = ticket.Open(s.cfg.Protector, ticket.BindingOf(row), row.Ticket)
	}
	if err == nil && t.Issuer != s.cfg.Issuer {
		err = errOtherIssuer
	}
	if errors.Is(err, ticket.ErrUnavailable) {
		return nil, err
	}
	if err != nil {
		s.unusable.warn(ctx, &s.cfg, row, err)
		return nil, nil
	}
	if row.Expires.IsZero() { // this package writes no such row
		row.Expires = row.Renewed.Add(s.cfg.IdleTimeout)
	}
	return &openedSession{row: row, ticket: t}, nil
}

// seal seals the ticket of a row.
func (s *Sessions) seal(row bff.UserSession, t ticket.Ticket) ([]byte, error) {
	return ticket.SealAs(s.cfg.Protector, ticket.BindingOf(row), t, s.cfg.TicketEncoding)
}

var (
	errOtherIssuer = errors.New("the ticket is from another issuer")
	errAnonymous   = errors.New("the session is anonymous")
)

// expiry returns the expiry of a session that is renewed at now: after the idle timeout, but
// no later than the ticket allows.
func (s *Sessions) expiry(now time.Time, t ticket.Ticket) time.Time {
	return capExpiry(now.Add(s.cfg.IdleTimeout), t)
}

// capExpiry returns the earliest of end, the absolute end in the ticket, and the expiry of
// the refresh token if that is known.
func capExpiry(end time.Time, t ticket.Ticket) time.Time {
	if t.Expires.Before(end) {
		end = t.Expires
	}
	if !t.RefreshTokenExpires.IsZero() && t.RefreshTokenExpires.Before(end) {
		end = t.RefreshTokenExpires
	}
	return end.UTC()
}

// renewalDue follows ASP.NET Core's rule: a renewal is due when less than half of the idle
// window remains. It is not due if it would not extend the session.
func (s *Sessions) renewalDue(opened *openedSession, now time.Time) bool {
	elapsed, remaining := now.Sub(opened.row.Renewed), opened.row.Expires.Sub(now)
	return remaining < elapsed && s.expiry(now, opened.ticket).After(opened.row.Expires)
}

// renewAttempts is the maximum number of attempts of a renewal that conflicts with other updates.
const renewAttempts = 3

// renew extends the session's expiry if a renewal is due. With the same update it seals a
// ticket that is under an old key under the primary key. It returns the session after the
// renewal; the session as it was read if no renewal is due or the update fails; or nil if
// the session has ended in the meantime, which an update never undoes.
func (s *Sessions) renew(ctx context.Context, opened *openedSession) *openedSession {
	for range renewAttempts {
		now := s.cfg.Clock().UTC().Truncate(time.Microsecond)
		if !s.renewalDue(opened, now) {
			return opened
		}
		u := opened.toUpdate()
		u.Renewed, u.Expires = now, s.expiry(now, opened.ticket)
		if ticket.NeedsReseal(s.cfg.Protector, opened.row.Ticket) {
			if sealed, err := s.seal(opened.row, opened.ticket); err == nil {
				u.Ticket = sealed
			}
		}
		err := s.cfg.Store.UpdateUserSession(ctx, opened.key(), u)
		if err == nil {
			return opened.afterUpdate(u, opened.ticket)
		}
		if errors.Is(err, bff.ErrSessionNotFound) {
			s.tickets.forget(opened.row.Key)
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
