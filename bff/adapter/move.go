package adapter

import (
	"context"
	"errors"
	"fmt"

	"example.com/usersession/bff"
)

// A Former is a session in the store that the session library had before.
type Former struct {
	// Read reads the session. It reports false if there is none, or if it has expired.
	Read func(ctx context.Context) (State, bool, error)
	// Delete deletes the session. It returns nil if there is none.
	Delete func(ctx context.Context) error
}

// Move moves a session from a former store, under its secret, and returns it. Call it after
// [Sessions.Load] has found nothing. It returns [bff.ErrSessionNotFound] if the former store has
// no session, or if the user's sessions have been ended since. Concurrent moves of one session
// return the same session.
//
// After a moved session has ended, a request that has read the former store before does not bring
// it back. If the process stops between the write and the delete, both stores have the session.
func (s *Sessions) Move(ctx context.Context, secret string, former Former) (*Session, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	state, found, err := former.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("adapter: reading the former store: %w", err)
	}
	if !found {
		return s.Load(ctx, secret) // another request may have moved it just now
	}
	// The former session was loaded at an unknown time, so every logout that is noted ends it.
	loaded := &Session{SubjectID: bff.SubjectIDOf(state.SubjectID), SessionID: state.SessionID}
	// A write with a session id would replace the row of another request. So the row is created
	// without one: the creation fails if another request has created the row.
	first := state
	first.SessionID = ""
	created, err := s.Create(ctx, secret, first, loaded)
	if errors.Is(err, bff.ErrSessionExists) {
		return s.Load(ctx, secret)
	}
	if err == nil {
		created, err = s.finishMove(ctx, created, loaded, state, former)
	}
	if !errors.Is(err, ErrEnded) {
		return created, err
	}
	if err := former.Delete(ctx); err != nil {
		return nil, fmt.Errorf("adapter: deleting from the former store: %w", err)
	}
	return nil, bff.ErrSessionNotFound
}

// finishMove is the part of Move after the row was created. If it fails, it deletes the row.
func (s *Sessions) finishMove(ctx context.Context, created, loaded *Session, state State, former Former) (*Session, error) {
	moved := created
	// If the former store no longer has the session, another request has moved it, and the row
	// of that move has ended since.
	_, found, err := former.Read(ctx)
	if err == nil && !found {
		err = ErrEnded
	}
	if err == nil && state.SessionID != "" {
		state.Merged = append(state.Merged, loaded)
		moved, err = s.Save(ctx, created, state)
	}
	if err == nil {
		err = former.Delete(ctx)
	}
	if err != nil {
		return nil, s.undo(ctx, created.row(s.cfg.Partition), err)
	}
	return moved, nil
}
