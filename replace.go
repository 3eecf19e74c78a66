package usersession

import (
	"context"
	"errors"

	"example.com/usersession/bff"
)

// replace makes one attempt to replace sessions by a new one. It returns errConflict if
// another writer causes a conflict during the replacement.
func (s *GormStore) replace(ctx context.Context, session bff.UserSession) error {
	if s.conn.dialect.writableCTE {
		if err := s.replaceInOneStatement(ctx, session); !s.conn.dialect.refusesCTE(err) {
			return err
		}
	}
	if err := session.Validate(); err != nil {
		return err
	}
	err := errConflict
	if s.conn.inTx || s.server.conflicts.Load() < manyConflicts {
		err = s.tryInsert(ctx, session)
		s.countConflict(errors.Is(err, errConflict))
	}
	if errors.Is(err, errConflict) {
		err = s.evictAndInsert(ctx, session, s.evictOne, s.sql.deleteMany[bySession], s.sql.delete)
	}
	if errors.Is(err, errConflict) {
		err = s.untilNoConflict(func() error { return s.evictAndInsert(ctx, session, s.evict) })
	}
	return err
}

// manyConflicts is the number of successive replacements with a conflict after which replace
// expects that the next session conflicts, too, and leaves out the first INSERT. A wrong
// expectation costs more than a right one saves.
const manyConflicts = 8

// countConflict counts successive replacements that found a conflicting session.
func (s *GormStore) countConflict(found bool) {
	if !found {
		s.server.conflicts.Store(0)
	} else if s.server.conflicts.Load() < manyConflicts {
		s.server.conflicts.Add(1)
	}
}

// replaceInOneStatement evicts the conflicting rows and inserts the session in one statement, so
// that a host that stops between two statements cannot hold locks.
func (s *GormStore) replaceInOneStatement(ctx context.Context, session bff.UserSession) error {
	if err := session.Validate(); err != nil {
		return err
	}
	if !s.conn.inTx {
		return s.insertEvicting(ctx, s.conn, &session)
	}
	return s.untilNoConflict(func() error {
		return s.conn.withSavepoint(ctx, func(c *conn) error { return s.insertEvicting(ctx, c, &session) })
	})
}

// insertEvicting evicts the rows that conflict with the session and inserts the session, in one
// statement.
func (s *GormStore) insertEvicting(ctx context.Context, c *conn, session *bff.UserSession) error {
	args := make([]any, 0, 18)
	args = append(args, c.dialect.keyArgs(keyOf(*session))...)
	if session.SessionID != "" {
		args = append(args, c.dialect.identityArgs(session.PartitionKey, session.SessionID, session.Key)...)
	}
	values := valuesOf(*session)
	args = c.dialect.appendValues(append(args, session.PartitionKey, session.Key), values)
	return s.insertResult(c.exec(ctx, s.sql.insertEvicting.setting(values), args...))
}

// evictOne deletes the row that has the session id of a new session or, if there is no such
// row, the row that has its key. Two different rows are rare: evict deletes both.
func (s *GormStore) evictOne(ctx context.Context, tx *conn, session bff.UserSession) error {
	evicted, err := s.evictSessionID(ctx, tx, session)
	if err == nil && evicted == 0 {
		evicted, err = s.evictKey(ctx, tx, session)
	}
	if err == nil && evicted == 0 {
		s.countConflict(false)
	}
	return err
}

// evict deletes the rows that have the key or the session id of a new session.
func (s *GormStore) evict(ctx context.Context, tx *conn, session bff.UserSession) error {
	_, err := s.evictSessionID(ctx, tx, session)
	if err == nil {
		_, err = s.evictKey(ctx, tx, session)
	}
	return err
}

// evictSessionID deletes the row that has the session id of a new session.
func (s *GormStore) evictSessionID(ctx context.Context, tx *conn, session bff.UserSession) (evicted int64, err error) {
	if session.SessionID == "" {
		return 0, nil
	}
	return tx.execWhere(ctx, s.sql.deleteMany[bySession], tx.dialect.identityArgs(session.PartitionKey, session.SessionID)...)
}

// evictKey deletes the row that has the key of a new session.
func (s *GormStore) evictKey(ctx context.Context, tx *conn, session bff.UserSession) (evicted int64, err error) {
	return tx.execWhere(ctx, s.sql.delete, tx.dialect.keyArgs(keyOf(session))...)
}
