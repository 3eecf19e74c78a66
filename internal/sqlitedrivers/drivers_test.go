package sqlitedrivers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	_ "github.com/ncruces/go-sqlite3/driver" // the driver "sqlite3"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
	"example.com/usersession/entities"
)

// drivers maps the name of a project to a function that makes a pool on its driver, with
// the busy timeout in milliseconds.
var drivers = map[string]func(file string, busyTimeout int) (*sql.DB, error){
	"glebarez": byDSN("sqlite"),
	"ncruces":  byDSN("sqlite3"),
}

func byDSN(driver string) func(file string, busyTimeout int) (*sql.DB, error) {
	return func(file string, busyTimeout int) (*sql.DB, error) {
		return sql.Open(driver, fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate",
			filepath.ToSlash(file), busyTimeout))
	}
}

// open opens a database on a driver. The dialector is glebarez's for all drivers: that of
// the ncruces project, gormlite, is not on the module proxy, and libsql has none.
func open(t *testing.T, driver, file string, busyTimeout int) *gorm.DB {
	t.Helper()
	pool, err := drivers[driver](file, busyTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	pool.SetMaxOpenConns(4)
	db, err := gorm.Open(sqlite.Dialector{Conn: pool}, &gorm.Config{Logger: logger.Discard})
	if err == nil {
		err = db.AutoMigrate(&entities.UserSession{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// onDrivers runs a test on each driver, with the name of a new file.
func onDrivers(t *testing.T, test func(t *testing.T, driver, file string)) {
	for name := range drivers {
		t.Run(name, func(t *testing.T) { test(t, name, filepath.Join(t.TempDir(), "sessions.db")) })
	}
}

func storeOn(t *testing.T, db *gorm.DB, opts ...usersession.Option) *usersession.GormStore {
	t.Helper()
	store, err := usersession.NewGormStore(db, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func session(key, sessionID string) bff.UserSession {
	now := time.Now()
	return bff.UserSession{PartitionKey: "app", Key: key, SubjectID: "alice", SessionID: sessionID, Created: now, Renewed: now, Ticket: []byte(key)}
}

func TestGormStore_Conformance(t *testing.T) {
	for name := range drivers {
		t.Run(name, func(t *testing.T) {
			bfftest.Run(t, bfftest.Harness{
				New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
					return storeOn(t, open(t, name, filepath.Join(t.TempDir(), "sessions.db"), 5000), usersession.WithClock(clock))
				},
			})
		})
	}
}

// A driver's error of a duplicate is recognised: outside of the store's statements, which
// ignore conflicts, an update meets it.
func TestUpdate_Duplicate(t *testing.T) {
	onDrivers(t, func(t *testing.T, driver, file string) {
		store := storeOn(t, open(t, driver, file, 5000))
		for _, s := range []bff.UserSession{session("a", "1"), session("b", "2")} {
			if err := store.CreateUserSession(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		b := session("b", "1")
		err := store.UpdateUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: "b"},
			bff.UserSessionUpdate{SubjectID: b.SubjectID, SessionID: b.SessionID, Created: b.Created, Renewed: b.Renewed, Ticket: b.Ticket})
		if !errors.Is(err, bff.ErrSessionExists) {
			t.Errorf("got %v, want ErrSessionExists", err)
		}
	})
}

// A database that another connection has locked is busy: the store tries again until the
// lock is gone.
func TestCreate_BusyDatabase(t *testing.T) {
	onDrivers(t, func(t *testing.T, driver, file string) {
		other := open(t, driver, file, 5000)
		store := storeOn(t, open(t, driver, file, 0))
		tx := other.Begin()
		if err := tx.Exec("UPDATE user_sessions SET version = version").Error; err != nil {
			t.Fatal(err)
		}
		released := make(chan error, 1)
		time.AfterFunc(30*time.Millisecond, func() { released <- tx.Commit().Error })
		if err := store.CreateUserSession(t.Context(), session("a", "1")); err != nil {
			t.Errorf("create: %v", err)
		}
		if err := <-released; err != nil {
			t.Fatal(err)
		}
	})
}

// If the database stays busy, the error has SQLite's code and quotes no value.
func TestCreate_BusyForLong(t *testing.T) {
	onDrivers(t, func(t *testing.T, driver, file string) {
		other := open(t, driver, file, 5000)
		store := storeOn(t, open(t, driver, file, 0))
		tx := other.Begin()
		if err := tx.Exec("UPDATE user_sessions SET version = version").Error; err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		err := store.CreateUserSession(t.Context(), session("a", "1"))
		if err == nil || !strings.Contains(err.Error(), "database error 5") {
			t.Errorf("got %v, want database error 5", err)
		}
	})
}

// A transaction that has read and then writes fails at once if another connection has
// written (SQLITE_BUSY_SNAPSHOT): waiting would not help, and the caller repeats it.
func TestWithTx_BusySnapshot(t *testing.T) {
	onDrivers(t, func(t *testing.T, driver, file string) {
		db := open(t, driver, file, 0)
		conn, err := must(db.DB()).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(t.Context(), "BEGIN DEFERRED"); err != nil {
			t.Fatal(err)
		}
		var count int
		if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM user_sessions").Scan(&count); err != nil {
			t.Fatal(err)
		}
		if err := storeOn(t, db).CreateUserSession(t.Context(), session("a", "1")); err != nil {
			t.Fatal(err)
		}
		onConn, err := gorm.Open(sqlite.Dialector{Conn: conn}, &gorm.Config{Logger: logger.Discard})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = storeOn(t, onConn, usersession.WithoutPreparedStatements()).CreateUserSession(ctx, session("b", "2"))
		want := "database error 517"
		if driver == "libsql" {
			want = "database error 5" // no extended codes
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// Concurrent sign-ins of one user leave one session.
func TestReplace_Concurrent(t *testing.T) {
	onDrivers(t, func(t *testing.T, driver, file string) {
		store := storeOn(t, open(t, driver, file, 5000))
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				if err := store.ReplaceUserSession(t.Context(), session(fmt.Sprint(i), "sid")); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if all, err := store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SessionID: "sid"}); err != nil || len(all) != 1 {
			t.Errorf("%d sessions, %v, want 1", len(all), err)
		}
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
