package serverside

import (
	"context"
	"errors"
	"fmt"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// updateAttempts is the maximum number of attempts of one update. In each round of conflicting
// updates one succeeds, so that updateAttempts updates can start at the same time and all succeed.
const updateAttempts = 32

// Update changes the ticket of the request's session. It calls change with a copy of the
// ticket, and seals and writes the changed copy. If another request has written the session
// in the meantime, Update calls change again with a copy of the new ticket, so that neither
// change is lost. Therefore change must have no effect besides changing the copy.
//
// SubjectID, SessionID, Issuer and Issued keep their values. Expires can only become earlier.
// If change returns an error, Update returns that error and writes nothing.
//
// Update returns [ErrNoSession] if the request is signed out, or if the session has ended in
// the meantime, which an update never undoes. After too many conflicts it returns an error
// that wraps [bff.ErrSessionChanged].
func (s *Sessions) Update(ctx context.Context, change func(*ticket.Ticket) error) error {
	opened := s.current(ctx)
	if opened == nil {
		return ErrNoSession
	}
	storeCtx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	next, err := s.updateCurrent(storeCtx, opened, change)
	if err == nil || errors.Is(err, ErrNoSession) {
		s.state(ctx).replace(opened.row.Key, next)
	}
	return err
}

// updateCurrent is update for the session of the request. It reads the session anew if the session
// may come from a [bff.ReadCache], because change may depend on the ticket.
func (s *Sessions) updateCurrent(ctx context.Context, opened *openedSession, change func(*ticket.Ticket) error) (*openedSession, error) {
	if _, ok := s.outermost().cfg.Store.(bff.ReadCache); ok {
		var err error
		if opened, err = s.load(ctx, opened.row.Key); err != nil {
			return nil, fmt.Errorf("serverside: updating the session: %w", err)
		}
		if opened == nil {
			return nil, ErrNoSession
		}
	}
	return s.update(ctx, opened, change)
}

// update is [Sessions.Update] for an opened session. It returns the session as written.
func (s *Sessions) update(ctx context.Context, opened *openedSession, change func(*ticket.Ticket) error) (*openedSession, error) {
	for range updateAttempts {
		t := opened.ticket.Clone()
		if err := change(&t); err != nil {
			return nil, err
		}
		next, err := s.writeTicket(ctx, opened, t)
		if !errors.Is(err, bff.ErrSessionChanged) {
			return next, err
		}
		if opened, err = s.load(ctx, opened.row.Key); err != nil {
			return nil, fmt.Errorf("serverside: updating the session: %w", err)
		}
		if opened == nil {
			return nil, ErrNoSession
		}
	}
	return nil, fmt.Errorf("serverside: updating the session: %w", bff.ErrSessionChanged)
}

// writeTicket writes t as the session's ticket and returns the session as written. It
// returns [bff.ErrSessionChanged] if the session has changed since it was read.
func (s *Sessions) writeTicket(ctx context.Context, opened *openedSession, t ticket.Ticket) (*openedSession, error) {
	old := opened.ticket
	if t.AccessToken != old.AccessToken && t.AccessTokenObtained.Equal(old.AccessTokenObtained) {
		t.AccessTokenObtained = s.cfg.Clock().UTC()
	}
	t.IDTokenIssuedAt = old.IDTokenIssuedAt
	t.SetRefreshClaim(old.RefreshClaim())
	return s.replaceTicket(ctx, opened, t)
}

// replaceTicket is writeTicket for the refresh, which also changes the refresh claim.
func (s *Sessions) replaceTicket(ctx context.Context, opened *openedSession, t ticket.Ticket) (*openedSession, error) {
	old := opened.ticket
	t.Issuer, t.SubjectID, t.SessionID, t.Issued = old.Issuer, old.SubjectID, old.SessionID, old.Issued
	if t.Expires.IsZero() || t.Expires.After(old.Expires) {
		t.Expires = old.Expires
	}
	u := opened.toUpdate()
	// The row keeps its expiry. The expiry is not computed from the time of the renewal,
	// because the configured idle timeout may have changed since then. Only a refresh token
	// with another expiry can postpone it.
	if end := s.expiry(opened.row.Renewed, t); end.After(u.Expires) && !t.RefreshTokenExpires.Equal(old.RefreshTokenExpires) {
		u.Expires = end
	}
	u.Expires = capExpiry(u.Expires, t)
	sealed, err := s.seal(opened.row, t)
	if err != nil {
		return nil, fmt.Errorf("serverside: updating the session: %w", err)
	}
	u.Ticket = sealed
	err = s.cfg.Store.UpdateUserSession(ctx, opened.key(), u)
	if errors.Is(err, bff.ErrSessionNotFound) {
		s.tickets.forget(opened.row.Key)
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("serverside: updating the session: %w", err)
	}
	return opened.afterUpdate(u, t), nil
}
