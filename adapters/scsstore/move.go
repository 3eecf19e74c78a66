package scsstore

import (
	"context"
	"errors"
	"fmt"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// ctxFinder and ctxDeleter are what scs looks for in a store.
type ctxFinder interface {
	FindCtx(ctx context.Context, token string) ([]byte, bool, error)
}

type ctxDeleter interface {
	DeleteCtx(ctx context.Context, token string) error
}

// move moves a session from the former store and returns it. It returns
// [bff.ErrSessionNotFound] if the former store has none, or if the user's sessions have been
// ended.
//
// A session that was moved and has ended must not be moved again by a request that has read
// the former store before. So move creates its row without the session id, which fails if the
// row exists, and then looks whether the former store still has the session: if not, another
// request has moved it, and its row has ended since. It sets the session id in a second step,
// because a write with a session id replaces rows.
func (s *Store) move(ctx context.Context, token, secret string) (*adapter.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	payload, found, err := s.findFormer(ctx, token)
	if err != nil {
		return nil, err
	}
	if !found {
		return s.sessions.Load(ctx, secret) // another request may have moved it just now
	}
	deadline, values, err := s.codec.inner.Decode(payload)
	if err != nil || !deadline.After(s.sessions.Now()) {
		return nil, bff.ErrSessionNotFound
	}
	identity := s.codec.identify(values)
	// It was loaded at an unknown time: every logout that is remembered ends it.
	former := &adapter.Session{SubjectID: bff.SubjectIDOf(identity.SubjectID), SessionID: identity.SessionID}
	state := adapter.State{
		Identity: adapter.Identity{SubjectID: identity.SubjectID}, Payload: payload, Expires: deadline,
	}
	created, err := s.sessions.Create(ctx, secret, state, former)
	switch {
	case errors.Is(err, bff.ErrSessionExists):
		return s.sessions.Load(ctx, secret) // another request moves it
	case err == nil:
		if created, err = s.finishMove(ctx, token, created, former, identity, state); err == nil {
			return created, nil
		}
	}
	if !errors.Is(err, adapter.ErrEnded) {
		return nil, err
	}
	if err := s.deleteFormer(ctx, token); err != nil {
		return nil, err
	}
	return nil, bff.ErrSessionNotFound
}

// finishMove is the part of move after the row was created. If it fails, it deletes the row.
func (s *Store) finishMove(ctx context.Context, token string, created, former *adapter.Session,
	identity adapter.Identity, state adapter.State,
) (*adapter.Session, error) {
	moved := created
	_, found, err := s.findFormer(ctx, token)
	if err == nil && !found {
		err = adapter.ErrEnded
	}
	if err == nil && identity.SessionID != "" {
		state.Identity, state.Merged = identity, []*adapter.Session{former}
		moved, err = s.sessions.Save(ctx, created, state)
	}
	if err == nil {
		err = s.deleteFormer(ctx, token)
	}
	if err == nil {
		return moved, nil
	}
	if _, failed := s.sessions.Remove(context.WithoutCancel(ctx), created); failed != nil {
		return nil, failed
	}
	return nil, err
}

func (s *Store) findFormer(ctx context.Context, token string) (b []byte, found bool, err error) {
	if store, ok := s.former.(ctxFinder); ok {
		b, found, err = store.FindCtx(ctx, token)
	} else {
		b, found, err = s.former.Find(token)
	}
	if err != nil {
		return nil, false, fmt.Errorf("scsstore: reading the former store: %w", err)
	}
	return b, found, nil
}

// deleteFormer does nothing if there is no former store.
func (s *Store) deleteFormer(ctx context.Context, token string) error {
	if s.former == nil {
		return nil
	}
	var err error
	if store, ok := s.former.(ctxDeleter); ok {
		err = store.DeleteCtx(ctx, token)
	} else {
		err = s.former.Delete(token)
	}
	if err != nil {
		return fmt.Errorf("scsstore: deleting from the former store: %w", err)
	}
	return nil
}
