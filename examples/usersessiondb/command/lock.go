package command

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// lockTimeout limits the wait for another host that is migrating.
const lockTimeout = 5 * time.Minute

// lockerOf returns a lock that only one host at a time can hold. goose has none by default:
// hosts that migrate at the same time would then fail with conflicts.
func lockerOf(t *target) (goose.ProviderOption, error) {
	const seconds = uint64(lockTimeout / time.Second)
	switch t.dialect.Name {
	case "postgres":
		// The advisory lock belongs to the session. With pgbouncer in transaction mode,
		// connect to the server directly.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, seconds))
		if err != nil {
			return nil, err
		}
		return goose.WithSessionLocker(locker), nil
	case "mysql":
		locker, err := lock.NewMySQLTableLocker(lock.WithTableLockTimeout(time.Second, seconds))
		if err != nil {
			return nil, err
		}
		return goose.WithLocker(locker), nil
	case "sqlserver":
		return goose.WithSessionLocker(sqlServerLocker{}), nil
	case "sqlite":
		return goose.WithSessionLocker(&sqliteLocker{driver: t.pool.Driver()}), nil
	default:
		return nil, fmt.Errorf("there is no lock for %s", t.dialect.Name)
	}
}

// A sqlServerLocker holds an application lock. SQL Server releases it at the latest when the
// session ends.
type sqlServerLocker struct{}

const lockName = "usersessiondb"

func (sqlServerLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var result int
	err := conn.QueryRowContext(ctx, "DECLARE @result int; EXEC @result = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = @p2; SELECT @result",
		lockName, lockTimeout.Milliseconds()).Scan(&result)
	if err == nil && result < 0 {
		err = fmt.Errorf("sp_getapplock returned %d", result)
	}
	return lockError(err)
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
		return lockError(err)
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&l.foreignKeys); err != nil {
		return lockError(err)
	}
	if path == "" { // in memory, so no other process uses it
		return nil
	}
	l.pool = sql.OpenDB(connector{l.driver, "file:" + path + ".migrate-lock"})
	held, err := l.pool.Conn(ctx)
	if err != nil {
		return lockError(errors.Join(err, l.pool.Close()))
	}
	l.held = held
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
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
	return lockError(errors.Join(err, l.release()))
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

func lockError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("wait for another host that is migrating: %w", err)
}

// A connector opens a DSN with a given driver, which need not be registered under a known
// name.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }
