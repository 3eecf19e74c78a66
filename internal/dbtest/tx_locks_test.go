package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// TestWithTx_Deadlock: of two transactions of the application in a deadlock, the database
// ends one. The store returns the driver's error, so that the application can retry.
func TestWithTx_Deadlock(t *testing.T) {
	codes := map[*dbtest.Engine][]string{
		dbtest.PostgreSQL: {"40P01"}, dbtest.MySQL: {"1213"}, dbtest.SQLServer: {"1205"}, dbtest.SQLite: {"5", "517"},
	}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{Params: noLockWait(d)})
		ctx := t.Context()
		keys := []string{"first", "second"}
		for _, key := range keys {
			must(t, store.CreateUserSession(ctx, testSession(key, "sid-"+key)))
		}
		var both sync.WaitGroup
		both.Add(2)
		errs := race(2, func(i int) error {
			tx := db.WithContext(ctx).Begin()
			defer tx.Rollback()
			joined := store.WithTx(tx)
			var err error
			if d.Engine == dbtest.SQLite { // one lock for all: a reader cannot write after another writer
				_, err = joined.GetUserSession(ctx, keyOf(keys[i]))
			} else {
				err = joined.UpdateUserSession(ctx, keyOf(keys[i]), updateOf(testSession("", "sid-"+keys[i]), fmt.Sprint(i), 0))
			}
			both.Done()
			both.Wait()
			if err == nil {
				err = joined.UpdateUserSession(ctx, keyOf(keys[1-i]), updateOf(testSession("", "sid-"+keys[1-i]), fmt.Sprint(i), 0))
			}
			if err == nil {
				err = tx.Commit().Error
			}
			return err
		})
		failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		if len(failed) != 1 {
			t.Fatalf("%d transactions fail, want 1: %v", len(failed), failed)
		}
		if !slices.Contains(codes[d.Engine], driverCode(failed[0])) {
			t.Errorf("the error is %v with the code %q, want one of %v", failed[0], driverCode(failed[0]), codes[d.Engine])
		}
		for _, contractErr := range []error{bff.ErrSessionExists, bff.ErrSessionNotFound, bff.ErrSessionChanged, context.Canceled} {
			if errors.Is(failed[0], contractErr) {
				t.Errorf("the error is %v, too", contractErr)
			}
		}
		wantNoSecretIn(t, "deadlock", failed[0])
		if says := strings.Contains(failed[0].Error(), "whole transaction"); says != (d.Engine == dbtest.MySQL) {
			t.Errorf("the error is %v", failed[0])
		}
	})
}

// TestWithTx_SnapshotIsolation: with innodb_snapshot_isolation, which MariaDB has on from
// 11.6, a conflict ends the whole transaction, and further statements run outside of it. The
// error says that.
func TestWithTx_SnapshotIsolation(t *testing.T) {
	onEnginesExcept(t, []*dbtest.Engine{dbtest.MySQL}, func(d *dbtest.Database) string {
		if !d.IsMariaDB() {
			return "is not MariaDB"
		}
		return ""
	}, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{Params: url.Values{"innodb_snapshot_isolation": {"ON"}}})
		ctx, session := t.Context(), testSession("key", "sid")
		must(t, store.CreateUserSession(ctx, session))
		tx := beginTx(t, db, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		_, err := store.WithTx(tx).GetUserSession(ctx, keyOf("key"))
		must(t, err)
		must(t, store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "newer", 0)))
		err = store.WithTx(tx).UpdateUserSession(ctx, keyOf("key"), updateOf(session, "older", 0))
		var open bool
		must(t, tx.Raw("SELECT @@in_transaction").Scan(&open).Error)
		if driverCode(err) != "1020" || !strings.Contains(err.Error(), "whole transaction") || open {
			t.Errorf("%v, in a transaction: %t", err, open)
		}
	})
}

// TestWithTx_LockWaitTimeout: with innodb_rollback_on_timeout, error 1205 ends the whole
// transaction, and the store's error says that. Otherwise it ends the statement.
func TestWithTx_LockWaitTimeout(t *testing.T) {
	for _, ends := range []bool{true, false} {
		fake := &fakeDriver{rollsBackOnTimeout: ends}
		db, err := gorm.Open(fakeDialects[2].dialector(sql.OpenDB(fake)), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		for inTx, store := range map[bool]*usersession.GormStore{false: newStore(t, db), true: newStore(t, db).WithTx(beginTx(t, db))} {
			fake.refuse = []error{&mysqldriver.MySQLError{Number: 1205}}
			err = store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(testSession("", "sid"), "", 0))
			if err == nil || strings.Contains(err.Error(), "whole transaction") != (inTx && ends) {
				t.Errorf("in a transaction: %t, rolled back: %t: %v", inTx, ends, err)
			}
		}
	}
	// A server says the truth about the variable.
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{Params: url.Values{"innodb_lock_wait_timeout": {"1"}}})
		ctx, session := t.Context(), testSession("key", "sid")
		must(t, store.CreateUserSession(ctx, session))
		other := beginTx(t, db, &sql.TxOptions{Isolation: sql.LevelReadCommitted}) // locks no gaps
		must(t, other.Exec("UPDATE user_sessions SET version = version + 1").Error)
		tx := beginTx(t, db)
		must(t, store.WithTx(tx).CreateUserSession(ctx, testSession("mine", "sid-2")))
		err := store.WithTx(tx).UpdateUserSession(ctx, keyOf("key"), updateOf(session, "", 0))
		ended := countRows(t, tx, "user_sessions") == 1 // without its own
		if driverCode(err) != "1205" || strings.Contains(err.Error(), "whole transaction") != ended {
			t.Errorf("%v, rolled back: %t", err, ended)
		}
	})
}

// TestWithTx_SerializationFailure: a transaction that has read an old version of a row
// cannot overwrite a newer one. The store returns the driver's error at once.
func TestWithTx_SerializationFailure(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.SQLite}, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{Params: noLockWait(d)})
		ctx := t.Context()
		session := testSession("key", "sid")
		must(t, store.CreateUserSession(ctx, session))
		options := &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
		if d.Engine == dbtest.SQLite {
			options = &sql.TxOptions{}
		}
		tx := beginTx(t, db, options)
		_, err := store.WithTx(tx).GetUserSession(ctx, keyOf("key"))
		must(t, err)
		must(t, store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "newer", 0)))
		err = store.WithTx(tx).UpdateUserSession(ctx, keyOf("key"), updateOf(session, "older", 0))
		if !slices.Contains([]string{"40001", "517"}, driverCode(err)) {
			t.Errorf("the error is %v with the code %q, want a serialization failure", err, driverCode(err))
		}
	})
}

// TestWithTx_Race: concurrent replaces with one session id, in transactions of the
// application that retry when the database asks for it. All succeed, and one session remains.
func TestWithTx_Race(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openApp(t, d, dbtest.Setup{})
		ctx := t.Context()
		for round := range 2 {
			for i, err := range race(12, func(i int) error {
				for {
					err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
						if err := tx.Create(&audit{What: "sign-in"}).Error; err != nil {
							return err
						}
						return store.WithTx(tx).ReplaceUserSession(ctx, testSession(fmt.Sprintf("key-%d-%d", round, i), "sid"))
					})
					if err == nil || !asksForRetry(err) {
						return err
					}
				}
			}) {
				if err != nil {
					t.Errorf("round %d, racer %d: %v, cause %v", round, i, err, driverCode(err))
				}
			}
		}
		if sessions, audits := countRows(t, db, "user_sessions"), countRows(t, db, "audits"); sessions != 1 || audits != 24 {
			t.Errorf("%d sessions and %d audit rows, want 1 and 24", sessions, audits)
		}
	})
}

// TestOperations_CancelledWhileWaiting: if the context ends while an operation waits for a
// lock, the operation returns the context's error at once. Its write is complete or absent,
// and the store stays usable.
//
// The driver of PostgreSQL cancels the statement. MySQL's driver only closes the connection,
// and the server may still complete the statement.
func TestOperations_CancelledWhileWaiting(t *testing.T) {
	countWaiting := map[*dbtest.Engine]string{
		dbtest.PostgreSQL: "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = ?",
		dbtest.MySQL:      "SELECT COUNT(*) FROM information_schema.processlist WHERE db = ? AND info IS NOT NULL AND id <> CONNECTION_ID()",
	}
	engines := []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}
	onEnginesExcept(t, engines, exceptCockroachDB("lacks the query for waiting statements"), func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{})
		session := testSession("key", "sid")
		operations := map[string]func(context.Context) error{
			"update": func(ctx context.Context) error {
				return store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 0))
			},
			"delete": func(ctx context.Context) error { return errOf(store.DeleteUserSession(ctx, keyOf("key"))) },
			"revoke": func(ctx context.Context) error {
				_, err := store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
				return err
			},
			"replace": func(ctx context.Context) error { return store.ReplaceUserSession(ctx, testSession("key-2", "sid")) },
		}
		for name, operation := range operations {
			t.Run(name, func(t *testing.T) {
				must(t, store.ReplaceUserSession(t.Context(), session))
				tx := beginTx(t, db)
				must(t, tx.Exec("UPDATE user_sessions SET version = version + 1").Error)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				result := make(chan error, 1)
				go func() { result <- operation(ctx) }()
				poll := func(until func(n int) bool) {
					for n := -1; !until(n); {
						must(t, db.WithContext(t.Context()).Raw(countWaiting[d.Engine], d.Name).Scan(&n).Error)
					}
				}
				poll(func(n int) bool { return n > 0 })
				cancel()
				wantErr(t, "cancelled", <-result, context.Canceled)
				if d.Engine == dbtest.PostgreSQL {
					poll(func(n int) bool { return n == 0 })
				}
				must(t, tx.Rollback().Error)
				poll(func(n int) bool { return n == 0 })

				found, err := store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SessionID: "sid"})
				must(t, err)
				switch {
				case len(found) == 1 && found[0].Version == 1:
					wantSession(t, found[0], session, 1)
				case d.Engine == dbtest.PostgreSQL:
					t.Errorf("found %+v, want the unchanged session", found)
				case name == "update" && len(found) == 1:
					session := session
					session.Ticket = []byte("new")
					wantSession(t, found[0], session, 2)
				case name == "replace", len(found) != 0:
					t.Errorf("found %+v after a cancelled %s", found, name)
				}
			})
		}
	})
}
