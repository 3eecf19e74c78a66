package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// maxLimit is the maximum of PostgreSQL and SQLite, which count milliseconds in 31 bits.
const maxLimit = 596 * time.Hour

// limitLocks limits how long a statement of the connection waits for a lock. 0 is no limit.
// The returned function restores the former limit.
func limitLocks(ctx context.Context, conn *sql.Conn, dialect string, limit time.Duration) (restore func(context.Context) error, err error) {
	milliseconds, seconds := limit.Milliseconds(), int64((limit+time.Second-1)/time.Second)
	var former, set string
	var values [2]any
	switch dialect {
	case "postgres":
		former = "SELECT current_setting('lock_timeout'), ''"
		set, values = "SET lock_timeout = '%[1]v'", [2]any{milliseconds}
	case "mysql":
		// For the locks of tables and of rows, in seconds. Both have a maximum, and 0 does
		// not mean that there is no limit.
		if limit == 0 {
			seconds = 365 * 24 * 60 * 60
		}
		former = "SELECT @@SESSION.lock_wait_timeout, @@SESSION.innodb_lock_wait_timeout"
		set, values = "SET SESSION lock_wait_timeout = %v, SESSION innodb_lock_wait_timeout = %v", [2]any{seconds, seconds}
	case "sqlserver":
		if limit == 0 {
			milliseconds = -1
		}
		former = "SELECT @@LOCK_TIMEOUT, 0"
		set, values = "SET LOCK_TIMEOUT %[1]v", [2]any{milliseconds}
	case "sqlite":
		if limit == 0 {
			milliseconds = 1<<31 - 1
		}
		former = "SELECT timeout, 0 FROM pragma_busy_timeout"
		set, values = "PRAGMA busy_timeout = %[1]v", [2]any{milliseconds}
	}
	var before [2]string
	if err := conn.QueryRowContext(ctx, former).Scan(&before[0], &before[1]); err != nil {
		return nil, fmt.Errorf("read the lock timeout: %w", err)
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(set, values[:]...)); err != nil {
		return nil, fmt.Errorf("set the lock timeout: %w", err)
	}
	return func(ctx context.Context) error {
		_, err := conn.ExecContext(ctx, fmt.Sprintf(set, before[0], before[1]))
		return err
	}, nil
}

// isLockTimeout reports whether the database refused a lock because it was not free in time.
// It compares codes, without importing the drivers.
func isLockTimeout(err error, dialect string) bool {
	switch dialect {
	case "postgres":
		coded, ok := errors.AsType[interface {
			error
			SQLState() string
		}](err)
		return ok && coded.SQLState() == "55P03"
	case "mysql":
		return mysqlNumber(err) == 1205
	case "sqlserver":
		coded, ok := errors.AsType[interface {
			error
			SQLErrorNumber() int32
		}](err)
		return ok && coded.SQLErrorNumber() == 1222
	default:
		return isBusy(err)
	}
}

// mysqlNumber returns the number of the first error of MySQL in the tree of err, or 0.
func mysqlNumber(err error) uint64 {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() == reflect.Struct {
		if number := v.FieldByName("Number"); number.IsValid() && number.CanUint() {
			return number.Uint()
		}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return mysqlNumber(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, each := range wrapper.Unwrap() {
			if number := mysqlNumber(each); number != 0 {
				return number
			}
		}
	}
	return 0
}
