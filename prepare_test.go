package usersession

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
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
	pool, db := newTestPool(t)
	counted := &racedPool{ConnPool: db}
	pool.ConnPool = counted
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
	if n := counted.prepared.Load(); n != 1 {
		t.Errorf("the statement was prepared %d times", n)
	}
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
	rows, err := pool.QueryContext(ctx, "SELECT 2")
	if err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a query whose context has ended: %v, want %v", err, context.Canceled)
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

// A racedPool lets another caller prepare each statement first.
type racedPool struct {
	gorm.ConnPool
	before   func(query string)
	own      *sql.Stmt
	prepared atomic.Int64
}

func (p *racedPool) PrepareContext(ctx context.Context, query string) (stmt *sql.Stmt, err error) {
	p.prepared.Add(1)
	if before := p.before; before != nil {
		p.before = nil
		before(query)
		p.own, err = p.ConnPool.PrepareContext(ctx, query)
		return p.own, err
	}
	return p.ConnPool.PrepareContext(ctx, query)
}

// Of two callers that prepare a statement at once, the pool keeps the statement of the first and
// closes the other; if the server has refused another one in the meantime, it keeps none.
func TestPreparedPool_AnotherCallerInBetween(t *testing.T) {
	for name, refused := range map[string]bool{"prepares the statement": false, "is refused": true} {
		t.Run(name, func(t *testing.T) {
			pool, db := newTestPool(t)
			var first *sql.Stmt
			raced := &racedPool{ConnPool: db, before: func(query string) {
				var err error
				if refused {
					pool.refuse()
				} else if first, err = pool.prepare(t.Context(), query); err != nil {
					t.Fatal(err)
				}
			}}
			pool.ConnPool = raced
			stmt, err := pool.prepare(t.Context(), "SELECT 1")
			if stmt != first || err != nil {
				t.Errorf("got %p, %v; want %p", stmt, err, first)
			}
			if _, err := raced.own.ExecContext(t.Context()); err == nil {
				t.Error("the second statement is still open")
			}
			if want := map[bool]int{false: 1, true: 0}[refused]; len(pool.statements) != want {
				t.Errorf("%d statements are kept, want %d", len(pool.statements), want)
			}
		})
	}
}

// The last caller closes the statements after the server has refused one. Until then the caller that
// was refused waits, for as long as its context allows.
func TestPreparedPool_Refused(t *testing.T) {
	pool, _ := newTestPool(t)
	pool.dialect = &mysql
	stmt, err := pool.prepare(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(cancel func()) func(*sql.Stmt) error {
		return func(*sql.Stmt) error { cancel(); return &numberError{1461, ""} }
	}
	ctx, cancel := context.WithCancel(t.Context())
	pool.running.Add(1) // another caller
	if done, err := pool.use(ctx, "SELECT 1", refuse(cancel)); !done || !errors.Is(err, context.Canceled) {
		t.Errorf("while another caller runs: %t, %v; want %v", done, err, context.Canceled)
	}
	if _, err := stmt.ExecContext(t.Context()); err != nil {
		t.Errorf("the other caller's statement: %v", err)
	}
	if pool.running.Add(-1) != 0 {
		t.Error("a caller is still counted")
	}
	for range 2 {
		done, err := pool.use(t.Context(), "SELECT 2", func(*sql.Stmt) error { t.Error("a prepared statement"); return nil })
		if done || err != nil {
			t.Errorf("after the refusal: %t, %v; want the statement to run unprepared", done, err)
		}
	}
	if _, err := stmt.ExecContext(t.Context()); err == nil || len(pool.statements) > 0 {
		t.Errorf("%d statements are kept, and the first is still open: %t", len(pool.statements), err == nil)
	}
	if _, err := pool.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("unprepared: %v", err)
	}
}

// A connectorPool is a pool that knows its *sql.DB.
type connectorPool struct {
	gorm.ConnPool
	db *sql.DB
}

func (p connectorPool) GetDBConn() (*sql.DB, error) { return p.db, nil }

func TestPreparedPool_GetDBConn(t *testing.T) {
	_, db := newTestPool(t)
	for name, tt := range map[string]struct {
		pool gorm.ConnPool
		want *sql.DB
		err  error
	}{
		"database":           {db, db, nil},
		"pool of a plugin":   {connectorPool{db, db}, db, nil},
		"without a database": {struct{ gorm.ConnPool }{db}, nil, gorm.ErrInvalidDB},
	} {
		if got, err := newPreparedPool(tt.pool, &sqlite).GetDBConn(); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %p, %v; want %p, %v", name, got, err, tt.want, tt.err)
		}
	}
}
