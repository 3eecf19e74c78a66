package adapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func (s *Sessions) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.StoreTimeout)
}

func (s *Sessions) now() time.Time { return s.cfg.Clock().UTC().Truncate(time.Microsecond) }

func (s *Sessions) storeKey(key string) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key}
}

// open opens the payload of a row that was read at the given time.
func (s *Sessions) open(row bff.UserSession, read time.Time) (*Session, error) {
	payload, err := ticket.OpenBytes(s.cfg.Protector, s.binding(row), row.Ticket)
	if err != nil {
		return nil, err
	}
	session := sessionOf(row, read)
	session.Payload = payload
	return session, nil
}

func sessionOf(row bff.UserSession, read time.Time) *Session {
	return &Session{
		SubjectID: row.SubjectID, SessionID: row.SessionID,
		Created: row.Created, Renewed: row.Renewed, Expires: row.Expires,
		key: row.Key, version: row.Version, read: read,
	}
}

// seal sets the ticket of a row.
func (s *Sessions) seal(row *bff.UserSession, payload []byte) error {
	sealed, err := ticket.SealBytes(s.cfg.Protector, s.binding(*row), payload)
	if err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	row.Ticket = sealed
	return nil
}

// binding binds a payload to its row, in the partition that is asked.
func (s *Sessions) binding(row bff.UserSession) ticket.Binding {
	row.PartitionKey = s.cfg.Partition
	return ticket.BindingOf(row)
}

// newRow returns the row of a new session.
func (s *Sessions) newRow(key, subjectID, sessionID string, state State) (bff.UserSession, error) {
	now := s.now()
	row := bff.UserSession{
		PartitionKey: s.cfg.Partition, Key: key, SubjectID: subjectID, SessionID: sessionID,
		Created: now, Renewed: now, Expires: expiry(state.Expires), Version: 1,
	}
	return row, s.seal(&row, state.Payload)
}

// expiry is a time as the store keeps it.
func expiry(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// attempts bounds how often a write is repeated that other writers conflict with.
const attempts = 16

// replace adds a row, and removes the session with the same session id.
func (s *Sessions) replace(ctx context.Context, row bff.UserSession) (err error) {
	if replacer, ok := s.cfg.Store.(bff.UserSessionReplacer); ok {
		return replacer.ReplaceUserSession(ctx, row)
	}
	for range attempts {
		if err = s.cfg.Store.CreateUserSession(ctx, row); !errors.Is(err, bff.ErrSessionExists) {
			return err
		}
		if _, err := s.cfg.Store.DeleteUserSessions(ctx, s.cfg.Partition, bff.UserSessionsFilter{SessionID: row.SessionID}); err != nil {
			return err
		}
	}
	return err
}

// removeLoaded deletes the row of a loaded session. It returns ErrEnded if the row is gone or
// is another user's by now. If another request has only saved other values, the row goes too.
func (s *Sessions) removeLoaded(ctx context.Context, loaded *Session) error {
	store, ok := s.cfg.Store.(bff.UserSessionVersionDeleter)
	version := loaded.version
	for range attempts {
		var n int64
		var err error
		if ok {
			n, err = store.DeleteUserSessionVersion(ctx, s.storeKey(loaded.key), version)
		} else {
			n, err = s.cfg.Store.DeleteUserSession(ctx, s.storeKey(loaded.key))
		}
		if err != nil {
			return fmt.Errorf("adapter: deleting the former session: %w", err)
		}
		if n > 0 {
			return nil
		}
		row, err := s.cfg.Store.GetUserSession(ctx, s.storeKey(loaded.key))
		switch {
		case errors.Is(err, bff.ErrSessionNotFound), err == nil && row.SubjectID != loaded.SubjectID:
			return ErrEnded
		case err != nil:
			return fmt.Errorf("adapter: reading the former session: %w", err)
		}
		version = row.Version
	}
	return fmt.Errorf("adapter: deleting the former session: %w", bff.ErrSessionChanged)
}
