package dbtest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// A countedOperation is an operation and the number of statements that it needs.
type countedOperation struct {
	name       string
	statements int
	do         func() error
}

// countedOperations returns the operations that use no transaction, in an order in which
// they succeed. The round becomes part of the keys and session ids.
func countedOperations(t *testing.T, store *usersession.GormStore, round string) []countedOperation {
	t.Helper()
	ctx := t.Context()
	first, second := testSession("first"+round, "sid1"+round), testSession("second"+round, "")
	second.SubjectID = "bob"
	list := func(query bff.UserSessionsQuery) func() error {
		return func() error {
			for _, err := range store.UserSessions(ctx, query) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	failsWith := func(want error, do func() error) func() error {
		return func() error {
			if err := do(); !errors.Is(err, want) {
				return fmt.Errorf("%w, want %w", err, want)
			}
			return nil
		}
	}
	get := func(key string) func() error {
		return func() error { _, err := store.GetUserSession(ctx, keyOf(key)); return err }
	}
	update := func(key string, update bff.UserSessionUpdate) func() error {
		return func() error { return store.UpdateUserSession(ctx, keyOf(key), update) }
	}
	find := func(filter bff.UserSessionsFilter, want int) func() error {
		return func() error {
			found, err := store.GetUserSessions(ctx, "app", filter)
			if err == nil && len(found) != want {
				err = fmt.Errorf("found %d sessions, want %d", len(found), want)
			}
			return err
		}
	}
	deleteMany := func(filter bff.UserSessionsFilter) func() error {
		return func() error { _, err := store.DeleteUserSessions(ctx, "app", filter); return err }
	}
	bySession := bff.UserSessionsFilter{SessionID: first.SessionID}
	return []countedOperation{
		{"create", 1, func() error { return store.CreateUserSession(ctx, first) }},
		{"create without a session id", 1, func() error { return store.CreateUserSession(ctx, second) }},
		{"get", 1, get(first.Key)},
		{"get, not found", 1, failsWith(bff.ErrSessionNotFound, get("missing"))},
		{"get, invalid key", 0, failsWith(bff.ErrSessionNotFound, get(" "))},
		{"update", 1, update(first.Key, updateOf(first, "new", 0))},
		{"update, same values", 1, update(first.Key, updateOf(first, "new", 0))},
		{"update, conditional", 1, update(first.Key, updateOf(first, "newer", 3))},
		{"update, not found", 1, failsWith(bff.ErrSessionNotFound, update("missing", updateOf(second, "new", 0)))},
		{"update, old version", 2, failsWith(bff.ErrSessionChanged, update(first.Key, updateOf(first, "late", 3)))},
		{"update, conditional, not found", 2, failsWith(bff.ErrSessionNotFound, update("missing", updateOf(second, "new", 1)))},
		{"update, keeps Created", 1, update(first.Key, withoutCreated(updateOf(first, "kept", 0)))},
		{"update, replaces rivals, no rival", 1, update(first.Key, replacingRivals(updateOf(first, "newest", 0)))},
		{"update, replaces rivals, old version", 2, failsWith(bff.ErrSessionChanged, update(first.Key, replacingRivals(updateOf(first, "late", 1))))},
		{"replace", 1, func() error { return store.ReplaceUserSession(ctx, testSession("third"+round, "sid3"+round)) }},
		{"replace without a session id", 1, func() error { return store.ReplaceUserSession(ctx, testSession("fourth"+round, "")) }},
		{"list by subject", 1, find(bff.UserSessionsFilter{SubjectID: "alice"}, 3)},
		{"list by session", 1, find(bySession, 1)},
		{"list by both", 1, find(bff.UserSessionsFilter{SubjectID: "alice", SessionID: first.SessionID}, 1)},
		{"list, no match", 1, find(bff.UserSessionsFilter{SubjectID: "missing"}, 0)},
		{"list, empty filter", 0, failsWith(bff.ErrInvalidFilter, find(bff.UserSessionsFilter{}, 0))},
		{"lister, 4 in pages of 3", 2, list(bff.UserSessionsQuery{PartitionKey: "app", PageSize: 3})},
		{"lister, 4 in pages of 2", 3, list(bff.UserSessionsQuery{PartitionKey: "app", PageSize: 2, OldestFirst: true})},
		{"lister, by subject", 1, list(bff.UserSessionsQuery{PartitionKey: "app", SubjectID: "alice"})},
		{"delete of another version", 1, func() error { return errOf(store.DeleteUserSessionVersion(ctx, keyOf("fourth"+round), 2)) }},
		{"delete of a version", 1, func() error { return errOf(store.DeleteUserSessionVersion(ctx, keyOf("fourth"+round), 1)) }},
		{"delete", 1, func() error { return errOf(store.DeleteUserSession(ctx, keyOf("fourth"+round))) }},
		{"delete, not found", 1, func() error { return errOf(store.DeleteUserSession(ctx, keyOf("missing"))) }},
		{"delete by session", 1, deleteMany(bySession)},
		{"delete by both", 1, deleteMany(bff.UserSessionsFilter{SubjectID: "alice", SessionID: "sid3" + round})},
		{"delete by subject", 1, deleteMany(bff.UserSessionsFilter{SubjectID: "bob"})},
		{"delete, no match", 1, deleteMany(bff.UserSessionsFilter{SubjectID: "missing"})},
	}
}

// TestStatements: an operation that succeeds is one statement without a transaction,
// counted at the driver.
func TestStatements(t *testing.T) {
	configs := map[string]func(*gorm.Config){
		"defaults":               func(*gorm.Config) {},
		"SkipDefaultTransaction": func(c *gorm.Config) { c.SkipDefaultTransaction = true },
		"PrepareStmt":            func(c *gorm.Config) { c.PrepareStmt = true },
	}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		d.Migrate(t, d.Open(t, dbtest.Setup{}))
		for name, config := range configs {
			t.Run(name, func(t *testing.T) {
				recorder := &dbtest.Recorder{}
				db := d.Open(t, dbtest.Setup{Config: config, Recorder: recorder, MaxOpen: 1})
				callbacks := countCallbacks(t, db)
				store := newStore(t, db)
				for _, op := range countedOperations(t, store, "0") { // prepares the statements
					must(t, op.do())
				}
				recorder.Take()
				for _, op := range countedOperations(t, store, "1") {
					*callbacks = 0
					if err := op.do(); err != nil {
						t.Errorf("%s: %v", op.name, err)
					}
					events := recorder.Take()
					if d.Engine == dbtest.SQLServer { // its driver prepares without a call of the server
						events = slices.DeleteFunc(events, func(e dbtest.Event) bool { return e.Kind == "prepare" })
					}
					if len(events) != op.statements || slices.ContainsFunc(events, isNotStatement) {
						t.Errorf("%s takes %d calls of the driver, want %d statements:\n%v", op.name, len(events), op.statements, events)
					}
					if *callbacks != op.statements {
						t.Errorf("%s: GORM's plugins see %d statements, want %d", op.name, *callbacks, op.statements)
					}
				}
			})
		}
	})
}

// TestStatements_Unprepared: the same without prepared statements. A driver may prepare a
// statement for a single use; this is not counted.
func TestStatements_Unprepared(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		recorder := &dbtest.Recorder{}
		_, store := openStore(t, d, dbtest.Setup{Recorder: recorder}, usersession.WithoutPreparedStatements())
		must(t, errOf(store.DeleteUserSession(t.Context(), keyOf("missing")))) // reads the connection's settings
		recorder.Take()
		for _, op := range countedOperations(t, store, "") {
			must(t, op.do())
			events := slices.DeleteFunc(recorder.Take(), func(e dbtest.Event) bool { return e.Kind == "prepare" })
			if len(events) != op.statements || slices.ContainsFunc(events, isNotStatement) {
				t.Errorf("%s takes %d calls of the driver, want %d statements:\n%v", op.name, len(events), op.statements, events)
			}
		}
	})
}

// TestStatements_Conflicts: an operation that conflicts needs at most one transaction. On
// PostgreSQL, a replacement is one statement.
func TestStatements_Conflicts(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		recorder := &dbtest.Recorder{}
		_, store := openStore(t, d, dbtest.Setup{Recorder: recorder})
		ctx := t.Context()
		must(t, store.CreateUserSession(ctx, testSession("first", "sid")))
		must(t, store.CreateUserSession(ctx, testSession("second", "sid2")))
		for _, op := range []struct {
			name string
			do   func() error
			want error
		}{
			{"create", func() error { return store.CreateUserSession(ctx, testSession("third", "sid")) }, bff.ErrSessionExists},
			{"replace", func() error { return store.ReplaceUserSession(ctx, testSession("third", "sid")) }, nil},
			{"update", func() error {
				return store.UpdateUserSession(ctx, keyOf("third"), updateOf(testSession("third", "sid2"), "", 0))
			}, bff.ErrSessionExists},
			{"update that replaces rivals", func() error {
				return store.UpdateUserSession(ctx, keyOf("third"), replacingRivals(updateOf(testSession("third", "sid2"), "", 0)))
			}, nil},
		} {
			recorder.Take()
			if err := op.do(); !errors.Is(err, op.want) {
				t.Errorf("%s: %v, want %v", op.name, err, op.want)
			}
			kinds := map[string]int{}
			for _, event := range recorder.Take() {
				kinds[event.Kind]++
			}
			if op.want == nil && oneStatementReplace(d.Engine.Name) {
				if kinds["exec"] != 1 || len(kinds) != 1 {
					t.Errorf("%s: %v, want one statement", op.name, kinds)
				}
				continue
			}
			if kinds["begin"] != 1 || kinds["commit"]+kinds["rollback"] != 1 || kinds["exec"] < 3 || kinds["exec"] > 4 || kinds["query"] != 0 {
				t.Errorf("%s: %v, want one failing statement, then one transaction of at most three statements", op.name, kinds)
			}
		}
	})
}

// isNotStatement reports whether the event is not the execution of a statement.
func isNotStatement(e dbtest.Event) bool { return e.Kind != "exec" && e.Kind != "query" }

// countCallbacks returns a counter of the statements that GORM's plugins see.
func countCallbacks(t *testing.T, db *gorm.DB) *int {
	t.Helper()
	n := new(int)
	seen := func(*gorm.DB) { *n++ }
	must(t, db.Callback().Raw().After("gorm:raw").Register("test:raw", seen))
	must(t, db.Callback().Row().After("gorm:row").Register("test:row", seen))
	must(t, db.Callback().Query().After("gorm:query").Register("test:query", seen))
	must(t, db.Callback().Create().After("gorm:create").Register("test:create", seen))
	must(t, db.Callback().Update().After("gorm:update").Register("test:update", seen))
	must(t, db.Callback().Delete().After("gorm:delete").Register("test:delete", seen))
	return n
}
