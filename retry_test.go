package usersession_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
)

var errBusy = sqlite3.Error{Code: sqlite3.ErrBusy, ExtendedCode: sqlite3.ErrNoExtended(sqlite3.ErrBusy)}

// fail makes the next n statements of db fail, and returns a count of all that were
// tried.
func fail(t *testing.T, db *gorm.DB, n int, err error) (tried *int) {
	t.Helper()
	tried = new(int)
	inject := func(db *gorm.DB) {
		if *tried++; *tried <= n {
			_ = db.AddError(err)
		}
	}
	if err := errors.Join(
		db.Callback().Raw().Before("*").Register("test:fail", inject),
		db.Callback().Row().Before("*").Register("test:fail", inject),
	); err != nil {
		t.Fatal(err)
	}
	return tried
}

// operations are all that a store can do, on a session that is there unless it is
// about to be created.
var operations = map[string]func(ctx context.Context, store *usersession.GormStore) error{
	"get": func(ctx context.Context, store *usersession.GormStore) error {
		_, err := store.GetUserSession(ctx, keyOf(testSession("there")))
		return err
	},
	"create": func(ctx context.Context, store *usersession.GormStore) error {
		return store.CreateUserSession(ctx, testSession("new"))
	},
	"update": func(ctx context.Context, store *usersession.GormStore) error {
		return store.UpdateUserSession(ctx, keyOf(testSession("there")), updateOf(testSession("there")))
	},
	"delete": func(ctx context.Context, store *usersession.GormStore) error {
		return errOf(store.DeleteUserSession(ctx, keyOf(testSession("there"))))
	},
	"get many": func(ctx context.Context, store *usersession.GormStore) error {
		_, err := store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
		return err
	},
	"delete many": func(ctx context.Context, store *usersession.GormStore) error {
		_, err := store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
		return err
	},
	"replace": func(ctx context.Context, store *usersession.GormStore) error {
		return store.ReplaceUserSession(ctx, testSession("new"))
	},
	"list": func(ctx context.Context, store *usersession.GormStore) error {
		for _, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: "app"}) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"cleanup": func(ctx context.Context, store *usersession.GormStore) error {
		_, err := store.DeleteExpiredSessions(ctx)
		return err
	},
}

func keyOf(s bff.UserSession) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: s.PartitionKey, Key: s.Key}
}

func updateOf(s bff.UserSession) bff.UserSessionUpdate {
	return bff.UserSessionUpdate{
		SubjectID: s.SubjectID, SessionID: s.SessionID,
		Created: s.Created, Renewed: s.Renewed, Expires: s.Expires, Ticket: s.Ticket,
	}
}

func TestBusyDatabaseIsTriedAgain(t *testing.T) {
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openSQLite(t)
				store := newStore(t, db)
				if err := store.CreateUserSession(t.Context(), testSession("there")); err != nil {
					t.Fatal(err)
				}
				tried := fail(t, db, 5, errBusy)
				if err := operation(t.Context(), store); err != nil {
					t.Fatal(err)
				}
				if *tried != 6 {
					t.Errorf("%d statements, want 5 that fail and one that succeeds", *tried)
				}
			})
		})
	}
}

func TestTryingAgainIsBounded(t *testing.T) {
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openSQLite(t)
				store := newStore(t, db)
				tried := fail(t, db, 1<<30, errBusy)
				err := operation(t.Context(), store)
				var driverError sqlite3.Error
				if !errors.As(err, &driverError) || driverError.Code != sqlite3.ErrBusy {
					t.Errorf("got %v, want the driver's error to be found in it", err)
				}
				if *tried < 10 || *tried > 100 {
					t.Errorf("tried %d times", *tried)
				}
			})
		})
	}
}

func TestOtherErrorsAreNotTriedAgain(t *testing.T) {
	db := openSQLite(t)
	store := newStore(t, db)
	tried := fail(t, db, 1, sqlite3.Error{Code: sqlite3.ErrFull, ExtendedCode: sqlite3.ErrNoExtended(sqlite3.ErrFull)})
	if err := store.CreateUserSession(t.Context(), testSession("new")); err == nil {
		t.Error("the failure was swallowed")
	}
	if *tried != 1 {
		t.Errorf("tried %d times", *tried)
	}
}

// In a caller's transaction only the caller can try again.
func TestBusyDatabaseIsReturnedInsideATransaction(t *testing.T) {
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			db := openSQLite(t)
			store := newStore(t, db)
			_ = db.Transaction(func(tx *gorm.DB) error {
				tried := fail(t, db, 1<<30, errBusy)
				if err := operation(t.Context(), store.WithTx(tx)); !errors.As(err, new(sqlite3.Error)) {
					t.Errorf("got %v, want the driver's error", err)
				}
				if *tried != 1 {
					t.Errorf("tried %d times", *tried)
				}
				return errors.New("roll back")
			})
		})
	}
}

func TestContextEndsTryingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openSQLite(t)
		store := newStore(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		tried := fail(t, db, 1<<30, errBusy)
		err := db.Callback().Raw().Before("*").Register("test:cancel", func(*gorm.DB) {
			if *tried == 3 {
				cancel()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CreateUserSession(ctx, testSession("new")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if *tried > 4 {
			t.Errorf("tried %d times after the context had ended", *tried)
		}
	})
}

// errOf drops the count of a delete, for a test that checks only its error.
func errOf(_ int64, err error) error { return err }
