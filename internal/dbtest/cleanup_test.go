package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// lockingEngines are the engines that lock single rows.
var lockingEngines = []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL, dbtest.SQLServer}

// skipLockedRefusals are the errors of servers that do not support SKIP LOCKED.
var skipLockedRefusals = map[string][]error{
	"postgres": {
		&pgconn.PgError{Code: "42601", Message: `syntax error at or near "SKIP"`},
		&pgconn.PgError{Code: "0A000", Message: "SKIP LOCKED is not supported"},
	},
	"mysql": {
		&mysql.MySQLError{Number: 1064, Message: "You have an error in your SQL syntax near 'SKIP LOCKED'"},
		&mysql.MySQLError{Number: 1235, Message: "This version doesn't yet support 'SKIP LOCKED'"},
		// TiDB, if the primary key is NONCLUSTERED
		&mysql.MySQLError{Number: 1105, Message: "Can't find column test.user_sessions._tidb_rowid in schema Column: [test.user_sessions.id,test.user_sessions.expires] Unique key: []"},
	},
}

// deadlockErrors are the errors of a transaction that a server ended because of a deadlock.
var deadlockErrors = map[string]error{
	"postgres": &pgconn.PgError{Code: "40P01", Message: "deadlock detected"},
	"mysql":    &mysql.MySQLError{Number: 1213, Message: "Deadlock found when trying to get lock"},
}

// openWithExpired returns a store with n expired sessions and one live session. The
// expired ones are "expired-0", the oldest, to "expired-(n-1)".
func openWithExpired(t *testing.T, d *dbtest.Database, n int, options ...usersession.Option) (*gorm.DB, *usersession.GormStore) {
	t.Helper()
	db, store := openStore(t, d, dbtest.Setup{}, options...)
	must(t, store.CreateUserSession(t.Context(), testSession("live", "")))
	for i := range n {
		session := testSession(fmt.Sprintf("expired-%d", i), "")
		session.Expires = now.Add(-time.Duration(n-i) * time.Second)
		must(t, store.CreateUserSession(t.Context(), session))
	}
	return db, store
}

// beforeStatement calls run before every statement of db that contains all of the parts.
func beforeStatement(t *testing.T, db *gorm.DB, run func(db *gorm.DB), parts ...string) {
	t.Helper()
	hook := func(db *gorm.DB) {
		statement := db.Statement.SQL.String()
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(statement, part) }) {
			run(db)
		}
	}
	name := "test:" + strings.Join(parts, " ")
	must(t, errors.Join(
		db.Callback().Raw().Before("*").Register(name, hook),
		db.Callback().Row().Before("*").Register(name, hook),
	))
}

// wantDeleted runs the cleanup. It fails the test unless the cleanup deletes the wanted
// number of rows.
func wantDeleted(t *testing.T, store *usersession.GormStore, want int64) {
	t.Helper()
	// Without a deadline, a cleanup that waits for a lock would wait until the test ends.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	deleted, err := store.DeleteExpiredSessions(ctx)
	if deleted != want || err != nil {
		t.Errorf("DeleteExpiredSessions: %d, %v; want %d", deleted, err, want)
	}
}

// onSkipLockedEngines runs a test on the servers that skip locked rows.
func onSkipLockedEngines(t *testing.T, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	onEnginesExcept(t, lockingEngines, func(d *dbtest.Database) string {
		if d.IsTiDB() {
			return "accepts SKIP LOCKED but skips no row: the cleanup waits, see TestCleanup_WaitsForRowBeingRenewed"
		}
		return ""
	}, test)
}

func TestCleanup_SkipsLockedRows(t *testing.T) {
	onSkipLockedEngines(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openWithExpired(t, d, 7, usersession.WithCleanupBatchSize(2))
		tx := db.Begin()
		must(t, tx.Error)
		must(t, tx.Exec("UPDATE user_sessions SET version = version + 1 WHERE id IN (?, ?)", rowID(t, db, "expired-0"), rowID(t, db, "expired-3")).Error)
		wantDeleted(t, store, 5)
		must(t, tx.Rollback().Error)
		wantDeleted(t, store, 2)
	})
}

// A row that another transaction is renewing is locked: the cleanup skips it, and the
// renewed session stays.
func TestCleanup_SkipsRowBeingRenewed(t *testing.T) {
	onSkipLockedEngines(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openWithExpired(t, d, 3)
		tx := db.Begin()
		must(t, tx.Error)
		must(t, renewRow(tx, rowID(t, db, "expired-1")))
		wantDeleted(t, store, 2)
		must(t, tx.Commit().Error)
		wantDeleted(t, store, 0)
		if _, err := store.GetUserSession(t.Context(), keyOf("expired-1")); err != nil {
			t.Errorf("the renewed session: %v", err)
		}
	})
}

// Where the server cannot skip locked rows, the cleanup waits for the renewal, and the
// renewed session stays.
func TestCleanup_WaitsForRowBeingRenewed(t *testing.T) {
	for _, e := range []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			d := e.New(t)
			db, store := openWithExpired(t, d, 3)
			tx := beginTx(t, db)
			must(t, renewRow(tx, rowID(t, db, "expired-1")))
			deleting, ended := make(chan struct{}), make(chan struct{})
			beforeStatement(t, db, func(db *gorm.DB) {
				if !d.IsTiDB() {
					_ = db.AddError(skipLockedRefusals[e.Name][0])
				}
			}, "SKIP LOCKED")
			once := sync.OnceFunc(func() { close(deleting) })
			beforeStatement(t, db, func(*gorm.DB) { once() }, "DELETE", " IN (")
			go func() {
				defer close(ended)
				wantDeleted(t, store, 2)
			}()
			select {
			case <-deleting:
				time.Sleep(100 * time.Millisecond)
			case <-ended:
			}
			select {
			case <-ended:
				t.Error("the cleanup ended while the row was locked")
			default:
			}
			must(t, tx.Commit().Error)
			<-ended
			if _, err := store.GetUserSession(t.Context(), keyOf("expired-1")); err != nil {
				t.Errorf("the renewed session: %v", err)
			}
		})
	}
}

// renewRow writes a new expiry to an expired row. The store cannot do this: to the store an
// expired session does not exist.
func renewRow(db *gorm.DB, id int64) error {
	return db.Exec("UPDATE user_sessions SET expires = ? WHERE id = ?", entities.Timestamp{Time: now.Add(time.Hour)}, id).Error
}

// rowID returns the id of a row. A condition on the id locks no other row.
func rowID(t *testing.T, db *gorm.DB, key string) (id int64) {
	t.Helper()
	must(t, db.Model(&entities.UserSession{}).Where(&entities.UserSession{Key: entities.Identity(key)}).Pluck("id", &id).Error)
	return id
}

func TestCleanup_SkipLockedRefused(t *testing.T) {
	for _, e := range []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) {
			for _, refusal := range skipLockedRefusals[e.Name] {
				t.Run(driverCode(refusal), func(t *testing.T) { testSkipLockedRefused(t, e.New(t), refusal) })
			}
		})
	}
}

func testSkipLockedRefused(t *testing.T, d *dbtest.Database, refusal error) {
	db, store := openWithExpired(t, d, 25, usersession.WithCleanupBatchSize(10))
	refused := 0
	beforeStatement(t, db, func(db *gorm.DB) {
		refused++
		_ = db.AddError(refusal)
	}, "SKIP LOCKED")
	// Without locks, other writers can renew one session and delete another one between
	// the cleanup's SELECT and its DELETE.
	other := d.OpenOn(t, db, &gorm.Config{})
	interfered, renewed, deleted := false, rowID(t, db, "expired-3"), rowID(t, db, "expired-4")
	beforeStatement(t, db, func(*gorm.DB) {
		if !interfered {
			interfered = true
			must(t, renewRow(other, renewed))
			must(t, other.Exec("DELETE FROM user_sessions WHERE id = ?", deleted).Error)
		}
	}, "DELETE", " IN (")
	wantDeleted(t, store, 23)
	if _, err := store.GetUserSession(t.Context(), keyOf("expired-3")); err != nil {
		t.Errorf("the renewed session: %v", err)
	}
	if refused != 1 {
		t.Errorf("the cleanup uses SKIP LOCKED %d times, want it to stop after the first error", refused)
	}
}

// A trigger of the team's can fail every DELETE with the error code of a server that does
// not support SKIP LOCKED. The cleanup then returns the error after its fallback.
func TestCleanup_FallbackRefused(t *testing.T) {
	for _, e := range []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) {
			db, store := openWithExpired(t, e.New(t), 5)
			tried := 0
			beforeStatement(t, db, func(db *gorm.DB) {
				if tried++; tried > 2 {
					t.Fatal("the cleanup makes a third attempt, want 2")
				}
				_ = db.AddError(skipLockedRefusals[e.Name][0])
			}, "DELETE")
			if deleted, err := store.DeleteExpiredSessions(t.Context()); deleted != 0 || !errors.Is(err, skipLockedRefusals[e.Name][0]) {
				t.Errorf("DeleteExpiredSessions: %d, %v; want 0, %v", deleted, err, skipLockedRefusals[e.Name][0])
			}
		})
	}
}

func TestCleanup_Deadlock(t *testing.T) {
	for _, e := range []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) {
			db, store := openWithExpired(t, e.New(t), 25, usersession.WithCleanupBatchSize(10))
			tried := 0
			beforeStatement(t, db, func(db *gorm.DB) {
				if tried++; tried%2 == 1 {
					_ = db.AddError(deadlockErrors[e.Name])
				}
			}, "DELETE")
			wantDeleted(t, store, 25)
		})
	}
}

func TestCleanup_BatchesOldestFirst(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		batches := &batchLog{}
		db, store := openWithExpired(t, d, 25, usersession.WithCleanupBatchSize(10), usersession.WithLogger(slog.New(batches)))
		var left []bool // whether the oldest row of the second batch is left after each batch
		batches.each = func() {
			left = append(left, rowExists(t, db, "expired-10"))
		}
		wantDeleted(t, store, 25)
		if want := []int64{10, 10, 5}; !slices.Equal(batches.deleted, want) {
			t.Errorf("batches of %v, want %v", batches.deleted, want)
		}
		if want := []bool{true, false, false}; !slices.Equal(left, want) {
			t.Errorf("after each batch, the eleventh row is left: %v, want %v", left, want)
		}
		if !rowExists(t, db, "live") {
			t.Error("the cleanup deleted the live session")
		}
	})
}

// rowExists reports whether the table has the row. To the store an expired session does
// not exist.
func rowExists(t *testing.T, db *gorm.DB, key string) bool {
	t.Helper()
	var n int64
	must(t, db.Model(&entities.UserSession{}).Where(&entities.UserSession{Key: entities.Identity(key)}).Count(&n).Error)
	return n == 1
}

// A batchLog is a slog.Handler for the log of the cleanup. It records the number of rows
// that each batch deleted, and calls each after every batch.
type batchLog struct {
	deleted []int64
	each    func() // may be nil
}

func (l *batchLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *batchLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *batchLog) WithGroup(string) slog.Handler            { return l }

func (l *batchLog) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "deleted" {
			l.deleted = append(l.deleted, a.Value.Int64())
		}
		return true
	})
	if l.each != nil {
		l.each()
	}
	return nil
}
