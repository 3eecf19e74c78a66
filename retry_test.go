package usersession_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// A sqliteError has the shape of the errors of the pure-Go drivers.
type sqliteError int

func (e sqliteError) Error() string { return fmt.Sprintf("SQLite's error %d", int(e)) }
func (e sqliteError) Code() int     { return int(e) }

const (
	errBusy = sqliteError(5)
	errFull = sqliteError(13)
)

// failStatements makes the next n statements of db fail with err. It returns the number
// of statements that the store has tried, including the failed statements.
func failStatements(t *testing.T, db *gorm.DB, n int, err error) (tried *int) {
	t.Helper()
	tried = new(int)
	inject := func(db *gorm.DB) {
		if *tried++; *tried <= n {
			_ = db.AddError(err)
		}
		if db.Statement.Table != "user_sessions" {
			t.Errorf("a plugin sees the table %q", db.Statement.Table)
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

// operations are the operations of a store. Each needs one statement if the session
// "there" exists and the session "new" does not; the cleanup needs a second one.
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
	"delete a version": func(ctx context.Context, store *usersession.GormStore) error {
		return errOf(store.DeleteUserSessionVersion(ctx, keyOf(testSession("there")), 1))
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

func TestRun_BusyDatabase(t *testing.T) {
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openSQLite(t)
				retries, logger := logged("trying again")
				store := newStore(t, db, usersession.WithLogger(logger))
				if err := store.CreateUserSession(t.Context(), testSession("there")); err != nil {
					t.Fatal(err)
				}
				tried := failStatements(t, db, 5, errBusy)
				if err := operation(t.Context(), store); err != nil {
					t.Fatal(err)
				}
				want := 6
				if name == "cleanup" {
					want++ // the query for rows that a trigger keeps
				}
				if *tried != want {
					t.Errorf("%d statements, want 5 that fail and %d that succeed", *tried, want-5)
				}
				if n := retries(); n != 5 {
					t.Errorf("%d retries are logged, want 5", n)
				}
			})
		})
	}
}

func TestRun_BoundedAttempts(t *testing.T) {
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openSQLite(t)
				store := newStore(t, db)
				tried := failStatements(t, db, 1<<30, errBusy)
				begin := time.Now()
				err := operation(t.Context(), store)
				// The pauses grow, so that writers that wait do not crowd out the one that works.
				if paused := time.Since(begin); paused < 300*time.Millisecond || paused > 3*time.Second {
					t.Errorf("the pauses take %v in all, want one second or two", paused)
				}
				if driverError, ok := errors.AsType[sqliteError](err); !ok || driverError != errBusy {
					t.Errorf("got %v, want an error that wraps the driver's", err)
				}
				if *tried < 10 || *tried > 100 {
					t.Errorf("tried %d times, want 10 to 100", *tried)
				}
			})
		})
	}
}

// TestRun_BoundedConflicts: other writers that take the session's identity again and again do not
// make a write try for ever, in a transaction of the application neither.
func TestRun_BoundedConflicts(t *testing.T) {
	for name, write := range map[string]func(context.Context, *usersession.GormStore) error{
		"replace": operations["replace"],
		"update": func(ctx context.Context, store *usersession.GormStore) error {
			update := updateOf(testSession("there"))
			update.ReplaceRivals = true
			return store.UpdateUserSession(ctx, keyOf(testSession("there")), update)
		},
	} {
		for _, inTx := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", in a transaction: ", inTx), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					db := openSQLite(t)
					store, tried := newStore(t, db), 0
					if inTx {
						tx := db.Begin()
						defer tx.Rollback()
						store = store.WithTx(tx)
					}
					err := db.Callback().Raw().Before("*").Register("test:conflict", func(db *gorm.DB) {
						if text := db.Statement.SQL.String(); strings.HasPrefix(text, "INSERT") || strings.HasPrefix(text, "UPDATE") {
							tried++
							_ = db.AddError(sqliteError(2067)) // a unique index refuses the row
						}
					})
					if err != nil {
						t.Fatal(err)
					}
					if err := write(t.Context(), store); !errors.Is(err, bff.ErrSessionExists) || tried < 10 || tried > 200 {
						t.Errorf("%v after %d writes, want ErrSessionExists after 10 to 200", err, tried)
					}
				})
			})
		}
	}
}

// A server that closes every connection does not make a read try for ever. The read does not
// pause: the next connection is another one.
func TestRun_BoundedDeadConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openSQLite(t)
		retries, logger := logged("trying again")
		store := newStore(t, db, usersession.WithLogger(logger))
		tried := failStatements(t, db, 1<<30, driver.ErrBadConn)
		begin := time.Now()
		if _, err := store.GetUserSession(t.Context(), keyOf(testSession("there"))); !errors.Is(err, driver.ErrBadConn) {
			t.Errorf("got %v, want an error that wraps the driver's", err)
		}
		if *tried < 50 || *tried > 200 || retries() != *tried-1 {
			t.Errorf("tried %d times, want 50 to 200; %d retries are logged", *tried, retries())
		}
		if paused := time.Since(begin); paused > 0 {
			t.Errorf("the read has paused for %v", paused)
		}
	})
}

// logged returns a logger, and a function that counts the records with the text.
func logged(text string) (count func() int, logger *slog.Logger) {
	var log bytes.Buffer
	logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return func() int { return strings.Count(log.String(), text) }, logger
}

func TestRun_OtherErrors(t *testing.T) {
	db := openSQLite(t)
	store := newStore(t, db)
	tried := failStatements(t, db, 1, errFull)
	if err := store.CreateUserSession(t.Context(), testSession("new")); err == nil {
		t.Error("got no error, want the driver's")
	}
	if *tried != 1 {
		t.Errorf("tried %d times, want 1", *tried)
	}
}

// In a transaction of the application only the application can retry.
func TestRun_BusyDatabaseInTransaction(t *testing.T) {
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			db := openSQLite(t)
			store := newStore(t, db)
			_ = db.Transaction(func(tx *gorm.DB) error {
				tried := failStatements(t, db, 1<<30, errBusy)
				if err := operation(t.Context(), store.WithTx(tx)); !errors.Is(err, errBusy) {
					t.Errorf("got %v, want the driver's error", err)
				}
				if *tried != 1 {
					t.Errorf("tried %d times, want 1", *tried)
				}
				return errors.New("roll back")
			})
		})
	}
}

func TestRun_ContextCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openSQLite(t)
		store := newStore(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		tried := failStatements(t, db, 1<<30, errBusy)
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
			t.Errorf("tried %d times, want no attempt after the context ended", *tried)
		}
	})
}

// TestUserSessions_PageSize: the lister reads as many sessions at once as the query says.
func TestUserSessions_PageSize(t *testing.T) {
	db := openSQLite(t)
	store := newStore(t, db)
	if err := errors.Join(store.CreateUserSession(t.Context(), testSession("one")), store.CreateUserSession(t.Context(), testSession("two"))); err != nil {
		t.Fatal(err)
	}
	queries := failStatements(t, db, 0, nil)
	for size, want := range map[int]int{0: 1, 1: 3, 2: 2, 3: 1} {
		*queries = 0
		sessions := 0
		for _, err := range store.UserSessions(t.Context(), bff.UserSessionsQuery{PartitionKey: "app", PageSize: size}) {
			if err != nil {
				t.Fatal(err)
			}
			sessions++
		}
		if sessions != 2 || *queries != want {
			t.Errorf("page size %d: %d sessions in %d queries, want 2 in %d", size, sessions, *queries, want)
		}
	}
}

// errOf drops the count of a delete, for a test that checks only its error.
func errOf(_ int64, err error) error { return err }
