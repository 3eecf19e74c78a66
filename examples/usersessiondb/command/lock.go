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

// lockTimeout is how long a host waits for another one that is migrating.
const lockTimeout = 5 * time.Minute

// lockerOf returns the lock that only one host at a time can hold. goose has none by
// default, and hosts that start at once then fail on each other's work.
func lockerOf(t *target) (goose.ProviderOption, error) {
	const seconds = uint64(lockTimeout / time.Second)
	switch t.dialect.Name {
	case "postgres":
		// It belongs to the session: behind pgbouncer connect to the server itself.
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

// A sqlServerLocker holds an application lock, which ends with the session at the latest.
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

// A sqliteLocker locks a file beside the database. It lets SQLite do that, so that the
// lock works on every system and ends with the process at the latest. A lock on the
// database itself would be in the way of the migrations, and of those who read.
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
	if path == "" { // in memory: nobody else has it
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
	// A file with a transaction of its own that failed in the middle leaves it open.
	// There is nothing to roll back otherwise, which is an error of no interest.
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA foreign_keys = %d", l.foreignKeys))
	return errors.Join(err, l.release())
}

func (l *sqliteLocker) release() error {
	if l.held == nil {
		return nil
	}
	err := errors.Join(l.held.Close(), l.pool.Close()) // which ends its transaction
	l.held, l.pool = nil, nil
	return err
}

// isBusy knows SQLite's own code, which the errors of the pure-Go drivers tell. With
// mattn/go-sqlite3 look at its Error.Code here; as it is, a host waits a second for others.
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
	return fmt.Errorf("wait for other hosts that are migrating: %w", err)
}

// A connector opens a database with a driver that is at hand.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }
