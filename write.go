package usersession

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"example.com/usersession/bff"
)

// errNothingUpdated means that an update found no row to change. It rolls back the update's
// transaction and never leaves the package.
var errNothingUpdated = errors.New("nothing updated")

// create makes one attempt to create a session.
func (s *GormStore) create(ctx context.Context, session bff.UserSession) error {
	err := s.tryInsert(ctx, session)
	if errors.Is(err, errConflict) {
		err = s.evictAndInsert(ctx, session, s.evictExpired, s.sql.deleteExpiredBySession, s.sql.deleteExpired)
	}
	if errors.Is(err, errConflict) {
		err = bff.ErrSessionExists
	}
	return err
}

// tryInsert inserts a session. It returns errConflict if a row has the session's key or its
// session id; a transaction of the application remains usable.
func (s *GormStore) tryInsert(ctx context.Context, session bff.UserSession) error {
	if err := session.Validate(); err != nil {
		return err
	}
	if s.conn.dialect.insertIgnore != "" || !s.conn.needsSavepoint() {
		return s.insert(ctx, s.conn, &s.sql.insert, &session)
	}
	return s.conn.withSavepoint(ctx, func(c *conn) error { return s.insert(ctx, c, &s.sql.insert, &session) })
}

// evictAndInsert evicts rows that conflict with a session and inserts the session, in one
// transaction. statements are the statements that evict runs. The INSERT does not ignore a
// conflict: its error tells a conflict with a session from an id that is taken.
func (s *GormStore) evictAndInsert(ctx context.Context, session bff.UserSession, evict func(context.Context, *conn, bff.UserSession) error, statements ...string) error {
	if err := s.conn.prepareFor(ctx, append(statements, s.sql.insertOrFail.setting(valuesOf(session)))...); err != nil {
		return err
	}
	return s.evictAndWrite(ctx,
		func(tx *conn) error { return evict(ctx, tx, session) },
		func(tx *conn) error { return s.insert(ctx, tx, &s.sql.insertOrFail, &session) })
}

// evictAndWrite runs evict and write in one transaction. If write still conflicts, it rolls the
// transaction back and returns errConflict.
func (s *GormStore) evictAndWrite(ctx context.Context, evict, write func(tx *conn) error) error {
	err := s.conn.transaction(ctx, func(tx *conn) error {
		if err := evict(tx); err != nil {
			return err
		}
		return write(tx)
	})
	if s.conn.isDuplicate(err) {
		return errConflict // some databases check unique indexes only at COMMIT
	}
	return err
}

// untilNoConflict repeats attempt while it returns errConflict, but only in a transaction
// of the application. Outside of one, run retries, with a pause and without locks.
func (s *GormStore) untilNoConflict(attempt func() error) error {
	err := attempt()
	for n := 1; s.conn.inTx && n < maxAttempts && errors.Is(err, errConflict); n++ {
		err = attempt()
	}
	return err
}

// insert inserts a session with the statement. It returns errConflict if a row has the key or
// the session id of the session.
func (s *GormStore) insert(ctx context.Context, c *conn, statement *setter, session *bff.UserSession) error {
	args := make([]any, 0, 8)
	args = append(args, session.PartitionKey, session.Key)
	values := valuesOf(*session)
	args = c.dialect.appendValues(args, values)
	return s.insertResult(c.exec(ctx, statement.setting(values), args...))
}

// insertResult returns the result of an INSERT: errConflict if a unique index refused the row.
func (s *GormStore) insertResult(rows int64, err error) error {
	if s.conn.isDuplicate(err) || err == nil && rows == 0 {
		return errConflict
	}
	return err
}

// evictExpired deletes the expired rows that have the key or the session id of a new
// session.
func (s *GormStore) evictExpired(ctx context.Context, tx *conn, session bff.UserSession) error {
	if err := s.evictExpiredRival(ctx, tx, session.PartitionKey, session.SessionID); err != nil {
		return err
	}
	args := append(tx.dialect.identityArgs(session.PartitionKey, session.Key), s.now())
	_, err := tx.execWhere(ctx, s.sql.deleteExpired, args...)
	return err
}

// evictExpiredRival deletes the expired row that has the session id, if there is one.
func (s *GormStore) evictExpiredRival(ctx context.Context, tx *conn, partitionKey, sessionID string) error {
	if sessionID == "" {
		return nil
	}
	args := append(tx.dialect.identityArgs(partitionKey, sessionID), s.now())
	_, err := tx.execWhere(ctx, s.sql.deleteExpiredBySession, args...)
	return err
}

// evictRivals deletes the row that has the session id, unless that row has the key.
func (s *GormStore) evictRivals(ctx context.Context, tx *conn, key bff.UserSessionKey, sessionID string) error {
	_, err := tx.execWhere(ctx, s.sql.deleteRivals, tx.dialect.identityArgs(key.PartitionKey, sessionID, key.Key)...)
	return err
}

// update makes one attempt to update a session.
func (s *GormStore) update(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if err := cmp.Or(key.Validate(), update.Validate()); err != nil {
		return err
	}
	err := s.updateOrEvict(ctx, key, update)
	switch {
	case errors.Is(err, errNothingUpdated):
		return s.whyNothingUpdated(ctx, key, update)
	case s.conn.matchesNothing(err):
		return s.whyIncomparable(ctx, key, err)
	default:
		return err
	}
}

// updateOrEvict updates a row. On a conflict it evicts the row that has the new session id
// if that row has expired or the update has ReplaceRivals.
func (s *GormStore) updateOrEvict(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	write := func(c *conn) error { return s.updateRow(ctx, c, key, update) }
	replaceRivals := update.ReplaceRivals && update.SessionID != ""
	if replaceRivals && s.conn.dialect.writableCTE {
		err := s.untilNoConflict(func() error {
			return s.conn.withSavepoint(ctx, func(c *conn) error { return s.updateEvicting(ctx, c, key, update) })
		})
		if !s.conn.dialect.refusesCTE(err) {
			return err
		}
	}
	err := s.conn.withSavepoint(ctx, write)
	switch {
	case !errors.Is(err, errConflict):
		return err
	case replaceRivals:
		evict := func(tx *conn) error { return s.evictRivals(ctx, tx, key, update.SessionID) }
		return s.untilNoConflict(func() error { return s.evictAndWrite(ctx, evict, write) })
	default:
		evict := func(tx *conn) error { return s.evictExpiredRival(ctx, tx, key.PartitionKey, update.SessionID) }
		err = s.evictAndWrite(ctx, evict, write)
		if errors.Is(err, errConflict) {
			err = bff.ErrSessionExists
		}
		return err
	}
}

// updateRow updates a row. It returns errConflict if another row has the new session id, and
// errNothingUpdated if there is no row to change.
func (s *GormStore) updateRow(ctx context.Context, c *conn, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	statement := &s.sql.update
	args := c.dialect.appendValues(make([]any, 0, 12), update)
	args = append(append(args, c.dialect.keyArgs(key)...), s.now())
	if update.IfVersion != 0 {
		statement, args = &s.sql.updateIf, append(args, update.IfVersion)
	}
	return s.updateResult(c.exec(ctx, statement.setting(update), args...))
}

// updateEvicting updates a row and evicts its rivals in one statement. It returns the
// errors of updateRow; errConflict means that another writer has added a rival in the meantime.
func (s *GormStore) updateEvicting(ctx context.Context, c *conn, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	statement := &s.sql.updateEvicting
	args := append(c.dialect.keyArgs(key), s.now())
	if update.IfVersion != 0 {
		statement, args = &s.sql.updateIfEvicting, append(args, update.IfVersion)
	}
	args = append(args, c.dialect.identityArgs(key.PartitionKey, update.SessionID)...)
	return s.updateResult(c.exec(ctx, statement.setting(update), c.dialect.appendValues(args, update)...))
}

// updateResult returns the result of an UPDATE of one row.
func (s *GormStore) updateResult(rows int64, err error) error {
	switch {
	case s.conn.isDuplicate(err):
		return errConflict
	case err == nil && rows == 0:
		return errNothingUpdated
	default:
		return err
	}
}

// whyNothingUpdated returns the error for an update that found no row to change:
// [bff.ErrSessionChanged] if the session is live and has another version. In a cluster the
// row can become visible between the update and this query: if the version is the expected
// one, errNotVisible makes run try again.
func (s *GormStore) whyNothingUpdated(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	reason := bff.ErrSessionNotFound
	if update.IfVersion == 0 {
		return reason
	}
	err := s.conn.eachRow(ctx, s.sql.version, append(s.conn.dialect.keyArgs(key), s.now()), func(rows *sql.Rows) error {
		var version int64
		err := rows.Scan(&version)
		if reason = bff.ErrSessionChanged; version == update.IfVersion {
			reason = errNotVisible
		}
		return err
	})
	if err != nil {
		return err
	}
	return reason
}

// whyIncomparable returns the error for an update that failed because the database's character
// set lacks a character of the key or of a new value. If the key has the character, no row can have
// that key, and the error is [bff.ErrSessionNotFound]. Otherwise it is cause, the database's error.
func (s *GormStore) whyIncomparable(ctx context.Context, key bff.UserSessionKey, cause error) error {
	reason := bff.ErrSessionNotFound
	err := s.conn.eachRow(ctx, s.sql.version, append(s.conn.dialect.keyArgs(key), s.now()), func(*sql.Rows) error {
		reason = cause
		return nil
	})
	if err != nil {
		return err
	}
	return reason
}
