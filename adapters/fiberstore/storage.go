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

// Get is GetWithContext with the background context.
func (s *Storage) Get(key string) ([]byte, error) {
	return s.GetWithContext(context.Background(), key)
}

// GetWithContext returns the encoded values of the live session with the key. It returns nil
// without an error if there is none: the key is unknown or empty, the session was ended or has
// expired, or its values do not open with the Protector's keys. Every other failure is an error.
func (s *Storage) GetWithContext(ctx context.Context, key string) ([]byte, error) {
	if key == "" {
		return nil, nil
	}
	r, ctx := s.requestOf(ctx)
	session, err := s.sessions.Load(ctx, key)
	if s.cfg.Migrating != nil && errors.Is(err, bff.ErrSessionNotFound) {
		session, err = s.move(ctx, key)
	}
	switch {
	case errors.Is(err, bff.ErrSessionNotFound):
		s.recent.forget(key)
		return nil, nil
	case err != nil:
		return nil, failed("reading a session", err)
	}
	r.setLoaded(key, session)
	s.recent.remember(key, session.SubjectID)
	return bytes.Clone(session.Payload), nil
}

// Set is SetWithContext with the background context.
func (s *Storage) Set(key string, val []byte, exp time.Duration) error {
	return s.SetWithContext(context.Background(), key, val, exp)
}

// SetWithContext saves the encoded values of a session, which expires after exp, or never if
// exp is 0. The package's documentation says how it tells a new session from a loaded one. For
// a loaded one that has ended it returns [adapter.ErrEnded] and writes nothing.
//
// If the values and the identity of a loaded session are unchanged, Set writes only if less
// than half of exp remains. It ignores an empty key or value. It returns an error for a value
// that is not encoded by the session middleware and for a negative exp.
func (s *Storage) SetWithContext(ctx context.Context, key string, val []byte, exp time.Duration) error {
	if key == "" || len(val) == 0 {
		return nil
	}
	if exp < 0 {
		return errors.New("fiberstore: the expiration of a session is negative")
	}
	values, err := decode(val)
	if err != nil {
		return err
	}
	state := adapter.State{Identity: s.cfg.Identify(values), Payload: bytes.Clone(val)}
	if exp > 0 {
		state.Expires = s.sessions.Now().Add(exp)
	}
	r, ctx := s.requestOf(ctx)
	session, err := s.write(ctx, r, key, state, values)
	if errors.Is(err, errDestroyed) && len(values) == 0 {
		return nil // Destroy and then Save, without values
	}
	if err != nil {
		return failed("saving a session", err)
	}
	r.setSaved(key, session)
	if _, known := s.recent.find(key); known || !session.Anonymous() {
		s.recent.remember(key, session.SubjectID)
	}
	return nil
}

// errDestroyed is returned for a session that has values again after its Destroy. No second row is
// ever created under an id: a request that has loaded the first row could save it into the
// second.
var errDestroyed = fmt.Errorf("%w: this request has destroyed it; to go on, call Reset or Regenerate, which give a new id", adapter.ErrEnded)

// write saves, creates or continues a session.
func (s *Storage) write(ctx context.Context, r *request, key string, state adapter.State, values map[any]any) (*adapter.Session, error) {
	if r.hasDeleted(key) {
		return nil, errDestroyed
	}
	if loaded := r.session(key); loaded != nil {
		return s.save(ctx, loaded, state, values)
	}
	subjectID := bff.SubjectIDOf(state.SubjectID)
	continued, err := r.continued(key, subjectID)
	if err != nil {
		return nil, err
	}
	if known, found := s.recent.find(key); found {
		loaded, err := s.sessions.Load(ctx, key)
		switch {
		case errors.Is(err, bff.ErrSessionNotFound):
			return nil, adapter.ErrEnded
		case err != nil:
			return nil, err
		case loaded.SubjectID != known && loaded.SubjectID != subjectID:
			return nil, adapter.ErrEnded
		}
		return s.save(ctx, loaded, state, values)
	}
	return s.upsert(ctx, key, state, continued, values)
}

// save writes a loaded session back.
func (s *Storage) save(ctx context.Context, loaded *adapter.Session, state adapter.State, values map[any]any) (*adapter.Session, error) {
	if unchanged(loaded, state, values) {
		return s.sessions.Renew(ctx, loaded, state.Expires)
	}
	return s.sessions.Save(ctx, loaded, state)
}

// upsertAttempts bounds how often other writers of the same new key may conflict.
const upsertAttempts = 16

// upsert creates a session, or overwrites the session that has the key.
func (s *Storage) upsert(ctx context.Context, key string, state adapter.State, continued *adapter.Session, values map[any]any) (*adapter.Session, error) {
	for range upsertAttempts {
		session, err := s.sessions.Create(ctx, key, state, continued)
		if !errors.Is(err, bff.ErrSessionExists) {
			return session, err
		}
		loaded, err := s.sessions.Load(ctx, key)
		if err == nil {
			session, err = s.save(ctx, loaded, state, values)
		}
		if !errors.Is(err, bff.ErrSessionNotFound) {
			return session, err
		}
	}
	return nil, fmt.Errorf("other requests created and deleted the session at every attempt: %w", bff.ErrSessionExists)
}

// Delete is DeleteWithContext with the background context.
func (s *Storage) Delete(key string) error {
	return s.DeleteWithContext(context.Background(), key)
}

// DeleteWithContext ends the session with the key. A session that is not there is no error.
func (s *Storage) DeleteWithContext(ctx context.Context, key string) error {
	if key == "" {
		return nil
	}
	r, ctx := s.requestOf(ctx)
	// Delete from the former storage first, so that the session cannot be moved again.
	if err := s.deleteFormer(ctx, key); err != nil {
		return err
	}
	loaded := r.session(key)
	err := adapter.ErrEnded
	if loaded != nil {
		err = s.sessions.End(ctx, loaded)
	}
	ended := errors.Is(err, adapter.ErrEnded)
	if ended { // End leaves a session that has another user by now
		_, err = s.sessions.Delete(ctx, key)
	}
	if err != nil {
		return failed("deleting a session", err)
	}
	if loaded != nil {
		r.setDeleted(key, deletion{session: loaded, ended: ended})
	}
	s.recent.forget(key)
	return nil
}

// Reset is ResetWithContext with the background context.
func (s *Storage) Reset() error { return s.ResetWithContext(context.Background()) }

// ResetWithContext ends all sessions of the partition, and calls the Reset of the former
// storage, if there is one. It returns [adapter.ErrNotListable] if the Store is no
// [bff.UserSessionLister]. If it fails, some sessions may have ended, and it can be repeated.
func (s *Storage) ResetWithContext(ctx context.Context) error {
	_, ctx = s.requestOf(ctx)
	lister, ok := s.cfg.Store.(bff.UserSessionLister)
	if !ok {
		return fmt.Errorf("fiberstore: %w", adapter.ErrNotListable)
	}
	if s.cfg.Migrating != nil {
		if err := s.cfg.Migrating.ResetWithContext(ctx); err != nil {
			return fmt.Errorf("fiberstore: resetting the former storage: %w", err)
		}
	}
	for row, err := range lister.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: s.cfg.Partition, OldestFirst: true}) {
		if err != nil {
			return failed("listing sessions", err)
		}
		if err := s.deleteRow(ctx, row.Key); err != nil {
			return failed("deleting a session", err)
		}
	}
	s.recent.forgetAll()
	return nil
}

func (s *Storage) deleteRow(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StoreTimeout)
	defer cancel()
	_, err := s.cfg.Store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key})
	return err
}

// Close does nothing: the application owns the Store and the former storage.
func (s *Storage) Close() error { return nil }
