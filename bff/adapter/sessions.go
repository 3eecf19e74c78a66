package adapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/capability"
	"example.com/usersession/bff/internal/logoutnote"
	"example.com/usersession/bff/ticket"
)

// Load returns the live session with the secret. It returns [bff.ErrSessionNotFound] if there
// is none: the secret is unknown or empty, the session was ended or has expired, or its
// payload does not open with the Protector's keys. Every other error says nothing about the
// session: the store or the Protector is not available, or the context has ended.
func (s *Sessions) Load(ctx context.Context, secret string) (*Session, error) {
	if secret == "" {
		return nil, bff.ErrSessionNotFound
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	return s.load(ctx, KeyOf(secret))
}

// load reads the session with the key and opens its payload. Its errors are those of Load.
func (s *Sessions) load(ctx context.Context, key string) (*Session, error) {
	read := s.now()
	row, err := s.cfg.Store.GetUserSession(ctx, s.rowKey(key))
	if err != nil {
		return nil, err
	}
	row.Key = key // the payload must be bound to the requested key
	session, err := s.open(row, read)
	if errors.Is(err, ticket.ErrUnreadable) {
		return nil, fmt.Errorf("%w: %w", bff.ErrSessionNotFound, err)
	}
	return session, err
}

// Create adds a session under a secret that no other session has had: otherwise a request that
// has loaded the other session could save its values into the new session. If state has a session
// id, Create ends the former session that has the same session id. It returns
// [bff.ErrSessionExists] if a session has the secret already and state has no session id; with a
// session id, the store may replace that session. It returns [bff.ErrInvalidSession] if the store
// cannot keep the identity.
//
// continued is the session that the new session continues under a new secret, if the library has
// already deleted it with [Sessions.Delete]; otherwise it is nil. With continued, Create returns
// [ErrEnded] if the user's sessions were ended after continued was loaded, by a back-channel
// logout, [Sessions.EndSession] or [Sessions.EndSessions]. Prefer [Sessions.Rotate], which also
// notices a session that was deleted in any other way.
func (s *Sessions) Create(ctx context.Context, secret string, state State, continued *Session) (*Session, error) {
	if secret == "" {
		return nil, errNoSecret
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	subjectID, sessionID := identify(state.Identity, continued)
	row, err := s.newRow(KeyOf(secret), subjectID, sessionID, state)
	if err != nil {
		return nil, err
	}
	if state.SessionID == "" {
		err = s.cfg.Store.CreateUserSession(ctx, row)
	} else {
		err = capability.Replace(ctx, s.cfg.Store, row)
	}
	if err != nil {
		return nil, fmt.Errorf("adapter: creating a session: %w", err)
	}
	return s.afterWrite(ctx, row, state, continued)
}

// Save writes a loaded session back, with a new identity if the identity has changed. It only
// ever updates: if the session is gone, or has another user by now, Save returns [ErrEnded] and
// writes nothing. Of concurrent saves the last one wins. If the session id is new, Save ends the
// former session that has the same session id.
func (s *Sessions) Save(ctx context.Context, loaded *Session, state State) (*Session, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	subjectID, sessionID := identify(state.Identity, loaded)
	row, err := s.newRow(loaded.key, subjectID, sessionID, state)
	if err != nil {
		return nil, err
	}
	row.Created, row.Version = loaded.Created, loaded.version
	if err := s.update(ctx, &row, loaded); err != nil {
		return nil, err
	}
	return s.afterWrite(ctx, row, state, loaded)
}

// update writes the row of a loaded session, also over values that another request has saved.
func (s *Sessions) update(ctx context.Context, row *bff.UserSession, loaded *Session) error {
	for i := range attempts {
		if err := giveWay(ctx, i); err != nil {
			return fmt.Errorf("adapter: saving a session: %w", err)
		}
		err := s.cfg.Store.UpdateUserSession(ctx, s.rowKey(row.Key), bff.UserSessionUpdate{
			SubjectID: row.SubjectID, SessionID: row.SessionID, Renewed: row.Renewed, Expires: row.Expires,
			Ticket: row.Ticket, IfVersion: row.Version, ReplaceRivals: row.SessionID != loaded.SessionID,
		})
		switch {
		case err == nil:
			row.Version++
			return nil
		case errors.Is(err, bff.ErrSessionNotFound):
			return ErrEnded
		case !errors.Is(err, bff.ErrSessionChanged) && !errors.Is(err, bff.ErrSessionExists):
			return fmt.Errorf("adapter: saving a session: %w", err)
		}
		present, err := s.reread(ctx, row.Key, loaded, sessionOf(*row, time.Time{}))
		if err != nil {
			return err
		}
		row.Version = present.Version
	}
	return fmt.Errorf("adapter: saving a session: %w", bff.ErrSessionChanged)
}

// Renew extends a loaded session to the given end, without changing it. It writes only if less
// than half of the time to the new end would remain, so that a session with an idle timeout
// is written at most once in half of the timeout. If another request has saved the session
// since it was loaded, Renew leaves the other's values and end as they are. It returns
// [ErrEnded] if it has to write and the session is gone.
func (s *Sessions) Renew(ctx context.Context, loaded *Session, expires time.Time) (*Session, error) {
	if !s.renewalDue(loaded, expiry(expires)) {
		return loaded, nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	row, err := s.newRow(loaded.key, loaded.SubjectID, loaded.SessionID, State{Payload: loaded.Payload, Expires: expires})
	if err != nil {
		return nil, err
	}
	err = s.cfg.Store.UpdateUserSession(ctx, s.rowKey(row.Key), bff.UserSessionUpdate{
		SubjectID: row.SubjectID, SessionID: row.SessionID, Renewed: row.Renewed, Expires: row.Expires,
		Ticket: row.Ticket, IfVersion: loaded.version,
	})
	switch {
	case errors.Is(err, bff.ErrSessionChanged):
		if _, err := s.reread(ctx, loaded.key, loaded); err != nil {
			return nil, err
		}
		return loaded, nil
	case errors.Is(err, bff.ErrSessionNotFound):
		return nil, ErrEnded
	case err != nil:
		return nil, fmt.Errorf("adapter: renewing a session: %w", err)
	}
	row.Created, row.Version = loaded.Created, loaded.version+1
	session := sessionOf(row, s.now())
	session.Payload = loaded.Payload
	return session, nil
}

func (s *Sessions) renewalDue(loaded *Session, expires time.Time) bool {
	if expires.IsZero() || loaded.Expires.IsZero() {
		return !expires.Equal(loaded.Expires)
	}
	now := s.now()
	return expires.Before(loaded.Expires) || loaded.Expires.Sub(now) < expires.Sub(now)/2
}

// Rotate continues a loaded session under a new secret: at sign-in, so that the former secret
// gives no access to the new session. The session of a user continues only if this call has ended
// the former session: if the former session is gone, or has another user by now, Rotate returns
// [ErrEnded]. Of concurrent rotations one succeeds. An anonymous session may be gone, since it
// carries no user's rights: a double click on a sign-in button does not fail.
func (s *Sessions) Rotate(ctx context.Context, loaded *Session, secret string, state State) (*Session, error) {
	if secret == "" {
		return nil, errNoSecret
	}
	if loaded.Anonymous() {
		return s.rotateAnonymous(ctx, loaded, secret, state)
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	subjectID, sessionID := identify(state.Identity, nil)
	// The new session exists before the former session is deleted, so that a revocation by user
	// always finds one of them. Until the deletion the new session has a session id of its own,
	// because the former session may have the same session id.
	first := sessionID
	if state.SessionID != "" {
		first = logoutnote.LocalPrefix + NewSecret()
	}
	row, err := s.newRow(KeyOf(secret), subjectID, first, state)
	if err != nil {
		return nil, err
	}
	final := row
	final.SessionID = sessionID
	if err := final.Validate(); err != nil { // before the former session is deleted
		return nil, fmt.Errorf("adapter: rotating a session: %w", err)
	}
	if err := s.cfg.Store.CreateUserSession(ctx, row); err != nil {
		return nil, fmt.Errorf("adapter: rotating a session: %w", err)
	}
	if err := s.removeLoaded(ctx, loaded); err != nil {
		return nil, s.undo(ctx, row, err)
	}
	if first != sessionID {
		row.SessionID = sessionID
		if err := s.seal(&row, state.Payload); err != nil {
			return nil, s.undo(ctx, row, err)
		}
		if err := s.update(ctx, &row, &Session{SubjectID: subjectID, SessionID: first}); err != nil {
			return nil, s.undo(ctx, row, err)
		}
	}
	return s.afterWrite(ctx, row, state, loaded)
}

// rotateAnonymous rotates a session without a user: it creates the new session and then deletes the
// loaded one. A loaded session that has ended is no error.
func (s *Sessions) rotateAnonymous(ctx context.Context, loaded *Session, secret string, state State) (*Session, error) {
	session, err := s.Create(ctx, secret, state, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	if err := s.removeLoaded(ctx, loaded); err != nil && !errors.Is(err, ErrEnded) {
		return nil, s.undo(ctx, bff.UserSession{Key: session.key}, err)
	}
	return session, nil
}

// Delete ends the session with the secret, live or expired. It reports whether there was one.
// A session that is not there is no error.
func (s *Sessions) Delete(ctx context.Context, secret string) (bool, error) {
	if secret == "" {
		return false, nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	n, err := s.cfg.Store.DeleteUserSession(ctx, s.rowKey(KeyOf(secret)))
	if err != nil {
		return false, fmt.Errorf("adapter: deleting a session: %w", err)
	}
	return n > 0, nil
}

// Remove ends a session that was read before. It reports whether it was there.
func (s *Sessions) Remove(ctx context.Context, session *Session) (bool, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	n, err := s.cfg.Store.DeleteUserSession(ctx, s.rowKey(session.key))
	if err != nil {
		return false, fmt.Errorf("adapter: deleting a session: %w", err)
	}
	return n > 0, nil
}

// End removes a loaded session under the condition of [Sessions.Rotate]: if the session is gone,
// or has another user by now, End returns [ErrEnded] and removes nothing. Of concurrent calls one
// succeeds. It is for a library that deletes the former session of a rotation before it saves
// the new session.
func (s *Sessions) End(ctx context.Context, loaded *Session) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	return s.removeLoaded(ctx, loaded)
}

// afterWrite returns the session after its row was written. If the user has been signed out in the
// meantime, it deletes the row and returns ErrEnded. If that cannot be checked, it undoes the
// write: an updated row gets its former values back, and a new row is deleted.
func (s *Sessions) afterWrite(ctx context.Context, row bff.UserSession, state State, former *Session) (*Session, error) {
	ended, err := s.endedMeanwhile(ctx, row, state, former)
	if err == nil && ended {
		err = ErrEnded
	}
	if err != nil && !ended && former != nil && former.key == row.Key {
		return nil, s.restore(ctx, row, former, err)
	}
	if err != nil {
		return nil, s.undo(ctx, row, err)
	}
	session := sessionOf(row, s.now())
	session.Payload = state.Payload
	return session, nil
}

// restore writes a session's former values back after a sign-in that could not be checked. It
// returns the reason.
func (s *Sessions) restore(ctx context.Context, row bff.UserSession, former *Session, reason error) error {
	ctx, cancel := s.withTimeout(context.WithoutCancel(ctx))
	defer cancel()
	back := former.row(s.cfg.Partition)
	err := s.seal(&back, former.Payload)
	if err == nil {
		err = s.cfg.Store.UpdateUserSession(ctx, s.rowKey(row.Key), bff.UserSessionUpdate{
			SubjectID: back.SubjectID, SessionID: back.SessionID, Renewed: back.Renewed, Expires: back.Expires,
			Ticket: back.Ticket, IfVersion: row.Version,
		})
	}
	if err == nil || errors.Is(err, bff.ErrSessionNotFound) || errors.Is(err, bff.ErrSessionChanged) {
		return reason
	}
	return errors.Join(reason, fmt.Errorf("adapter: restoring the session: %w", err))
}

// undo deletes a session that was written and must not stay. It returns the reason.
func (s *Sessions) undo(ctx context.Context, row bff.UserSession, reason error) error {
	ctx, cancel := s.withTimeout(context.WithoutCancel(ctx))
	defer cancel()
	if _, err := s.cfg.Store.DeleteUserSession(ctx, s.rowKey(row.Key)); err != nil {
		return errors.Join(reason, fmt.Errorf("adapter: deleting the session again: %w", err))
	}
	return reason
}
