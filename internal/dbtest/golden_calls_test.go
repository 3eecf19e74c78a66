package dbtest_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// TestErrors_SQLServerCodes: the store recognizes SQL Server's two codes of duplicates, and
// its codes of deadlocks, with and without GORM's translation of errors.
func TestErrors_SQLServerCodes(t *testing.T) {
	for _, translate := range []bool{true, false} {
		for number, want := range map[int32]error{2601: bff.ErrSessionExists, 2627: bff.ErrSessionExists, 1205: nil, 3960: nil} {
			fake := &fakeDriver{}
			db, err := gorm.Open(fakeDialects[0].dialector(sql.OpenDB(fake)), &gorm.Config{Logger: logger.Discard, TranslateError: translate})
			must(t, err)
			store := newStore(t, db)
			fail := mssql.Error{Number: number}
			if fake.refuse = []error{fail}; want != nil {
				fake.refuse = append(fake.refuse, fail)
			}
			if err := store.CreateUserSession(t.Context(), testSession("key", "sid")); !errors.Is(err, want) {
				t.Errorf("create, %d: %v, want %v", number, err, want)
			}
			if fake.refuse = []error{fail}; want != nil {
				fake.refuse = append(fake.refuse, fail)
			}
			if err := store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(testSession("key", "sid"), "", 0)); !errors.Is(err, want) {
				t.Errorf("update, %d: %v, want %v", number, err, want)
			}
		}
	}
}

// TestWrites_DuplicateAtCommit: a duplicate that the database reports only at COMMIT, as
// TiDB does in its optimistic mode, is a conflict as any other.
func TestWrites_DuplicateAtCommit(t *testing.T) {
	for _, dialect := range fakeDialects {
		for _, translate := range []bool{true, false} {
			fake := &fakeDriver{}
			db, err := gorm.Open(dialect.dialector(sql.OpenDB(fake)), &gorm.Config{Logger: logger.Discard, TranslateError: translate})
			must(t, err)
			store, session, refused := newStore(t, db), testSession("key", "sid"), []error{dialect.duplicate}

			fake.refuse, fake.refuseCommit = refused, refused
			wantErr(t, dialect.name+": create", store.CreateUserSession(t.Context(), session), bff.ErrSessionExists)
			fake.refuse, fake.refuseCommit = refused, refused
			wantErr(t, dialect.name+": update", store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(session, "", 0)), bff.ErrSessionExists)
			if oneStatementReplace(dialect.name) {
				continue
			}
			fake.refuse, fake.refuseCommit = refused, refused
			if err := store.ReplaceUserSession(t.Context(), session); err != nil {
				t.Errorf("%s: replace: %v", dialect.name, err)
			}
			if len(fake.refuse)+len(fake.refuseCommit) > 0 {
				t.Errorf("%s: the last replace used no transaction", dialect.name)
			}
		}
	}
}

// TestReplace_ServerRefusesCTE: some servers that speak PostgreSQL's protocol refuse to
// write twice to a table in one statement. The store then uses a transaction.
func TestReplace_ServerRefusesCTE(t *testing.T) {
	fake := &fakeDriver{}
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: sql.OpenDB(fake)}), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	store, session := newStore(t, db), testSession("key", "sid")
	unsupported, duplicate := &pgconn.PgError{Code: "0A000"}, &pgconn.PgError{Code: "23505"}

	fake.refuse = []error{unsupported, duplicate, nil}
	must(t, store.ReplaceUserSession(t.Context(), session))
	if len(fake.refuse) > 0 {
		t.Errorf("the replace left out %d statements", len(fake.refuse))
	}
	fake.refuse = []error{unsupported, duplicate, nil}
	must(t, store.UpdateUserSession(t.Context(), keyOf("key"), replacingRivals(updateOf(session, "", 0))))
	if len(fake.refuse) > 0 {
		t.Errorf("the update left out %d statements", len(fake.refuse))
	}
}

// TestCleanup_ServerRefusesReadPast: a server that speaks SQL Server's protocol may refuse to
// delete from the result of a query. The cleanup then picks the ids first, and remembers
// that.
func TestCleanup_ServerRefusesReadPast(t *testing.T) {
	for _, number := range []int32{102, 208, 4405, 33557097} {
		fake, recorder := &fakeDriver{refuseReadPast: mssql.Error{Number: number}}, &dbtest.Recorder{}
		db, err := gorm.Open(fakeDialects[0].dialector(sql.OpenDB(recorder.Wrap(fake))), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		store := newStore(t, db)
		for range 2 {
			must(t, errOf(store.DeleteExpiredSessions(t.Context())))
		}
		attempts, deletes := 0, 0
		for _, event := range recorder.Take() {
			if event.Kind == "query" && strings.Contains(event.SQL, "READPAST") {
				attempts++
			}
			if event.Kind == "query" && strings.Contains(event.SQL, `DELETE FROM "user_sessions" WHERE "expires" <= @p1 AND "id" IN (7,7)`) {
				deletes++
			}
		}
		if attempts != 1 || deletes != 2 {
			t.Errorf("%d: the cleanup tried READPAST %d times and deleted picked ids %d times, want 1 and 2", number, attempts, deletes)
		}
	}
}

// TestWrites_TriggerReturnsRows: on SQL Server the rows that a trigger returns come before those
// of the statement, and are not its count.
func TestWrites_TriggerReturnsRows(t *testing.T) {
	db, err := gorm.Open(fakeDialects[0].dialector(sql.OpenDB(&fakeDriver{triggerReturnsRows: true})), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	store := newStore(t, db)
	must(t, store.CreateUserSession(t.Context(), testSession("key", "sid")))
	if n, err := store.DeleteUserSession(t.Context(), keyOf("key")); n != 1 || err != nil {
		t.Errorf("DeleteUserSession: %d sessions, %v; want 1", n, err)
	}
	if n, err := store.DeleteExpiredSessions(t.Context()); n != 2 || err != nil {
		t.Errorf("DeleteExpiredSessions: %d sessions, %v; want 2", n, err)
	}
}

// goldenOperations adds a section for each operation without a conflict.
func goldenOperations(p *goldenFile, fake *fakeDriver, store *usersession.GormStore) {
	ctx := p.t.Context()
	session := testSession("key", "sid")
	both := bff.UserSessionsFilter{SubjectID: "alice", SessionID: "sid"}
	list := func(filter bff.UserSessionsFilter) func() error {
		return func() error { _, err := store.GetUserSessions(ctx, "app", filter); return err }
	}
	revoke := func(filter bff.UserSessionsFilter) func() error {
		return func() error { _, err := store.DeleteUserSessions(ctx, "app", filter); return err }
	}
	pages := func(query bff.UserSessionsQuery, rows ...int) func() error {
		return func() error {
			fake.rows = rows
			for _, err := range store.UserSessions(ctx, query) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	p.section("GetUserSession", bff.ErrSessionNotFound, func() error { _, err := store.GetUserSession(ctx, keyOf("key")); return err })
	p.section("CreateUserSession", nil, func() error { return store.CreateUserSession(ctx, session) })
	p.section("ReplaceUserSession", nil, func() error { return store.ReplaceUserSession(ctx, session) })
	p.section("CreateUserSession, without a session id, an expiry and a ticket", nil, func() error {
		return store.CreateUserSession(ctx, bff.UserSession{Key: "key", SubjectID: "alice", Created: now, Renewed: now})
	})
	p.section("UpdateUserSession", nil, func() error { return store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 0)) })
	p.section("UpdateUserSession, without a session id, an expiry and a ticket", nil, func() error {
		return store.UpdateUserSession(ctx, keyOf("key"), bff.UserSessionUpdate{SubjectID: "alice", Created: now, Renewed: now})
	})
	p.section("UpdateUserSession, IfVersion", nil, func() error { return store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 1)) })
	p.section("UpdateUserSession, IfVersion, too late", bff.ErrSessionChanged, func() error {
		fake.unchanged = true
		return store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 1))
	})
	p.section("UpdateUserSession, keeps Created", nil, func() error {
		kept := updateOf(session, "new", 0)
		kept.Created = time.Time{}
		return store.UpdateUserSession(ctx, keyOf("key"), kept)
	})
	p.section("UpdateUserSession, ReplaceRivals", nil, func() error {
		return store.UpdateUserSession(ctx, keyOf("key"), replacingRivals(updateOf(session, "new", 0)))
	})
	p.section("UpdateUserSession, ReplaceRivals, IfVersion", nil, func() error {
		return store.UpdateUserSession(ctx, keyOf("key"), replacingRivals(updateOf(session, "new", 1)))
	})
	p.section("UpdateUserSession, ReplaceRivals, IfVersion, too late", bff.ErrSessionChanged, func() error {
		fake.unchanged = true
		return store.UpdateUserSession(ctx, keyOf("key"), replacingRivals(updateOf(session, "new", 1)))
	})
	p.section("UpdateUserSession, ReplaceRivals without a session id", nil, func() error {
		return store.UpdateUserSession(ctx, keyOf("key"), replacingRivals(bff.UserSessionUpdate{Created: now, Renewed: now}))
	})
	p.section("DeleteUserSessionVersion", nil, func() error { return errOf(store.DeleteUserSessionVersion(ctx, keyOf("key"), 3)) })
	p.section("DeleteUserSession", nil, func() error { return errOf(store.DeleteUserSession(ctx, keyOf("key"))) })
	p.section("GetUserSessions, by subject id", nil, list(bff.UserSessionsFilter{SubjectID: "alice"}))
	p.section("GetUserSessions, by session id", nil, list(bff.UserSessionsFilter{SessionID: "sid"}))
	p.section("GetUserSessions, by both", nil, list(both))
	p.section("DeleteUserSessions, by subject id", nil, revoke(bff.UserSessionsFilter{SubjectID: "alice"}))
	p.section("DeleteUserSessions, by session id", nil, revoke(bff.UserSessionsFilter{SessionID: "sid"}))
	p.section("DeleteUserSessions, by both", nil, revoke(both))
	p.section("UserSessions, newest first, two pages", nil, pages(bff.UserSessionsQuery{PartitionKey: "app", PageSize: 2}, 2, 1))
	p.section("UserSessions, oldest first", nil, pages(bff.UserSessionsQuery{PartitionKey: "app", OldestFirst: true}, 0))
	p.section("UserSessions, of a subject", nil, pages(bff.UserSessionsQuery{PartitionKey: "app", SubjectID: "alice"}, 0))
	p.section("UserSessions, of a subject, oldest first", nil, pages(bff.UserSessionsQuery{PartitionKey: "app", SubjectID: "alice", OldestFirst: true}, 0))
}

// goldenConflicts adds a section for each operation with each kind of conflict.
func goldenConflicts(p *goldenFile, fake *fakeDriver, store *usersession.GormStore, dialect fakeDialect) {
	ctx := p.t.Context()
	session := testSession("key", "sid")
	accepted, duplicate := error(nil), dialect.duplicate
	create := func() error { return store.CreateUserSession(ctx, session) }
	replace := func() error { return store.ReplaceUserSession(ctx, session) }
	takeSessionID := func() error { return store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 0)) }
	replaceRivals := func() error {
		return store.UpdateUserSession(ctx, keyOf("key"), replacingRivals(updateOf(session, "new", 0)))
	}
	for _, conflict := range []struct {
		title   string
		refused []error
		want    error
		call    func() error
	}{
		{"CreateUserSession, an expired session conflicts", []error{duplicate, accepted}, nil, create},
		{"CreateUserSession, a live session conflicts", []error{duplicate, duplicate}, bff.ErrSessionExists, create},
		{"ReplaceUserSession, a session conflicts", []error{duplicate, accepted}, nil, replace},
		{"ReplaceUserSession, another writer causes a conflict during the replacement", []error{duplicate, duplicate, duplicate, accepted}, nil, replace},
		{"UpdateUserSession, an expired session has the session id", []error{duplicate, accepted}, nil, takeSessionID},
		{"UpdateUserSession, a live session has the session id", []error{duplicate, duplicate}, bff.ErrSessionExists, takeSessionID},
		{"UpdateUserSession, ReplaceRivals, a rival", []error{duplicate, accepted}, nil, replaceRivals},
		{"UpdateUserSession, ReplaceRivals, another writer causes a conflict during the update", []error{duplicate, duplicate, accepted}, nil, replaceRivals},
	} {
		p.section(conflict.title, conflict.want, func() error {
			fake.refuse = conflict.refused
			return conflict.call()
		})
	}
}
