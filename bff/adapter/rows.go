package adapter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/capability"
	"example.com/usersession/bff/internal/logoutnote"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/wait"
)

func (s *Sessions) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.StoreTimeout)
}

func (s *Sessions) now() time.Time { return s.cfg.Clock().UTC().Truncate(time.Microsecond) }

func (s *Sessions) rowKey(key string) bff.UserSessionKey {
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

// binding returns the binding of a row's payload, with the partition of the configuration.
func (s *Sessions) binding(row bff.UserSession) ticket.Binding {
	row.PartitionKey = s.cfg.Partition
	return ticket.BindingOf(row)
}

// newRow returns the row of a new session.
func (s *Sessions) newRow(key, subjectID, sessionID string, state State) (bff.UserSession, error) {
	if bff.ReservedSubject(state.SubjectID) {
		return bff.UserSession{}, fmt.Errorf("adapter: %w: the subject id looks like the hash of another one", bff.ErrInvalidSession)
	}
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

// attempts is the maximum number of attempts of a write that conflicts with other writers. Of n
// concurrent writers one succeeds in each round.
const attempts = 100

// giveWay waits before an attempt is repeated, longer after more attempts.
func giveWay(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	return wait.For(ctx, rand.N(time.Duration(min(attempt, 20))*time.Millisecond))
}

// removeLoaded deletes the row of a loaded session. It returns ErrEnded if the row is gone or
// is another user's by now. If another request has only saved other values, the row goes too.
func (s *Sessions) removeLoaded(ctx context.Context, loaded *Session) error {
	row := loaded.row(s.cfg.Partition)
	for i := range attempts {
		if err := giveWay(ctx, i); err != nil {
			return fmt.Errorf("adapter: deleting the former session: %w", err)
		}
		_, ended, err := capability.DeleteVersion(ctx, s.cfg.Store, row)
		if err != nil {
			return fmt.Errorf("adapter: deleting the former session: %w", err)
		}
		if ended {
			return nil
		}
		if row, err = s.reread(ctx, loaded.key, loaded); err != nil {
			return err
		}
	}
	return fmt.Errorf("adapter: deleting the former session: %w", bff.ErrSessionChanged)
}

// reread reads a session that another request has changed since it was loaded. It returns
// ErrEnded if the session is gone, or if its user or its session of the provider differs from
// those of each expected session.
func (s *Sessions) reread(ctx context.Context, key string, expected ...*Session) (bff.UserSession, error) {
	row, err := s.cfg.Store.GetUserSession(bff.WithFreshRead(ctx), s.rowKey(key))
	switch {
	case errors.Is(err, bff.ErrSessionNotFound):
		return row, ErrEnded
	case err != nil:
		return row, fmt.Errorf("adapter: reading a session that has changed: %w", err)
	}
	for _, e := range expected {
		sameSession := row.SessionID == e.SessionID || logoutnote.Local(row.SessionID) && logoutnote.Local(e.SessionID)
		if row.SubjectID == e.SubjectID && sameSession {
			row.PartitionKey, row.Key = s.cfg.Partition, key
			return row, nil
		}
	}
	return row, ErrEnded
}
