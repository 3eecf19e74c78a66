package usersession

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"example.com/usersession/bff"
)

// put adds a session. If something is in its way, makeRoom deletes it; the deletion and
// the insertion, together tried as often as passes says, happen both or not at all.
// It returns errConflict if something is in the way even then.
func (s *GormStore) put(ctx context.Context, session bff.UserSession, passes int, makeRoom func(*gorm.DB, bff.UserSession) error) error {
	if err := session.Validate(); err != nil {
		return err
	}
	if inserted, err := s.insert(s.db(ctx), session); inserted || err != nil {
		return err
	}
	return s.transaction(ctx, func(tx *gorm.DB) error {
		for range passes {
			if err := makeRoom(tx, session); err != nil {
				return err
			}
			if inserted, err := s.insert(tx, session); inserted || err != nil {
				return err
			}
		}
		return errConflict
	})
}

// insert reports whether the session is in: if not, another one is in its way.
func (s *GormStore) insert(db *gorm.DB, session bff.UserSession) (bool, error) {
	result := db.Exec(s.sql.insert,
		session.PartitionKey, session.Key, session.SubjectID, session.SessionID,
		s.time(session.Created), s.time(session.Renewed), s.time(session.Expires), bytesOf(session.Ticket))
	if s.isDuplicate(result.Error) {
		return false, nil
	}
	return result.RowsAffected == 1, result.Error
}

// deleteRivals deletes what has the key or the session id of a session to come.
func (s *GormStore) deleteRivals(tx *gorm.DB, session bff.UserSession) error {
	if session.SessionID != "" {
		args := s.dialect.identities(session.PartitionKey, session.SessionID)
		if _, err := s.exec(tx, s.sql.deleteMany[bySession], args...); err != nil {
			return err
		}
	}
	_, err := s.exec(tx, s.sql.delete, s.dialect.identities(session.PartitionKey, session.Key)...)
	return err
}

// deleteExpiredRivals deletes those of them that have expired.
func (s *GormStore) deleteExpiredRivals(tx *gorm.DB, session bff.UserSession) error {
	if err := s.deleteExpiredSession(tx, session.PartitionKey, session.SessionID); err != nil {
		return err
	}
	args := append(s.dialect.identities(session.PartitionKey, session.Key), s.now())
	_, err := s.exec(tx, s.sql.deleteExpired, args...)
	return err
}

func (s *GormStore) deleteExpiredSession(tx *gorm.DB, partitionKey, sessionID string) error {
	if sessionID == "" {
		return nil
	}
	args := append(s.dialect.identities(partitionKey, sessionID), s.now())
	_, err := s.exec(tx, s.sql.deleteExpiredBySession, args...)
	return err
}

// update returns the number of rows that it changed, 0 or 1.
func (s *GormStore) update(db *gorm.DB, key bff.UserSessionKey, update bff.UserSessionUpdate) (int64, error) {
	statement := s.sql.update
	args := []any{
		update.SubjectID, update.SessionID,
		s.time(update.Created), s.time(update.Renewed), s.time(update.Expires), bytesOf(update.Ticket),
	}
	args = append(append(args, s.keyArgs(key)...), s.now())
	if update.IfVersion != 0 {
		statement, args = s.sql.updateIf, append(args, update.IfVersion)
	}
	return s.exec(db, statement, args...)
}

// whyNotUpdated tells apart, for an update that found nothing to change, a session
// that is not there from one that has moved on.
func (s *GormStore) whyNotUpdated(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	reason := bff.ErrSessionNotFound
	if update.IfVersion == 0 {
		return reason
	}
	err := s.eachRow(s.db(ctx), s.sql.version, append(s.keyArgs(key), s.now()), func(*sql.Rows) error {
		reason = bff.ErrSessionChanged
		return nil
	})
	if err != nil {
		return err
	}
	return reason
}
