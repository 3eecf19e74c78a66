package usersession

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

// A GormStore keeps user sessions in a database through GORM. It is safe for
// concurrent use, and does what package [example.com/usersession/bff] says of every
// store.
//
// It returns a database error without the database's own words, since they quote
// keys and tickets. [errors.Is] and [errors.As] find the driver's error behind it.
// Don't log that one.
type GormStore struct {
	config
	dialect *dialect
	sql     *statements

	single *gorm.DB // runs single statements
	plain  *gorm.DB // runs transactions
	inTx   bool     // whether both are a transaction of the application

	// Whether the server turned out to be too old to skip locked rows.
	noSkipLocked *atomic.Bool
}

var (
	_ bff.UserSessionStore        = (*GormStore)(nil)
	_ bff.UserSessionReplacer     = (*GormStore)(nil)
	_ bff.UserSessionLister       = (*GormStore)(nil)
	_ bff.UserSessionStoreCleanup = (*GormStore)(nil)
)

// NewGormStore returns a store that keeps its sessions through db. Make one and share
// it.
//
// It does no I/O, starts no goroutine and runs no DDL: the table must be there, made
// from [entities.UserSession]. The store honours what db carries (naming strategy,
// plugins, logger, clauses such as dbresolver.Write, an open transaction, which it
// then treats as [GormStore.WithTx] does) and never alters it. The database remains
// the caller's to close; there is nothing else to close.
func NewGormStore(db *gorm.DB, opts ...Option) (*GormStore, error) {
	if db == nil {
		return nil, errors.New("usersession: NewGormStore: the *gorm.DB is nil")
	}
	if db.Error != nil {
		return nil, fmt.Errorf("usersession: NewGormStore: the *gorm.DB has failed already: %w", db.Error)
	}
	if db.DryRun {
		return nil, errors.New("usersession: NewGormStore: a *gorm.DB in DryRun mode would keep nothing")
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if c.table == "" {
		model := &gorm.Statement{DB: db}
		if err := model.Parse(&entities.UserSession{}); err != nil {
			return nil, fmt.Errorf("usersession: NewGormStore: %w", err)
		}
		c.table = model.Schema.Table
	}
	s := &GormStore{config: c, dialect: dialectOf(db.Name()), noSkipLocked: new(atomic.Bool)}
	s.cleanupBatch = cmp.Or(s.cleanupBatch, s.dialect.cleanupBatch)
	s.sql = newStatements(db, s.dialect, s.config)
	s.use(db)
	if s.dialect.prepare && !s.unprepared && !s.inTx {
		s.single = s.handle(db, newPreparedPool(s.plain.Statement.ConnPool))
	}
	return s, nil
}

// WithTx returns a store that takes part in a transaction of the application: what it
// does is committed or rolled back together with everything else in tx, and the
// transaction remains the application's to end. It is cheap to make, and of no use
// after the transaction's end.
//
// The transaction must be one of the same kind of database. A conflict
// ([bff.ErrSessionExists], [bff.ErrSessionChanged] …) leaves it usable. A deadlock or
// a serialization failure does not, and is returned as it comes: what has to be tried
// again is the whole transaction, which only the application can do. A context that
// ends in the middle of a statement can cost the transaction, too.
func (s *GormStore) WithTx(tx *gorm.DB) *GormStore {
	joined := &GormStore{config: s.config, dialect: s.dialect, sql: s.sql, noSkipLocked: s.noSkipLocked}
	joined.use(tx)
	if name := tx.Name(); name != s.dialect.name {
		_ = joined.plain.AddError(fmt.Errorf("WithTx: a transaction of %s, the store is for %s", name, s.dialect.name))
	}
	return joined
}

// GetUserSession implements [bff.UserSessionStore].
func (s *GormStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (session bff.UserSession, err error) {
	err = s.run(ctx, "get user session", func() error {
		if key.Validate() != nil { // there can be no such session
			return bff.ErrSessionNotFound
		}
		found := false
		err := s.eachRow(ctx, s.single, s.sql.get, append(s.keyArgs(key), s.now()), func(rows *sql.Rows) error {
			found = true
			session.PartitionKey = key.PartitionKey
			return scanRow(rows, &session, &session.Ticket)
		})
		if err == nil && !found {
			err = bff.ErrSessionNotFound
		}
		return err
	})
	if err != nil {
		return bff.UserSession{}, err
	}
	return session, nil
}

// CreateUserSession implements [bff.UserSessionStore].
func (s *GormStore) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	return s.run(ctx, "create user session", func() error {
		err := s.put(ctx, session, 1, s.deleteExpiredRivals)
		if errors.Is(err, errConflict) {
			err = bff.ErrSessionExists
		}
		return err
	})
}

// ReplaceUserSession implements [bff.UserSessionReplacer].
func (s *GormStore) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	return s.run(ctx, "replace user session", func() error {
		passes := 1
		if s.inTx {
			// Outside, the transaction is given up and tried again as a whole, which
			// lets go of its locks in between. A caller's can't be given up.
			passes = maxAttempts
		}
		return s.put(ctx, session, passes, s.deleteRivals)
	})
}

// UpdateUserSession implements [bff.UserSessionStore].
func (s *GormStore) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	return s.run(ctx, "update user session", func() error {
		if err := cmp.Or(key.Validate(), update.Validate()); err != nil {
			return err
		}
		var updated int64
		write := func(db *gorm.DB) (err error) {
			updated, err = s.update(ctx, db, key, update)
			return err
		}
		err := s.shielded(ctx, true, write)
		if s.isDuplicate(err) {
			err = s.transaction(ctx, func(tx *gorm.DB) error {
				if err := s.deleteExpiredSession(ctx, tx, key.PartitionKey, update.SessionID); err != nil {
					return err
				}
				return write(tx)
			})
			if s.isDuplicate(err) {
				err = bff.ErrSessionExists
			}
		}
		if err == nil && updated == 0 {
			err = s.whyNotUpdated(ctx, key, update)
		}
		return err
	})
}

// DeleteUserSession implements [bff.UserSessionStore].
func (s *GormStore) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (deleted int64, err error) {
	err = s.run(ctx, "delete user session", func() (err error) {
		if key.Validate() != nil {
			return nil
		}
		deleted, err = s.execWhere(ctx, s.single, s.sql.delete, s.keyArgs(key)...)
		return err
	})
	return deleted, err
}

// GetUserSessions implements [bff.UserSessionStore].
func (s *GormStore) GetUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (sessions []bff.UserSession, err error) {
	err = s.run(ctx, "get user sessions", func() error {
		sessions = nil
		shape, args, err := s.filterArgs(partitionKey, filter)
		if err != nil || args == nil {
			return err
		}
		return s.eachRow(ctx, s.single, s.sql.list[shape], append(args, s.now()), func(rows *sql.Rows) error {
			session := bff.UserSession{PartitionKey: partitionKey}
			err := scanRow(rows, &session, &session.Ticket)
			sessions = append(sessions, session)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return sessions, nil
}

// DeleteUserSessions implements [bff.UserSessionStore].
func (s *GormStore) DeleteUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (deleted int64, err error) {
	err = s.run(ctx, "delete user sessions", func() error {
		shape, args, err := s.filterArgs(partitionKey, filter)
		if err != nil || args == nil {
			return err
		}
		deleted, err = s.execWhere(ctx, s.single, s.sql.deleteMany[shape], args...)
		return err
	})
	return deleted, err
}
