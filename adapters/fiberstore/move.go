package fiberstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// movedTime is the time after which a moved session expires: the default of the middleware's
// IdleTimeout.
const movedTime = 30 * time.Minute

// move moves a session from the former storage and returns it. It returns
// [bff.ErrSessionNotFound] if the former storage has none, or if the user's sessions have been
// ended.
//
// A session that was moved and has ended must not be moved again by a request that has read
// the former storage before. So move creates its row without the session id, which fails if
// the row exists, and then looks whether the former storage still has the session: if not,
// another request has moved it, and its row has ended since. It sets the session id in a second
// step, because a write with a session id replaces rows.
func (s *Storage) move(ctx context.Context, key string) (*adapter.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StoreTimeout)
	defer cancel()
	payload, err := s.former(ctx, key)
	if err != nil {
		return nil, err
	}
	if payload == nil {
		return s.sessions.Load(ctx, key) // another request may have moved it just now
	}
	values, err := decode(payload)
	if err != nil {
		return nil, err
	}
	identity := s.cfg.Identify(values)
	// It was loaded at an unknown time: every logout that is remembered ends it.
	former := &adapter.Session{SubjectID: bff.SubjectIDOf(identity.SubjectID), SessionID: identity.SessionID}
	state := adapter.State{
		Identity: adapter.Identity{SubjectID: identity.SubjectID}, Payload: payload,
		Expires: s.sessions.Now().Add(movedTime),
	}
	created, err := s.sessions.Create(ctx, key, state, former)
	switch {
	case errors.Is(err, bff.ErrSessionExists):
		return s.sessions.Load(ctx, key) // another request moves it
	case err == nil:
		if created, err = s.finishMove(ctx, key, created, former, identity, state); err == nil {
			return created, nil
		}
	}
	if !errors.Is(err, adapter.ErrEnded) {
		return nil, err
	}
	if err := s.deleteFormer(ctx, key); err != nil {
		return nil, err
	}
	return nil, bff.ErrSessionNotFound
}

// finishMove is the part of move after the row was created. If it fails, it deletes the row.
func (s *Storage) finishMove(ctx context.Context, key string, created, former *adapter.Session,
	identity adapter.Identity, state adapter.State,
) (*adapter.Session, error) {
	moved := created
	payload, err := s.former(ctx, key)
	if err == nil && payload == nil {
		err = adapter.ErrEnded
	}
	if err == nil && identity.SessionID != "" {
		state.Identity, state.Merged = identity, []*adapter.Session{former}
		moved, err = s.sessions.Save(ctx, created, state)
	}
	if err == nil {
		err = s.deleteFormer(ctx, key)
	}
	if err == nil {
		return moved, nil
	}
	if _, failed := s.sessions.Remove(context.WithoutCancel(ctx), created); failed != nil {
		return nil, errors.Join(err, failed)
	}
	return nil, err
}

// former reads the former storage. It returns nil if that has no session with the key.
func (s *Storage) former(ctx context.Context, key string) ([]byte, error) {
	payload, err := s.cfg.Migrating.GetWithContext(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("the former storage: %w", err)
	}
	if len(payload) == 0 {
		return nil, nil
	}
	return bytes.Clone(payload), nil
}

// deleteFormer does nothing if there is no former storage.
func (s *Storage) deleteFormer(ctx context.Context, key string) error {
	if s.cfg.Migrating == nil {
		return nil
	}
	if err := s.cfg.Migrating.DeleteWithContext(ctx, key); err != nil {
		return failed("deleting a session from the former storage", err)
	}
	return nil
}
