package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// audit is a table of the application.
type audit struct {
	ID   int64
	What string `gorm:"size:100"`
}

// account is a table of the application.
type account struct {
	Subject  string `gorm:"primaryKey;size:100"`
	Password string `gorm:"size:100"`
}

// openApp opens a database with the store's table and the application's, and a store.
func openApp(t *testing.T, d *dbtest.Database, setup dbtest.Setup) (*gorm.DB, *usersession.GormStore) {
	t.Helper()
	db, store := openStore(t, d, setup)
	d.Migrate(t, db, &audit{}, &account{})
	must(t, db.Create(&account{"alice", "old"}).Error)
	return db, store
}

// TestWithTx_CommitsTogether: a new password, the deletion of the user's sessions and an
// audit row are committed together or not at all.
func TestWithTx_CommitsTogether(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openApp(t, d, dbtest.Setup{})
		ctx := t.Context()
		must(t, store.CreateUserSession(ctx, testSession("phone", "sid-1")))
		must(t, store.CreateUserSession(ctx, testSession("laptop", "sid-2")))
		changePassword := func(end error) error {
			return db.Transaction(func(tx *gorm.DB) error {
				must(t, tx.Model(&account{}).Where("subject = ?", "alice").Update("password", "new").Error)
				deleted, err := store.WithTx(tx).DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
				if must(t, err); deleted != 2 {
					t.Errorf("revoked %d sessions, want 2", deleted)
				}
				must(t, store.WithTx(tx).CreateUserSession(ctx, testSession("this one", "sid-1")))
				must(t, tx.Create(&audit{What: "password changed"}).Error)
				// Outside the transaction, its changes are not visible before it commits.
				if _, err := store.GetUserSession(ctx, keyOf("phone")); err != nil && d.Engine != dbtest.SQLServer { // SQL Server waits for the lock
					t.Errorf("outside the transaction: %v", err)
				}
				return end
			})
		}
		state := func() string {
			t.Helper()
			var a account
			must(t, db.Take(&a, "subject = ?", "alice").Error)
			sessions, err := store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
			must(t, err)
			keys := ""
			for _, session := range sessions {
				keys += session.Key + " "
			}
			return fmt.Sprintf("%s: %s%d audit rows", a.Password, keys, countRows(t, db, "audits"))
		}
		errRollback := errors.New("roll back")
		wantErr(t, "rollback", changePassword(errRollback), errRollback)
		if got := state(); got != "old: phone laptop 0 audit rows" {
			t.Errorf("after a rollback: %s", got)
		}
		must(t, changePassword(nil))
		if got := state(); got != "new: this one 1 audit rows" {
			t.Errorf("after a commit: %s", got)
		}
	})
}

// TestWithTx_ConflictsKeepItUsable: after each kind of conflict, the application's
// transaction is usable, with the store and without it, and can commit.
func TestWithTx_ConflictsKeepItUsable(t *testing.T) {
	conflicts := []struct {
		name string
		want error
		do   func(ctx context.Context, store *usersession.GormStore) error
	}{
		{"create, same key", bff.ErrSessionExists, func(ctx context.Context, store *usersession.GormStore) error {
			return store.CreateUserSession(ctx, testSession("first", "sid-9"))
		}},
		{"create, same session id", bff.ErrSessionExists, func(ctx context.Context, store *usersession.GormStore) error {
			return store.CreateUserSession(ctx, testSession("ninth", "sid-1"))
		}},
		{"create, an expired session conflicts", nil, func(ctx context.Context, store *usersession.GormStore) error {
			expired := testSession("expired", "sid-2")
			expired.Expires = now // otherwise the second create would conflict with the first
			return store.CreateUserSession(ctx, expired)
		}},
		{"replace key and session id", nil, func(ctx context.Context, store *usersession.GormStore) error {
			return store.ReplaceUserSession(ctx, testSession("first", "sid-3"))
		}},
		{"update to a taken session id", bff.ErrSessionExists, func(ctx context.Context, store *usersession.GormStore) error {
			return store.UpdateUserSession(ctx, keyOf("first"), updateOf(testSession("", "sid-3"), "", 0))
		}},
		{"update to an expired session's session id", nil, func(ctx context.Context, store *usersession.GormStore) error {
			return store.UpdateUserSession(ctx, keyOf("first"), updateOf(testSession("", "sid-2"), "", 0))
		}},
		{"update, old version", bff.ErrSessionChanged, func(ctx context.Context, store *usersession.GormStore) error {
			return store.UpdateUserSession(ctx, keyOf("first"), updateOf(testSession("", "sid-1"), "", 7))
		}},
		{"update, not found", bff.ErrSessionNotFound, func(ctx context.Context, store *usersession.GormStore) error {
			return store.UpdateUserSession(ctx, keyOf("missing"), updateOf(testSession("", "sid-1"), "", 7))
		}},
		{"get, not found", bff.ErrSessionNotFound, func(ctx context.Context, store *usersession.GormStore) error {
			_, err := store.GetUserSession(ctx, keyOf("missing"))
			return err
		}},
	}
	nestings := map[string]func(*gorm.DB, func(*gorm.DB) error) error{
		"in a transaction": func(db *gorm.DB, do func(*gorm.DB) error) error { return db.Transaction(do) },
		"in a nested transaction": func(db *gorm.DB, do func(*gorm.DB) error) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Transaction(do) })
		},
		"below a savepoint of the same name": func(db *gorm.DB, do func(*gorm.DB) error) error {
			return db.Transaction(func(tx *gorm.DB) error {
				must(t, tx.SavePoint("usersession").Error)
				return do(tx)
			})
		},
	}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openApp(t, d, dbtest.Setup{Config: func(c *gorm.Config) { c.TranslateError = true }})
		for nested, transaction := range nestings {
			for _, conflict := range conflicts {
				t.Run(nested+", "+conflict.name, func(t *testing.T) {
					ctx := t.Context()
					must(t, db.Exec("DELETE FROM user_sessions").Error)
					audits := countRows(t, db, "audits")
					for i, key := range []string{"first", "expired", "third"} {
						session := testSession(key, fmt.Sprintf("sid-%d", i+1))
						if key == "expired" {
							session.Expires = now
						}
						must(t, store.CreateUserSession(ctx, session))
					}
					must(t, transaction(db, func(tx *gorm.DB) error {
						joined := store.WithTx(tx)
						for range 2 { // the store's savepoint can be set again
							must(t, tx.Create(&audit{What: "before"}).Error)
							if err := conflict.do(ctx, joined); !errors.Is(err, conflict.want) {
								t.Errorf("%v, want %v", err, conflict.want)
							}
							must(t, tx.Create(&audit{What: "after"}).Error)
						}
						must(t, joined.CreateUserSession(ctx, testSession("afterwards", "sid-after")))
						return nil
					}))
					if n := countRows(t, db, "audits"); n != audits+4 {
						t.Errorf("%d audit rows, want %d", n, audits+4)
					}
					_, err := store.GetUserSession(ctx, keyOf("afterwards"))
					must(t, err)
				})
			}
		}
	})
}

// TestWithTx_RollbackUndoesConflicts: a rollback of the application's transaction restores
// the rows that the store evicted in it.
func TestWithTx_RollbackUndoesConflicts(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{})
		ctx := t.Context()
		must(t, store.CreateUserSession(ctx, testSession("first", "sid-1")))
		must(t, store.CreateUserSession(ctx, testSession("second", "sid-2")))
		tx := beginTx(t, db)
		must(t, store.WithTx(tx).ReplaceUserSession(ctx, testSession("first", "sid-2"))) // evicts both
		must(t, store.WithTx(tx).ReplaceUserSession(ctx, testSession("third", "sid-2")))
		must(t, errOf(store.WithTx(tx).DeleteUserSession(ctx, keyOf("third"))))
		must(t, tx.Rollback().Error)
		for i, key := range []string{"first", "second"} {
			got, err := store.GetUserSession(ctx, keyOf(key))
			must(t, err)
			wantSession(t, got, testSession(key, fmt.Sprintf("sid-%d", i+1)), 1)
		}
		if n := countRows(t, db, "user_sessions"); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
	})
}

// TestNewGormStore_InTransaction: a store that is created with a transaction's handle runs
// in the transaction.
func TestNewGormStore_InTransaction(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{MaxOpen: 1}) // a store on a second connection would wait forever
		tx := beginTx(t, db)
		txStore := newStore(t, tx)
		must(t, txStore.CreateUserSession(t.Context(), testSession("key", "sid")))
		must(t, txStore.ReplaceUserSession(t.Context(), testSession("key-2", "sid")))
		wantErr(t, "create", txStore.CreateUserSession(t.Context(), testSession("key-2", "sid")), bff.ErrSessionExists)
		must(t, tx.Rollback().Error)
		_, err := store.GetUserSession(t.Context(), keyOf("key-2"))
		wantErr(t, "get", err, bff.ErrSessionNotFound)
	})
}

// TestWithTx_AnotherDialect: the store refuses a transaction of another dialect, because its
// statements are in the wrong dialect there.
func TestWithTx_AnotherDialect(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL, dbtest.SQLServer}, func(t *testing.T, d *dbtest.Database) {
		_, store := openStore(t, d, dbtest.Setup{})
		other, _ := openStore(t, dbtest.SQLite.New(t), dbtest.Setup{})
		tx := beginTx(t, other, &sql.TxOptions{})
		if err := store.WithTx(tx).CreateUserSession(t.Context(), testSession("key", "sid")); err == nil {
			t.Error("the store accepts a transaction of another dialect")
		}
		must(t, tx.Rollback().Error)
	})
}

// noLockWait returns parameters that make statements fail instead of waiting for a lock, on
// SQLite, where the default is to wait for seconds.
func noLockWait(d *dbtest.Database) url.Values {
	if d.Engine == dbtest.SQLite {
		return url.Values{"_txlock": {"deferred"}, "_pragma": {"busy_timeout(0)", "journal_mode(WAL)"}}
	}
	return nil
}
