package dbtest_test

import (
	"database/sql"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// A pair is a primary and a replica that never catches up: two databases, so that what
// is read tells where it was read.
type pair struct {
	db               *gorm.DB // the application's handle, with dbresolver
	primary, replica *gorm.DB // each without
	calls            map[string]*dbtest.Recorder
}

// newPair opens databases of an engine and registers them with dbresolver: for all
// tables, or for the store's only. The application's handle then has a third database
// as its default, in which there is not even the table.
func newPair(t *testing.T, e *dbtest.Engine, config func(*gorm.Config), tables ...any) pair {
	t.Helper()
	p := pair{calls: map[string]*dbtest.Recorder{}}
	opened := func(name string) *gorm.DB {
		p.calls[name] = &dbtest.Recorder{}
		return e.New(t).Open(t, dbtest.Setup{Recorder: p.calls[name], Config: config})
	}
	p.primary, p.replica, p.db = opened("primary"), opened("replica"), opened("default")
	for _, db := range []*gorm.DB{p.primary, p.replica} {
		must(t, db.AutoMigrate(&entities.UserSession{}))
	}
	must(t, p.db.Use(dbresolver.Register(dbresolver.Config{
		Sources:  []gorm.Dialector{e.DialectorOn(dbtest.Pool(t, p.primary))},
		Replicas: []gorm.Dialector{e.DialectorOn(dbtest.Pool(t, p.replica))},
	}, tables...)))
	p.take()
	return p
}

// take returns the calls since the last time.
func (p pair) take() map[string][]dbtest.Event {
	taken := map[string][]dbtest.Event{}
	for name, recorder := range p.calls {
		taken[name] = recorder.Take()
	}
	return taken
}

// TestResolver_PrimaryAndReplica: with dbresolver.Write everything happens on the primary. Without it
// reads go to the replica, which is dbresolver's purpose.
func TestResolver_PrimaryAndReplica(t *testing.T) {
	registrations := map[string][]any{
		"every table": nil,
		"by name":     {"user_sessions"},
		"by entity":   {&entities.UserSession{}},
	}
	configs := map[string]func(*gorm.Config){
		"":                             nil,
		" PrepareStmt, TranslateError": func(c *gorm.Config) { c.PrepareStmt, c.TranslateError = true, true },
	}
	for _, e := range dbtest.Engines {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			e.Require(t)
			for registered, tables := range registrations {
				for configured, config := range configs {
					t.Run(registered+configured, func(t *testing.T) {
						testResolver(t, newPair(t, e, config, tables...))
					})
				}
			}
		})
	}
}

func testResolver(t *testing.T, p pair) {
	ctx := t.Context()
	store := newStore(t, p.db.Clauses(dbresolver.Write))
	checkStore(t, store)
	if calls := p.take(); len(calls["replica"])+len(calls["default"]) > 0 {
		t.Errorf("with dbresolver.Write, the replica has %v and the default %v", calls["replica"], calls["default"])
	}

	// Without: reads go to the replica, writes and conflicts to the primary.
	reading := newStore(t, p.db)
	must(t, reading.CreateUserSession(ctx, testSession("key", "sid")))
	_, err := reading.GetUserSession(ctx, keyOf("key"))
	wantErr(t, "get from the replica", err, bff.ErrSessionNotFound)
	_, err = store.GetUserSession(ctx, keyOf("key"))
	must(t, err)
	must(t, newStore(t, p.replica).CreateUserSession(ctx, testSession("on the replica", "sid")))
	found, err := reading.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: "sid"})
	must(t, err)
	wantKeys(t, "list without Write", found, "on the replica")
	found, err = store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: "sid"})
	must(t, err)
	wantKeys(t, "list with Write", found, "key")

	p.take()
	wantErr(t, "create", reading.CreateUserSession(ctx, testSession("key-2", "sid")), bff.ErrSessionExists)
	must(t, reading.ReplaceUserSession(ctx, testSession("key-2", "sid")))
	expired := testSession("expired", "old")
	expired.Expires = now
	must(t, reading.CreateUserSession(ctx, expired))
	must(t, reading.UpdateUserSession(ctx, keyOf("key-2"), updateOf(testSession("", "old"), "", 0)))
	calls := p.take()
	if len(calls["replica"])+len(calls["default"]) > 0 {
		t.Errorf("a conflict reaches the replica: %v, the default: %v", calls["replica"], calls["default"])
	}
	begun := 0
	for _, call := range calls["primary"] {
		if call.Kind == "begin" {
			begun++
		}
	}
	want := 3
	if oneStatementReplace(p.primary.Name()) {
		want = 2
	}
	if begun != want {
		t.Errorf("the primary has %d transactions, want one for each of %d conflicts", begun, want)
	}

	// A transaction of the application stays where the application began it.
	tx := beginTx(t, p.primary, &sql.TxOptions{})
	_, err = reading.WithTx(tx).GetUserSession(ctx, keyOf("key-2"))
	must(t, err)
	must(t, tx.Rollback().Error)
}
