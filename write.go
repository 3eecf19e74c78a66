package usersession

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"example.com/usersession/bff"
)

// errNothingUpdated rolls back the transaction of an update that has found no row to
// change. It never leaves the package.
var errNothingUpdated = errors.New("nothing updated")

// create makes one attempt to create a session.
func (s *GormStore) create(ctx context.Context, session bff.UserSession) error {
	err := s.insertOrEvict(ctx, session, func(insert func(*conn) error) error {
		return s.evictAndWrite(ctx, func(tx *conn) error { return s.evictExpired(ctx, tx, session) }, insert)
	})
	if errors.Is(err, errConflict) {
		err = bff.ErrSessionExists
	}
	return err
}

// replace makes one attempt to replace sessions by a new one. It returns errConflict if
// another writer causes a conflict during the replacement.
func (s *GormStore) replace(ctx context.Context, session bff.UserSession) error {
	return s.insertOrEvict(ctx, session, func(insert func(*conn) error) error {
		return s.untilNoConflict(func() error {
			return s.evictAndWrite(ctx, func(tx *conn) error { return s.evict(ctx, tx, session) }, insert)
		})
	})
}

// insertOrEvict inserts a session. On a conflict it returns the result of onConflict,
// which receives the insert to run it again.
func (s *GormStore) insertOrEvict(ctx context.Context, session bff.UserSession, onConflict func(insert func(*conn) error) error) error {
	if err := session.Validate(); err != nil {
		return err
	}
	insert := func(c *conn) error { return s.insert(ctx, c, session) }
	var err error
	if s.conn.dialect.insertIgnore != "" {
		err = insert(s.conn) // a conflict is no error of the database: no savepoint
	} else {
		err = s.conn.withSavepoint(ctx, insert)
	}
	if errors.Is(err, errConflict) {
		err = onConflict(insert)
	}
	return err
}

// evictAndWrite runs evict and write in one transaction. It returns errConflict, and
// nothing is done, if write still conflicts.
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

// insert returns errConflict if a row has the key or the session id of the session.
func (s *GormStore) insert(ctx context.Context, c *conn, session bff.UserSession) error {
	args := make([]any, 0, 8)
	args = append(args, session.PartitionKey, session.Key)
	values := bff.UserSessionUpdate{
		SubjectID: session.SubjectID, SessionID: session.SessionID,
		Created: session.Created, Renewed: session.Renewed, Expires: session.Expires, Ticket: session.Ticket,
	}
	args = c.dialect.appendValues(args, values)
	inserted, err := c.exec(ctx, s.sql.insert.setting(values), args...)
	if c.isDuplicate(err) || err == nil && inserted == 0 {
		return errConflict
	}
	return err
}

// evict deletes the rows that have the key or the session id of a new session.
func (s *GormStore) evict(ctx context.Context, tx *conn, session bff.UserSession) error {
	if session.SessionID != "" {
		args := tx.dialect.identityArgs(session.PartitionKey, session.SessionID)
		if _, err := tx.execWhere(ctx, s.sql.deleteMany[bySession], args...); err != nil {
			return err
		}
	}
	_, err := tx.execWhere(ctx, s.sql.delete, tx.dialect.identityArgs(session.PartitionKey, session.Key)...)
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

// update makes one attempt to update a session.
func (s *GormStore) update(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if err := cmp.Or(key.Validate(), update.Validate()); err != nil {
		return err
	}
	if update.SessionID == "" {
		update.ReplaceRivals = false // no other row can have the session id
	}
	write := func(c *conn) error { return s.updateRow(ctx, c, key, update) }
	var err error
	if update.ReplaceRivals && s.conn.dialect.writableCTE {
		// The statement evicts the rivals, too.
		err = s.untilNoConflict(func() error { return s.conn.withSavepoint(ctx, write) })
	} else {
		err = s.conn.withSavepoint(ctx, write)
		if errors.Is(err, errConflict) {
			err = s.updateAndEvict(ctx, key, update, write)
		}
	}
	if errors.Is(err, errNothingUpdated) {
		err = s.whyNothingUpdated(ctx, key, update)
	}
	return err
}

// updateAndEvict runs write in one transaction with the deletion of the row that has the
// new session id.
func (s *GormStore) updateAndEvict(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate, write func(tx *conn) error) error {
	if update.ReplaceRivals {
		return s.untilNoConflict(func() error {
			return s.evictAndWrite(ctx, func(tx *conn) error {
				args := append(tx.dialect.identityArgs(key.PartitionKey, update.SessionID), tx.dialect.keyArgs(key)...)
				_, err := tx.execWhere(ctx, s.sql.deleteRivals, args...)
				return err
			}, write)
		})
	}
	err := s.evictAndWrite(ctx, func(tx *conn) error {
		return s.evictExpiredRival(ctx, tx, key.PartitionKey, update.SessionID)
	}, write)
	if errors.Is(err, errConflict) {
		err = bff.ErrSessionExists
	}
	return err
}

// updateRow returns errConflict if another row has the new session id, and
// errNothingUpdated if there is no row to change.
func (s *GormStore) updateRow(ctx context.Context, c *conn, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	where := append(c.dialect.keyArgs(key), s.now())
	if update.IfVersion != 0 {
		where = append(where, update.IfVersion)
	}
	var args []any
	if update.ReplaceRivals && c.dialect.writableCTE {
		args = append(where, c.dialect.identityArgs(key.PartitionKey, update.SessionID)...)
		args = c.dialect.appendValues(args, update)
	} else {
		args = append(c.dialect.appendValues(make([]any, 0, 12), update), where...)
	}
	updated, err := c.execWhere(ctx, s.sql.updateFor(update, c.dialect.writableCTE), args...)
	switch {
	case c.isDuplicate(err):
		return errConflict
	case err == nil && updated == 0:
		return errNothingUpdated
	default:
		return err
	}
}

// whyNothingUpdated returns the error for an update that found no row to change:
// [bff.ErrSessionChanged] if the session is live, which then has another version.
func (s *GormStore) whyNothingUpdated(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	reason := bff.ErrSessionNotFound
	if update.IfVersion == 0 {
		return reason
	}
	err := s.conn.eachRow(ctx, s.sql.version, append(s.conn.dialect.keyArgs(key), s.now()), func(*sql.Rows) error {
		reason = bff.ErrSessionChanged
		return nil
	})
	if err != nil {
		return err
	}
	return reason
}
