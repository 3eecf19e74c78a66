package serverside

import (
	"context"
	"errors"
	"fmt"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// updateAttempts bounds how often one update gives way to others. Of those that
// collide one gets through each time, so that this many may start at once.
const updateAttempts = 32

// Update changes the ticket of the request's session: change is handed a copy, and what
// it leaves there is sealed and written. If another request has written meanwhile,
// change is called again with what that has left. So it must do nothing else, and
// nothing is lost.
//
// Subject, session id, issuer and Issued stay as they are; Expires can only come
// earlier. An error of change is returned as it is, and nothing is written.
//
// It returns [ErrNoSession] if the request is signed out, or the session ended
// meanwhile, which an update never undoes.
func (s *Sessions) Update(ctx context.Context, change func(*ticket.Ticket) error) error {
	opened := s.current(ctx)
	if opened == nil {
		return ErrNoSession
	}
	next, err := s.update(ctx, opened, change)
	if err == nil || errors.Is(err, ErrNoSession) {
		s.state(ctx).replace(opened.row.Key, next)
	}
	return err
}

// update returns the session as it was written.
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

// write writes another ticket, if the session is still what it was when l was read.
func (s *Sessions) writeTicket(ctx context.Context, opened *openedSession, t ticket.Ticket) (*openedSession, error) {
	old := opened.ticket
	t.Issuer, t.SubjectID, t.SessionID, t.Issued = old.Issuer, old.SubjectID, old.SessionID, old.Issued
	if t.Expires.IsZero() || t.Expires.After(old.Expires) {
		t.Expires = old.Expires
	}
	u := opened.toUpdate()
	// The row's own end counts, not the idle timeout since the renewal: that timeout may
	// have been another one then. Only a new refresh token can put the end off.
	if end := s.expiry(opened.row.Renewed, t); end.After(u.Expires) && !t.RefreshTokenExpires.Equal(old.RefreshTokenExpires) {
		u.Expires = end
	}
	u.Expires = capExpiry(u.Expires, t)
	sealed, err := ticket.Seal(s.cfg.Protector, ticket.BindingOf(opened.row), t)
	if err != nil {
		return nil, fmt.Errorf("serverside: updating the session: %w", err)
	}
	u.Ticket = sealed
	err = s.cfg.Store.UpdateUserSession(ctx, opened.key(), u)
	if errors.Is(err, bff.ErrSessionNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("serverside: updating the session: %w", err)
	}
	return opened.afterUpdate(u, t), nil
}
