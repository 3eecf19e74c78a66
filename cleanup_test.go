package usersession

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

func TestCleanup_Pause(t *testing.T) {
	for _, tt := range []struct {
		name, parameters string
		options          []Option
		want             time.Duration
	}{
		{"rollback journal", "", nil, 50 * time.Millisecond},
		{"write-ahead log", "?_pragma=journal_mode(WAL)", nil, 10 * time.Millisecond},
		{"option", "", []Option{WithCleanupPause(time.Second)}, time.Second},
		{"option, no pause", "?_pragma=journal_mode(WAL)", []Option{WithCleanupPause(0)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := gorm.Open(driver.New(driver.Config{DriverName: "sqlite", DSN: "file:" + t.TempDir() + "/test.db" + tt.parameters}), &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			pool, err := db.DB()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pool.Close() })
			store, err := NewGormStore(db, tt.options...)
			if err != nil {
				t.Fatal(err)
			}
			if got := store.pauseAfter(t.Context(), 100*time.Millisecond); got != tt.want {
				t.Errorf("the pause after a batch of 100ms is %v, want %v", got, tt.want)
			}
		})
	}
}

// TestCleanup_Progress: the store reports the sessions of a run after each batch that deleted some.
func TestCleanup_Progress(t *testing.T) {
	var got []int64
	_, store := openCleanup(t, WithCleanupProgress(func(deleted int64) { got = append(got, deleted) }))
	createExpired(t, store, 10)
	for range 2 {
		if _, err := store.DeleteExpiredSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{4, 8, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestCleanup_EndsEarly: a run that fails returns the failure and the number of sessions that it has
// deleted, in every form.
func TestCleanup_EndsEarly(t *testing.T) {
	failure := errors.New("the disk has failed")
	for _, form := range []cleanupForm{formPausing, formUnlocked} {
		for name, want := range map[string]error{"SELECT": failure, "DELETE": failure, "context": context.Canceled} {
			if form == formPausing && name == "SELECT" {
				continue // it selects nothing
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			batches := 0
			db, store := openCleanup(t, WithCleanupProgress(func(int64) {
				if batches++; batches == 2 && name == "context" {
					cancel()
				}
			}))
			createExpired(t, store, 20)
			d := sqlite
			d.cleanup = form
			store.conn.dialect = &d
			fail := func(db *gorm.DB) {
				if batches == 2 && strings.HasPrefix(db.Statement.SQL.String(), name) {
					_ = db.AddError(failure)
				}
			}
			if err := errors.Join(db.Callback().Raw().Before("*").Register("test:fail", fail), db.Callback().Row().Before("*").Register("test:fail", fail)); err != nil {
				t.Fatal(err)
			}
			if deleted, err := store.DeleteExpiredSessions(ctx); deleted != 8 || !errors.Is(err, want) {
				t.Errorf("form %d, %s: deleted %d, %v; want 8, %v", form, name, deleted, err, want)
			}
		}
	}
}

// openCleanup opens a database with a table, and a store on it with batches of four.
func openCleanup(t *testing.T, options ...Option) (*gorm.DB, *GormStore) {
	t.Helper()
	db, err := gorm.Open(driver.New(driver.Config{DriverName: "sqlite", DSN: "file:" + t.TempDir() + "/test.db"}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		t.Fatal(err)
	}
	store, err := NewGormStore(db, append(options, WithCleanupBatchSize(4), WithCleanupPause(0))...)
	if err != nil {
		t.Fatal(err)
	}
	return db, store
}

// createExpired creates expired sessions.
func createExpired(t *testing.T, store *GormStore, n int) {
	t.Helper()
	past := time.Now().Add(-time.Hour)
	for i := range n {
		session := bff.UserSession{Key: strconv.Itoa(i), Created: past, Renewed: past, Expires: past}
		if err := store.CreateUserSession(t.Context(), session); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCleanup_KeptRows: rows that a trigger keeps, with an error or without, neither stop the cleanup
// nor make it run for ever.
func TestCleanup_KeptRows(t *testing.T) {
	const kept = 6
	for name, tt := range map[string]struct {
		form      cleanupForm
		action    string
		oneExpiry bool // of the rows that are kept
		others    int64
		wantErr   string
	}{
		"with an error, SQLite's form":      {formPausing, "RAISE(ABORT, 'no')", true, 6, "6 sessions cannot be deleted, because a foreign key or a trigger keeps them: database error 1811"},
		"with an error":                     {formUnlocked, "RAISE(ABORT, 'no')", true, 6, "6 sessions cannot be deleted, because a foreign key or a trigger keeps them: database error 1811"},
		"with an error, none else":          {formUnlocked, "RAISE(ABORT, 'no')", true, 0, "6 sessions cannot be deleted, because a foreign key or a trigger keeps them: database error 1811"},
		"with an error, different expiries": {formUnlocked, "RAISE(ABORT, 'no')", false, 6, "6 sessions cannot be deleted, because a foreign key or a trigger keeps them: database error 1811"},
		"silently":                          {formUnlocked, "RAISE(IGNORE)", false, 6, ""},
		"silently, one expiry":              {formUnlocked, "RAISE(IGNORE)", true, 0, "6 sessions cannot be deleted"},
		"silently, SQLite's form":           {formPausing, "RAISE(IGNORE)", true, 6, "6 sessions cannot be deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			db, store := openCleanup(t)
			d := sqlite
			d.cleanup = tt.form
			store.conn.dialect = &d
			if err := db.Exec("CREATE TRIGGER keep BEFORE DELETE ON user_sessions WHEN OLD.key LIKE 'keep%' BEGIN SELECT " + tt.action + "; END").Error; err != nil {
				t.Fatal(err)
			}
			past := time.Now().Add(-time.Hour)
			for i := range kept + tt.others {
				session := bff.UserSession{Key: "keep " + strconv.FormatInt(i, 10), Created: past, Renewed: past, Expires: past}
				if i >= kept || !tt.oneExpiry {
					session.Expires = past.Add(time.Duration(i) * time.Second)
				}
				if i >= kept {
					session.Key = strconv.FormatInt(i, 10)
				}
				if err := store.CreateUserSession(t.Context(), session); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			deleted, err := store.DeleteExpiredSessions(ctx)
			if deleted != tt.others || tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("deleted %d, %v; want %d, %q", deleted, err, tt.others, tt.wantErr)
			}
		})
	}
}

// TestKeptRows_OtherFailures: while the store deletes rows one by one, because a trigger keeps some,
// any other failure ends the operation.
func TestKeptRows_OtherFailures(t *testing.T) {
	failure := errors.New("the disk has failed")
	for name, run := range map[string]func(store *GormStore) (int64, error){
		"cleanup": func(store *GormStore) (int64, error) { return store.DeleteExpiredSessions(t.Context()) },
		"revoke": func(store *GormStore) (int64, error) {
			return store.DeleteUserSessions(t.Context(), "", bff.UserSessionsFilter{SubjectID: "alice"})
		},
	} {
		for _, failing := range []string{"SELECT", "DELETE"} {
			db, store := openCleanup(t)
			past := time.Now().Add(-time.Hour)
			for _, key := range []string{"one", "keep", "two", "three"} {
				session := bff.UserSession{Key: key, SubjectID: "alice", Created: past, Renewed: past, Expires: past}
				if err := store.CreateUserSession(t.Context(), session); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Exec("CREATE TRIGGER keep BEFORE DELETE ON user_sessions WHEN OLD.key = 'keep' BEGIN SELECT RAISE(ABORT, 'no'); END").Error; err != nil {
				t.Fatal(err)
			}
			statements := 0
			fail := func(db *gorm.DB) {
				if strings.HasPrefix(db.Statement.SQL.String(), failing) {
					if statements++; failing == "SELECT" || statements == 4 { // the batch, one, keep, two
						_ = db.AddError(failure)
					}
				}
			}
			if err := errors.Join(db.Callback().Raw().Before("*").Register("test:fail", fail), db.Callback().Row().Before("*").Register("test:fail", fail)); err != nil {
				t.Fatal(err)
			}
			want := map[string]int64{"SELECT": 0, "DELETE": 1}[failing]
			if deleted, err := run(store); deleted != want || !errors.Is(err, failure) {
				t.Errorf("%s, %s: deleted %d, %v; want %d, %v", name, failing, deleted, err, want, failure)
			}
		}
	}
}

// TestKeptRows_Silently: a row that a DELETE has left without an error counts as kept if it is still
// there, and not if another host has deleted it in the meantime.
func TestKeptRows_Silently(t *testing.T) {
	failure := errors.New("the disk has failed")
	for name, tt := range map[string]struct {
		otherHost, fails bool
		want             string
	}{
		"still there":             {false, false, "2 sessions cannot be deleted"},
		"deleted by another host": {true, false, "1 sessions cannot be deleted"},
		"unknown":                 {false, true, "delete expired sessions: database error"},
	} {
		t.Run(name, func(t *testing.T) {
			db, store := openCleanup(t)
			createExpired(t, store, 2)
			if err := db.Exec("CREATE TRIGGER keep BEFORE DELETE ON user_sessions WHEN OLD.version < 7 BEGIN SELECT RAISE(IGNORE); END").Error; err != nil {
				t.Fatal(err)
			}
			queries := 0
			err := db.Callback().Row().Before("*").Register("test:between", func(db *gorm.DB) {
				if queries++; queries != 2 {
					return
				}
				if tt.fails {
					_ = db.AddError(failure)
				}
				if tt.otherHost {
					for _, statement := range []string{"UPDATE user_sessions SET version = 7 WHERE key = '0'", "DELETE FROM user_sessions WHERE key = '0'"} {
						if _, err := db.Statement.ConnPool.ExecContext(t.Context(), statement); err != nil {
							t.Error(err)
						}
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if deleted, err := store.DeleteExpiredSessions(t.Context()); deleted != 0 || err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, failure) != tt.fails {
				t.Errorf("deleted %d, %v; want 0, %q", deleted, err, tt.want)
			}
		})
	}
}

// TestCreate_EvictionNotPrepared: a statement that cannot be prepared for the eviction of a session
// fails the operation.
func TestCreate_EvictionNotPrepared(t *testing.T) {
	_, store := openCleanup(t)
	createExpired(t, store, 1)
	store.sql.deleteExpired = "DELETE FROM missing"
	past := time.Now().Add(-time.Hour)
	if err := store.CreateUserSession(t.Context(), bff.UserSession{Key: "0", Created: past, Renewed: past}); err == nil {
		t.Error("no error")
	}
}
