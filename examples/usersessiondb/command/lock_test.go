package command

import (
	"context"
	"database/sql"
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
