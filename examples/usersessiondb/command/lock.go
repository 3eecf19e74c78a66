package command

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3/lock"
)

// maxWait limits the wait for another host that is migrating. It has nothing to do with the
// flag -lock-timeout, which limits the waits of a migration's statements.
const maxWait = 5 * time.Minute

// The names of the lock, which are the project's own: an application that migrates with goose
// in the same database does not wait for it.
const (
	lockID    = 0x7573657273657373 // PostgreSQL: "usersess"
	lockTable = "usersession_schema_lock"
	lockName  = "usersessiondb"
)

// lease is the time for which the lock on MySQL stays with a process that was killed.
const lease = 30 * time.Second

// lockerOf returns a lock that only one host at a time can hold. goose has none by default:
// hosts that migrate at the same time would then fail with conflicts.
func lockerOf(t *target) (lock.SessionLocker, error) {
	const seconds = uint64(maxWait / time.Second)
	switch t.dialect.Name {
	case "postgres":
		// The advisory lock belongs to the session. With pgbouncer in transaction mode,
		// connect to the server directly.
		return lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, seconds))
	case "mysql":
		// GET_LOCK would be free at once when its process ends, and a lease only some
		// seconds later. But GET_LOCK holds on one node only, and Percona's cluster
		// refuses it, whereas a row is locked for all nodes of Galera or Group
		// Replication. A host that is suspended for longer than the lease loses the lock
		// without notice.
		locker, err := lock.NewMySQLTableLocker(lock.WithTableName(lockTable), lock.WithTableLeaseDuration(lease), lock.WithTableLockTimeout(time.Second, seconds))
		return mysqlLocker{locker, t.pool}, err
	case "sqlserver":
		return sqlServerLocker{}, nil
	case "sqlite":
		return &sqliteLocker{driver: t.pool.Driver()}, nil
	default:
		return nil, fmt.Errorf("there is no lock for %s", t.dialect.Name)
	}
}

// scriptLock is the name of the lock that a script holds on MySQL.
const scriptLock = "CONCAT('usersession.', LEFT(SHA2(DATABASE(), 256), 40))"

// A mysqlLocker holds goose's lease on other connections of the pool, which renew it, and the
// lock of a script on its own connection.
type mysqlLocker struct {
	locker lock.Locker
	pool   *sql.DB
}

// createLock creates goose's table. goose itself does so without IF NOT EXISTS: if that happens on
// several members of Group Replication at once, all but one leave the group.
const createLock = "CREATE TABLE IF NOT EXISTS " + lockTable + ` (
	lock_id BIGINT NOT NULL PRIMARY KEY, locked BOOLEAN NOT NULL DEFAULT 0, locked_at DATETIME(6) NULL,
	locked_by TEXT NULL, lease_expires_at DATETIME(6) NULL, updated_at DATETIME(6) NULL)`

func (l mysqlLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var tables int
	err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '"+lockTable+"'").Scan(&tables)
	if err == nil && tables == 0 {
		_, err = conn.ExecContext(ctx, createLock)
	}
	if err != nil {
		return fmt.Errorf("create the table of the lock: %w", err)
	}
	if err := lockScripts(ctx, conn); err != nil {
		return err
	}
	if err := l.locker.Lock(ctx, l.pool); err != nil {
		return errors.Join(err, unlockScripts(context.WithoutCancel(ctx), conn))
	}
	return nil
}

func (l mysqlLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	return errors.Join(l.locker.Unlock(ctx, l.pool), unlockScripts(ctx, conn))
}

// lockScripts waits until no script runs on the server. A server that refuses the lock, as
// some clusters do, refuses scripts too.
func lockScripts(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullBool
	err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+scriptLock+", ?)", maxWait.Seconds()).Scan(&got)
	switch {
	case mysqlNumber(err) != 0:
		return nil
	case err == nil && !got.Bool:
		return errors.New("the lock of a script was not free in time")
	}
	return err
}

func unlockScripts(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+scriptLock+")")
	return err
}

// A sqlServerLocker holds an application lock. SQL Server releases it at the latest when the
// session ends.
type sqlServerLocker struct{}

func (sqlServerLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var result int
	err := conn.QueryRowContext(ctx, "DECLARE @result int; EXEC @result = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = @p2; SELECT @result",
		lockName, maxWait.Milliseconds()).Scan(&result)
	if err == nil && result < 0 {
		err = fmt.Errorf("sp_getapplock returned %d", result)
	}
	return err
}

func (sqlServerLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "EXEC sp_releaseapplock @Resource = @p1, @LockOwner = 'Session'", lockName)
	return err
}

// A sqliteLocker locks a file beside the database. The file is a SQLite database itself, on
// which the locker holds an exclusive transaction: so the lock works on every operating
// system, and is released at the latest when the process ends. A lock on the database itself
// would block the migrations and all readers.
type sqliteLocker struct {
	driver driver.Driver

	pool        *sql.DB
	held        *sql.Conn
	foreignKeys int
}

func (l *sqliteLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var path string
	if err := conn.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&l.foreignKeys); err != nil {
		return err
	}
	if path == "" { // in memory, so no other process uses it
		return nil
	}
	l.pool = sql.OpenDB(connector{l.driver, "file:" + path + ".migrate-lock"})
	held, err := l.pool.Conn(ctx)
	if err != nil {
		return errors.Join(err, l.pool.Close())
	}
	l.held = held
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	_, err = held.ExecContext(ctx, "PRAGMA busy_timeout = 1000")
	for err == nil {
		if _, err = held.ExecContext(ctx, "BEGIN EXCLUSIVE"); err == nil {
			return nil
		}
		if isBusy(err) && ctx.Err() == nil {
			err = nil
		}
	}
	return errors.Join(err, l.release())
}

func (l *sqliteLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	// A migration that begins its own transaction and fails leaves it open. In all other
	// cases ROLLBACK fails because there is no transaction, so its error is ignored.
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA foreign_keys = %d", l.foreignKeys))
	return errors.Join(err, l.release())
}

func (l *sqliteLocker) release() error {
	if l.held == nil {
		return nil
	}
	err := errors.Join(l.held.Close(), l.pool.Close()) // which rolls back its transaction
	l.held, l.pool = nil, nil
	return err
}

// isBusy reports whether the error has SQLite's code for a locked database. The errors of
// the pure-Go drivers have a method for it. With mattn/go-sqlite3, compare its Error.Code
// here: otherwise SessionLock fails after the first busy_timeout of one second.
func isBusy(err error) bool {
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	return ok && coded.Code()&0xff == 5
}

// A connector opens a DSN with a given driver, which need not be registered under a known
// name.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }
