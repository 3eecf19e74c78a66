package serverside

import (
	"context"
	"fmt"
)

// Reload reads the request's session anew and makes it the session that [FromContext],
// [Sessions.Ticket] and the others return. It is for handlers that run for long, such as
// streams: the middleware reads the session once, before the handler. It does not renew the
// session.
//
// Reload returns [ErrNoSession] if the request is signed out or the session has ended; the
// request is then signed out. Any other error comes from the store, the Protector or the
// context, says nothing about the session and leaves the request's session as it is. Reload
// asks the store for at most [Config.StoreTimeout].
func (s *Sessions) Reload(ctx context.Context) (Session, error) {
	opened, err := s.reload(ctx)
	if err != nil {
		return Session{}, err
	}
	session := opened.session()
	session.Current = true
	return session, nil
}

// reload is [Sessions.Reload]. It returns the session as it was read.
func (s *Sessions) reload(ctx context.Context) (*openedSession, error) {
	seen := s.current(ctx)
	if seen == nil {
		return nil, ErrNoSession
	}
	opened, err := s.loadWithin(ctx, seen.row.Key)
	if err != nil {
		return nil, fmt.Errorf("serverside: reading the session: %w", err)
	}
	s.state(ctx).replace(seen.row.Key, opened)
	if opened == nil {
		return nil, ErrNoSession
	}
	return opened, nil
}
