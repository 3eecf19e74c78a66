package usersession_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
	"example.com/usersession/entities"
)

// TestGormStore runs the conformance suite on SQLite. Module internal/dbtest runs it on
// the other databases.
func TestGormStore(t *testing.T) {
	bfftest.Run(t, bfftest.Harness{
		New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
			return newStore(t, openSQLite(t), usersession.WithClock(clock))
		},
	})
}

// With one connection, an operation that waits for a second one would never end.
func TestGormStore_OneConnection(t *testing.T) {
	bfftest.Run(t, bfftest.Harness{
		New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
			db := openSQLite(t)
			poolOf(t, db).SetMaxOpenConns(1)
			return newStore(t, db, usersession.WithClock(clock))
		},
	})
}

func TestNewGormStore_Refuses(t *testing.T) {
	db := openSQLite(t)
	failed := db.Session(&gorm.Session{})
	_ = failed.AddError(errors.New("failed before"))
	for name, tt := range map[string]struct {
		db   *gorm.DB
		opt  usersession.Option
		want string
	}{
		"no database":       {nil, nil, "nil"},
		"a failed database": {failed, nil, "failed before"},
		"a dry run":         {db.Session(&gorm.Session{DryRun: true}), nil, "DryRun"},
		"no clock":          {db, usersession.WithClock(nil), "WithClock"},
		"no logger":         {db, usersession.WithLogger(nil), "WithLogger"},
		"no table":          {db, usersession.WithTable(""), "WithTable"},
		"no schema":         {db, usersession.WithTable(".sessions"), "WithTable"},
		"a quoted table":    {db, usersession.WithTable(`"sessions"`), "WithTable"},
		"a placeholder":     {db, usersession.WithTable("sessions?"), "WithTable"},
		"an empty batch":    {db, usersession.WithCleanupBatchSize(0), "WithCleanupBatchSize"},
		"a negative pause":  {db, usersession.WithCleanupPause(-1), "WithCleanupPause"},
		"no progress":       {db, usersession.WithCleanupProgress(nil), "WithCleanupProgress"},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []usersession.Option
			if tt.opt != nil {
				opts = append(opts, tt.opt)
			}
			store, err := usersession.NewGormStore(tt.db, opts...)
			if store != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want an error that says %q", store, err, tt.want)
			}
		})
	}
}

func TestNewGormStore_SmallestValues(t *testing.T) {
	newStore(t, openSQLite(t), usersession.WithCleanupBatchSize(1), usersession.WithCleanupPause(0))
}

// NewGormStore does no I/O, so the first operation reports a missing table.
func TestGormStore_MissingTable(t *testing.T) {
	db := openSQLite(t)
	store := newStore(t, db, usersession.WithTable("elsewhere"))
	_, err := store.GetUserSession(t.Context(), bff.UserSessionKey{Key: "key"})
	if err == nil || !strings.Contains(err.Error(), "does the table elsewhere exist") {
		t.Errorf("got %v, want an error that names the table", err)
	}
}

func TestNewGormStore_DialectWithoutUniqueIndexes(t *testing.T) {
	db := openSQLite(t)
	original := db.Dialector
	for name, refused := range map[string]bool{"clickhouse": true, "bigquery": true, "snowflake": true, "another": false, "cockroach": false} {
		db.Dialector = renamed{original, name}
		if _, err := usersession.NewGormStore(db); (err != nil) != refused || refused && !strings.Contains(err.Error(), name+" does not enforce unique indexes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGormStore_UnknownDialect: the store works under a dialect that it does not know.
func TestGormStore_UnknownDialect(t *testing.T) {
	db := openSQLite(t)
	db.Dialector = renamed{db.Dialector, "another"}
	store, session := newStore(t, db), testSession("there")
	if err := store.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if found, err := store.GetUserSession(t.Context(), keyOf(session)); err != nil || found.SubjectID != session.SubjectID || !found.Expires.Equal(session.Expires.Truncate(time.Microsecond)) {
		t.Errorf("got %+v, %v", found, err)
	}
	if deleted, err := store.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}); deleted != 1 || err != nil {
		t.Errorf("deleted %d, %v", deleted, err)
	}
}

func TestWithTx_AnotherDialect(t *testing.T) {
	store := newStore(t, openSQLite(t))
	other := openSQLite(t)
	other.Dialector = renamed{other.Dialector, "another"}
	_, err := store.WithTx(other).DeleteUserSession(t.Context(), bff.UserSessionKey{Key: "key"})
	if err == nil || !strings.Contains(err.Error(), "WithTx got a transaction on another") {
		t.Errorf("got %v, want an error that names the dialects", err)
	}
}

// TestWithTx_DryRun: an operation that a dry run does not execute does not report success.
func TestWithTx_DryRun(t *testing.T) {
	db := openSQLite(t)
	store := newStore(t, db)
	dry := store.WithTx(db.Session(&gorm.Session{DryRun: true}))
	session := bff.UserSession{Key: "key", SubjectID: "alice", Created: time.Now(), Renewed: time.Now()}
	key := bff.UserSessionKey{Key: "key"}
	for name, err := range map[string]error{
		"create":  dry.CreateUserSession(t.Context(), session),
		"replace": dry.ReplaceUserSession(t.Context(), session),
		"update":  dry.UpdateUserSession(t.Context(), key, bff.UserSessionUpdate{SubjectID: "alice", Renewed: time.Now()}),
		"delete":  errOf(dry.DeleteUserSession(t.Context(), key)),
		"revoke":  errOf(dry.DeleteUserSessions(t.Context(), "", bff.UserSessionsFilter{SubjectID: "alice"})),
		"cleanup": errOf(dry.DeleteExpiredSessions(t.Context())),
	} {
		if err == nil || !strings.Contains(err.Error(), "DryRun") {
			t.Errorf("%s: got %v, want an error that names DryRun", name, err)
		}
	}
}

// A renamed dialector has a name that is not the store's dialect.
type renamed struct {
	gorm.Dialector
	name string
}

func (r renamed) Name() string { return r.name }

// openSQLite opens a new database with the store's table in it.
func openSQLite(t *testing.T, config ...gorm.Option) *gorm.DB {
	t.Helper()
	if len(config) == 0 {
		config = []gorm.Option{&gorm.Config{Logger: logger.Discard}}
	}
	db, err := gorm.Open(dialectorOf(filepath.Join(t.TempDir(), "sessions.db")), config...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDB(t, db) })
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		t.Fatal(err)
	}
	return db
}

func poolOf(t *testing.T, db *gorm.DB) *sql.DB {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func closeDB(t *testing.T, db *gorm.DB) {
	t.Helper()
	if err := poolOf(t, db).Close(); err != nil {
		t.Error(err)
	}
}

func newStore(t *testing.T, db *gorm.DB, opts ...usersession.Option) *usersession.GormStore {
	t.Helper()
	store, err := usersession.NewGormStore(db, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// testSession returns a session that expires in an hour.
func testSession(key string) bff.UserSession {
	now := time.Now()
	return bff.UserSession{
		PartitionKey: "app", Key: key, SubjectID: "alice", SessionID: "sid-" + key,
		Created: now, Renewed: now, Expires: now.Add(time.Hour), Ticket: []byte("ticket"),
	}
}
