package usersession

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

// A GormStore keeps user sessions in a database through GORM. It is safe for concurrent
// use and fulfils the contract of package [example.com/usersession/bff].
//
// The texts of its errors do not contain the database's error texts, which quote keys and
// tickets. [errors.Is] and [errors.As] find the driver's error; do not log that error.
type GormStore struct {
	config
	sql  *statements
	conn *conn

	server *server
}

var (
	_ bff.UserSessionStore          = (*GormStore)(nil)
	_ bff.UserSessionReplacer       = (*GormStore)(nil)
	_ bff.UserSessionVersionDeleter = (*GormStore)(nil)
	_ bff.UserSessionLister         = (*GormStore)(nil)
	_ bff.UserSessionStoreCleanup   = (*GormStore)(nil)
)

// NewGormStore returns a store that keeps its sessions in the database of db. An
// application makes one store and shares it.
//
// NewGormStore does no I/O, starts no goroutine and runs no DDL: the table, made from
// [entities.UserSession], must exist. The store uses the naming strategy, plugins, logger
// and clauses (such as dbresolver.Write) of db and never changes db. If db is an open
// transaction, the store behaves as after [GormStore.WithTx]. The caller closes the
// database; the store has nothing to close.
//
// NewGormStore refuses a dialect whose database does not enforce unique indexes, such as
// ClickHouse. It does not recognise such a database behind the protocol of MySQL or
// PostgreSQL.
func NewGormStore(db *gorm.DB, opts ...Option) (*GormStore, error) {
	if db == nil {
		return nil, errors.New("usersession: NewGormStore: the *gorm.DB is nil")
	}
	if db.Error != nil {
		return nil, fmt.Errorf("usersession: NewGormStore: the *gorm.DB has an error: %w", db.Error)
	}
	if db.DryRun {
		return nil, errors.New("usersession: NewGormStore: the *gorm.DB is in DryRun mode, which stores nothing")
	}
	if slices.Contains(withoutUniqueIndexes, db.Name()) {
		return nil, fmt.Errorf("usersession: NewGormStore: %s does not enforce unique indexes, so two sessions could have one key, or one session id; use another database", db.Name())
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
	d := dialectOf(db.Name())
	c.cleanupBatch = cmp.Or(c.cleanupBatch, d.cleanupBatch)
	learned := new(server)
	s := &GormStore{config: c, sql: newStatements(db, d, c), conn: newConn(db, d, learned, c), server: learned}
	if d.prepare && !c.disablePrepare && !s.conn.inTx {
		s.conn.prepare(db, c)
	}
	return s, nil
}

// WithTx returns a store that takes part in a transaction of the application. Its writes
// are committed or rolled back together with everything else in tx; the application ends
// the transaction. The returned store is cheap to make and must not be used after the
// end of the transaction.
//
// The transaction must be on the same kind of database and not in DryRun mode: otherwise every
// operation of the returned store fails. A conflict ([bff.ErrSessionExists],
// [bff.ErrSessionChanged]) leaves the transaction usable. A deadlock or a serialization
// failure does not: the store returns the database's error, and the application must retry
// the whole transaction. A context that ends in the middle of a statement can also make the
// transaction unusable.
//
// In MySQL's Group Replication, with several members that write, a SAVEPOINT can hide that
// the server has rolled the transaction back: the COMMIT reports success, and the members
// then differ. There, the store sets no savepoint. If a unique index that the application has added
// conflicts after the store has deleted the sessions to be replaced, the error says that the
// transaction must be rolled back. GORM's nested transactions are savepoints, too.
//
// With some settings, an error ends the whole transaction. The application's earlier writes
// are then lost, although a COMMIT may report success. These settings are SQL Server's
// XACT_ABORT ON, with which a conflict ends the transaction too; innodb_rollback_on_timeout
// (error 1205); and REPEATABLE READ on MariaDB from 11.6 (error 1020). On MySQL and MariaDB
// the store's error says that the transaction has ended. Leave XACT_ABORT off, and after any
// database error roll the transaction back. On SQL Server use go-mssqldb 1.10 or later, which
// notices the end of a transaction.
//
// A [bff.ReadCache] does not see the writes of the transaction: call its Forget after the
// commit.
func (s *GormStore) WithTx(tx *gorm.DB) *GormStore {
	joined := &GormStore{
		config: s.config, sql: s.sql, conn: newConn(tx, s.conn.dialect, s.server, s.config), server: s.server,
	}
	if name := tx.Name(); name != s.conn.dialect.name {
		_ = joined.conn.direct.AddError(fmt.Errorf("%w: WithTx got a transaction on %s, the store is for %s", errSettings, name, s.conn.dialect.name))
	}
	if tx.DryRun {
		_ = joined.conn.direct.AddError(fmt.Errorf("%w: WithTx got a transaction in DryRun mode, which stores nothing", errSettings))
	}
	return joined
}

// GetUserSession implements [bff.UserSessionStore].
func (s *GormStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (session bff.UserSession, err error) {
	err = s.run(ctx, reads, "get user session", func() error {
		if key.Validate() != nil { // no session can have this key
			return bff.ErrSessionNotFound
		}
		found, way := false, s.conn.wayToRead(ctx)
		scanner := s.conn.dialect.newKeyScanner(key, way)
		err := s.conn.eachRow(ctx, s.sql.read[way].get, append(s.conn.dialect.keyArgs(key), s.now()), func(rows *sql.Rows) error {
			found = true
			return scanner.scan(rows)
		})
		if err == nil && !found {
			err = bff.ErrSessionNotFound
		}
		session = scanner.session
		return err
	})
	if err != nil {
		return bff.UserSession{}, err
	}
	return session, nil
}

// CreateUserSession implements [bff.UserSessionStore].
func (s *GormStore) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	return s.run(ctx, writes, "create user session", func() error { return s.create(ctx, session) })
}

// ReplaceUserSession implements [bff.UserSessionReplacer].
func (s *GormStore) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	return s.run(ctx, writes, "replace user session", func() error { return s.replace(ctx, session) })
}

// UpdateUserSession implements [bff.UserSessionStore].
func (s *GormStore) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	return s.run(ctx, writes, "update user session", func() error { return s.update(ctx, key, update) })
}

// DeleteUserSession implements [bff.UserSessionStore].
func (s *GormStore) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	return s.deleteKey(ctx, key, s.sql.delete)
}

// DeleteUserSessionVersion implements [bff.UserSessionVersionDeleter].
func (s *GormStore) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	return s.deleteKey(ctx, key, s.sql.deleteVersion, version)
}

// deleteKey runs a statement that deletes the row with the key. The statement's further
// arguments follow the key's arguments.
func (s *GormStore) deleteKey(ctx context.Context, key bff.UserSessionKey, statement string, args ...any) (deleted int64, err error) {
	err = s.run(ctx, writes, "delete user session", func() (err error) {
		if key.Validate() != nil { // no session can have this key
			return nil
		}
		deleted, err = s.conn.execWhere(ctx, statement, append(s.conn.dialect.keyArgs(key), args...)...)
		return err
	})
	return deleted, err
}

// GetUserSessions implements [bff.UserSessionStore].
func (s *GormStore) GetUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (sessions []bff.UserSession, err error) {
	err = s.run(ctx, reads, "get user sessions", func() error {
		sessions = nil
		if err := filter.Validate(); err != nil {
			return err
		}
		shape, args := s.conn.dialect.filterArgs(partitionKey, filter)
		if args == nil {
			return nil
		}
		way := s.conn.wayToRead(ctx)
		scanner := newScanner(partitionKey, way)
		return s.conn.eachRow(ctx, s.sql.read[way].list[shape], append(args, s.now()), func(rows *sql.Rows) error {
			err := scanner.scan(rows)
			sessions = append(sessions, scanner.session)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return sessions, nil
}

// DeleteUserSessions implements [bff.UserSessionStore]. If a foreign key or a trigger
// keeps a row, the other rows are deleted all the same, and the error says how many rows remain.
func (s *GormStore) DeleteUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (deleted int64, err error) {
	const operation = "delete user sessions"
	err = s.run(ctx, writes, operation, func() (err error) {
		if err := filter.Validate(); err != nil {
			return err
		}
		shape, args := s.conn.dialect.filterArgs(partitionKey, filter)
		if args == nil {
			return nil
		}
		deleted, err = s.conn.execWhere(ctx, s.sql.deleteMany[shape], args...)
		return err
	})
	if s.isUndeletable(err) {
		return s.deleteEach(ctx, operation, partitionKey, filter)
	}
	return deleted, err
}
