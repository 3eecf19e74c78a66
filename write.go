package usersession

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"example.com/usersession/bff"
)

// put adds a session. If something is in its way, makeRoom deletes it; the deletion and
// the insertion, together tried as often as passes says, happen both or not at all.
// It returns errConflict if something is in the way even then.
func (s *GormStore) put(ctx context.Context, session bff.UserSession, passes int, makeRoom func(context.Context, *gorm.DB, bff.UserSession) error) error {
	if err := session.Validate(); err != nil {
		return err
	}
	err := s.shielded(ctx, s.dialect.insertIgnore == "", func(db *gorm.DB) error { return s.insert(ctx, db, session) })
	if !errors.Is(err, errConflict) {
		return err
	}
	err = s.transaction(ctx, func(tx *gorm.DB) error {
		for range passes {
			if err := makeRoom(ctx, tx, session); err != nil {
				return err
			}
			if err := s.insert(ctx, tx, session); !errors.Is(err, errConflict) {
				return err
			}
		}
		return errConflict
	})
	if s.isDuplicate(err) {
		return errConflict // said by the COMMIT: some look at unique indexes only then
	}
	return err
}

// insert returns errConflict if another session is in the way.
func (s *GormStore) insert(ctx context.Context, db *gorm.DB, session bff.UserSession) error {
	args := make([]any, 0, 8)
	args = append(args, session.PartitionKey, session.Key)
	args = s.appendValues(args, bff.UserSessionUpdate{
		SubjectID: session.SubjectID, SessionID: session.SessionID,
		Created: session.Created, Renewed: session.Renewed, Expires: session.Expires, Ticket: session.Ticket,
	})
	inserted, err := exec(ctx, db, s.sql.insert.setting(session.SessionID, session.Expires), args...)
	if s.isDuplicate(err) || err == nil && inserted == 0 {
		return errConflict
	}
	return err
}

// appendValues appends the arguments for what a session can change. What is absent has
// none, see [setter]; a ticket never is.
func (s *GormStore) appendValues(args []any, values bff.UserSessionUpdate) []any {
	args = append(args, values.SubjectID)
	if values.SessionID != "" {
		args = append(args, values.SessionID)
	}
	args = append(args, s.instant(values.Created), s.instant(values.Renewed))
	if !values.Expires.IsZero() {
		args = append(args, s.instant(values.Expires))
	}
	if values.Ticket == nil {
		values.Ticket = []byte{}
	}
	return append(args, values.Ticket)
}

// deleteRivals deletes what has the key or the session id of a session to come.
func (s *GormStore) deleteRivals(ctx context.Context, tx *gorm.DB, session bff.UserSession) error {
	if session.SessionID != "" {
		args := s.dialect.identities(session.PartitionKey, session.SessionID)
		if _, err := s.execWhere(ctx, tx, s.sql.deleteMany[bySession], args...); err != nil {
			return err
		}
	}
	_, err := s.execWhere(ctx, tx, s.sql.delete, s.dialect.identities(session.PartitionKey, session.Key)...)
	return err
}

// deleteExpiredRivals deletes those of them that have expired.
func (s *GormStore) deleteExpiredRivals(ctx context.Context, tx *gorm.DB, session bff.UserSession) error {
	if err := s.deleteExpiredSession(ctx, tx, session.PartitionKey, session.SessionID); err != nil {
		return err
	}
	args := append(s.dialect.identities(session.PartitionKey, session.Key), s.now())
	_, err := s.execWhere(ctx, tx, s.sql.deleteExpired, args...)
	return err
}

func (s *GormStore) deleteExpiredSession(ctx context.Context, tx *gorm.DB, partitionKey, sessionID string) error {
	if sessionID == "" {
		return nil
	}
	args := append(s.dialect.identities(partitionKey, sessionID), s.now())
	_, err := s.execWhere(ctx, tx, s.sql.deleteExpiredBySession, args...)
	return err
}

// update returns the number of rows that it changed, 0 or 1.
func (s *GormStore) update(ctx context.Context, db *gorm.DB, key bff.UserSessionKey, update bff.UserSessionUpdate) (int64, error) {
	statement := &s.sql.update
	args := s.appendValues(make([]any, 0, 12), update)
	args = append(append(args, s.keyArgs(key)...), s.now())
	if update.IfVersion != 0 {
		statement, args = &s.sql.updateIf, append(args, update.IfVersion)
	}
	return s.execWhere(ctx, db, statement.setting(update.SessionID, update.Expires), args...)
}

// whyNotUpdated tells apart, for an update that found nothing to change, a session
// that is not there from one that has moved on.
func (s *GormStore) whyNotUpdated(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	reason := bff.ErrSessionNotFound
	if update.IfVersion == 0 {
		return reason
	}
	err := s.eachRow(ctx, s.single, s.sql.version, append(s.keyArgs(key), s.now()), func(*sql.Rows) error {
		reason = bff.ErrSessionChanged
		return nil
	})
	if err != nil {
		return err
	}
	return reason
}
