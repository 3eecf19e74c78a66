package usersession

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	_ "modernc.org/sqlite"
)

func newTestPool(t *testing.T) (*preparedPool, *sql.DB) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/test.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return newPreparedPool(db, &sqlite), db
}

func TestPreparedPool_PreparesOnce(t *testing.T) {
	pool, _ := newTestPool(t)
	first, err := pool.prepare(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if stmt, err := pool.prepare(t.Context(), "SELECT 1"); stmt != first || err != nil {
				t.Errorf("got %p, %v; want %p", stmt, err, first)
			}
		})
	}
	all.Wait()
}

// Every concurrent first caller gets a statement that works, and one statement is kept.
func TestPreparedPool_ConcurrentFirstUse(t *testing.T) {
	pool, _ := newTestPool(t)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			rows, err := pool.QueryContext(t.Context(), "SELECT 1")
			if err != nil {
				t.Error(err)
				return
			}
			defer rows.Close()
			if !rows.Next() || rows.Err() != nil {
				t.Errorf("no row: %v", rows.Err())
			}
		})
	}
	all.Wait()
	if n := len(pool.statements); n != 1 {
		t.Errorf("%d statements are kept, want 1", n)
	}
}

// A caller whose context ends while it prepares a statement gets the context's error. The
// next caller can prepare the statement. A caller that waits for a connection does not
// block a caller that has one.
func TestPreparedPool_CancelledPreparation(t *testing.T) {
	pool, db := newTestPool(t)
	db.SetMaxOpenConns(1)
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := pool.prepare(ctx, "SELECT 2")
		waiting <- err
	}()
	// The goroutine waits for the only connection; the connection stays usable.
	stmt, err := held.PrepareContext(t.Context(), "SELECT 2")
	if err != nil {
		t.Fatal(err)
	}
	_ = stmt.Close()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.prepare(t.Context(), "SELECT 2"); err != nil {
		t.Errorf("prepare after a cancelled preparation: %v", err)
	}
}

func TestPreparedPool_FailedPreparation(t *testing.T) {
	pool, _ := newTestPool(t)
	for range 2 {
		if _, err := pool.ExecContext(t.Context(), "INSERT INTO later VALUES (1)"); err == nil {
			t.Fatal("no error without the table")
		}
	}
	if _, err := pool.ExecContext(t.Context(), "CREATE TABLE later (n integer)"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), "INSERT INTO later VALUES (1)"); err != nil {
		t.Errorf("with the table: %v", err)
	}
}
