package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

func openFile(t *testing.T, path string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = pool.Close() })
	return conn
}

func newSQLiteLocker(t *testing.T) *sqliteLocker {
	t.Helper()
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	return &sqliteLocker{driver: pool.Driver()}
}

// TestSQLiteLock_OneHolder checks that only one host can hold the lock, and that the lock does
// not block other writers of the database.
func TestSQLiteLock_OneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first, second := openFile(t, path), openFile(t, path)
	locker, other := newSQLiteLocker(t), newSQLiteLocker(t)
	if err := locker.SessionLock(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := second.ExecContext(t.Context(), "CREATE TABLE x (y int)"); err != nil {
		t.Errorf("the lock blocks another writer: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := other.SessionLock(short, second); err == nil {
		t.Error("two hosts hold the lock")
	}
	if err := locker.SessionUnlock(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := other.SessionLock(t.Context(), second); err != nil {
		t.Errorf("after the first holder released the lock: %v", err)
	}
	if err := other.SessionUnlock(t.Context(), second); err != nil {
		t.Fatal(err)
	}
}

// TestSQLiteUnlock_FailedMigration leaves a migration's own transaction open, as a failure
// does: SessionUnlock rolls it back and restores the connection's foreign keys.
func TestSQLiteUnlock_FailedMigration(t *testing.T) {
	conn := openFile(t, filepath.Join(t.TempDir(), "test.db"))
	locker := newSQLiteLocker(t)
	if err := locker.SessionLock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"PRAGMA foreign_keys = OFF", "BEGIN IMMEDIATE", "CREATE TABLE half (done int)"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := locker.SessionUnlock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	var tables, foreignKeys int
	if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables are left (%v), want 0", tables, err)
	}
	if err := conn.QueryRowContext(t.Context(), "PRAGMA foreign_keys").Scan(&foreignKeys); err != nil || foreignKeys != 1 {
		t.Errorf("foreign_keys is %d (%v), want 1 as before", foreignKeys, err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Errorf("the transaction is still open: %v", err)
	}
}

// TestLimitLocks_Restores gives the connection back with the limit that it had.
func TestLimitLocks_Restores(t *testing.T) {
	conn := openFile(t, filepath.Join(t.TempDir(), "test.db"))
	timeout := func() (milliseconds int) {
		if err := conn.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&milliseconds); err != nil {
			t.Fatal(err)
		}
		return milliseconds
	}
	if _, err := conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 777"); err != nil {
		t.Fatal(err)
	}
	restore, err := limitLocks(t.Context(), conn, "sqlite", time.Second)
	if err != nil || timeout() != 1000 {
		t.Errorf("the limit is %d (%v), want 1000", timeout(), err)
	}
	if err := restore(t.Context()); err != nil || timeout() != 777 {
		t.Errorf("the limit is %d (%v), want 777 as before", timeout(), err)
	}
}

// A numbered error has its number as go-sql-driver/mysql has it.
type numbered struct{ Number uint16 }

func (numbered) Error() string { return "numbered" }

func TestIsLockTimeout_MySQL(t *testing.T) {
	refused := &numbered{1205}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("1205"), false},
		{&numbered{1060}, false},
		{refused, true},
		{fmt.Errorf("wrapped: %w", refused), true},
		{errors.Join(errors.New("first"), fmt.Errorf("wrapped: %w", refused)), true},
	} {
		if got := isLockTimeout(c.err, "mysql"); got != c.want {
			t.Errorf("%v: got %t, want %t", c.err, got, c.want)
		}
	}
}

// TestShowsEnd: the schema proves that a file was executed to its end only if nothing else may
// follow the last change of the schema.
func TestShowsEnd(t *testing.T) {
	for _, c := range []struct {
		dialect       string
		noTransaction bool
		lines         []string
		want          bool
	}{
		{"mysql", false, []string{"CREATE TABLE x (", "    a int", ");"}, true},
		{"mysql", false, []string{"UPDATE x SET a = 1;", "SET @m = 1;", "ALTER TABLE x", "    ADD b int;", "SET @m = 0;"}, true},
		{"mysql", false, []string{"ALTER TABLE x ADD b int;", "UPDATE x SET b = 1;"}, false},
		{"mysql", false, []string{"ALTER TABLE x ADD b int;", "ALTER TABLE x ADD c int;"}, false},
		{"mysql", false, []string{"INSERT INTO y SELECT 1;", "ALTER TABLE x ADD b int;"}, false},
		{"mysql", false, []string{"CREATE INDEX i ON x (a);", "CREATE UNIQUE INDEX j ON x (b);"}, true},
		{"mysql", false, nil, false},
		{"sqlite", true, []string{"PRAGMA foreign_keys = OFF;", "BEGIN IMMEDIATE;", "CREATE TABLE x (a int);", "INSERT INTO x SELECT 1;", "COMMIT;"}, true},
		{"sqlite", true, []string{"BEGIN;", "CREATE TABLE x (a int);", "COMMIT;", "UPDATE x SET a = 1;"}, false},
		{"sqlite", true, []string{"BEGIN;", "COMMIT;", "BEGIN;", "COMMIT;"}, false},
		{"sqlite", false, []string{"CREATE TABLE x (a int);"}, false}, // with its record in goose's transaction
		{"postgres", true, []string{"CREATE INDEX CONCURRENTLY i ON x (a);"}, true},
		{"postgres", true, []string{"CREATE INDEX CONCURRENTLY i ON x (a);", "VACUUM x;"}, false},
	} {
		f := file{noTransaction: c.noTransaction, lines: c.lines}
		if got := f.showsEnd(c.dialect); got != c.want {
			t.Errorf("%s %q: got %t, want %t", c.dialect, c.lines, got, c.want)
		}
	}
}
