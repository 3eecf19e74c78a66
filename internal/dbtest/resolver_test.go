package dbtest_test

import (
	"database/sql"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// A replicated database has a primary, and a replica that never receives the primary's
// rows. So the result of a read shows which of the two was read.
type replicated struct {
	db               *gorm.DB // the application's handle, with dbresolver
	primary, replica *gorm.DB // handles without dbresolver
	calls            map[string]*dbtest.Recorder
}

// openReplicated opens a primary and a replica of an engine and registers them with
// dbresolver, for the tables or, without tables, for all. The default database of the
// application's handle is a third one, which lacks the store's table.
func openReplicated(t *testing.T, e *dbtest.Engine, config func(*gorm.Config), tables ...any) replicated {
	t.Helper()
	p := replicated{calls: map[string]*dbtest.Recorder{}}
	openRecorded := func(name string) *gorm.DB {
		p.calls[name] = &dbtest.Recorder{}
		return e.New(t).Open(t, dbtest.Setup{Recorder: p.calls[name], Config: config})
	}
	p.primary, p.replica, p.db = openRecorded("primary"), openRecorded("replica"), openRecorded("default")
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

// take returns the calls of each database since the last call of take.
func (p replicated) take() map[string][]dbtest.Event {
	taken := map[string][]dbtest.Event{}
	for name, recorder := range p.calls {
		taken[name] = recorder.Take()
	}
	return taken
}

// TestResolver_PrimaryAndReplica: with dbresolver.Write the store uses only the primary.
// Without it reads go to the replica, and writes and conflicts to the primary.
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
						testResolver(t, openReplicated(t, e, config, tables...))
					})
				}
			}
		})
	}
}

func testResolver(t *testing.T, p replicated) {
	ctx := t.Context()
	store := newStore(t, p.db.Clauses(dbresolver.Write))
	checkStore(t, store)
	if calls := p.take(); len(calls["replica"])+len(calls["default"]) > 0 {
		t.Errorf("with dbresolver.Write, the replica receives %v and the default database %v", calls["replica"], calls["default"])
	}

	// Without dbresolver.Write.
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
		t.Errorf("a conflict reaches the replica: %v, or the default database: %v", calls["replica"], calls["default"])
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
		t.Errorf("the primary has %d transactions, want %d, one for each conflict", begun, want)
	}

	// In a transaction of the application, the store uses the transaction's database.
	tx := beginTx(t, p.primary, &sql.TxOptions{})
	_, err = reading.WithTx(tx).GetUserSession(ctx, keyOf("key-2"))
	must(t, err)
	must(t, tx.Rollback().Error)
}

// TestResolver_Unprepared: with WithoutPreparedStatements nothing is prepared, also if the
// application's PrepareStmt makes dbresolver prepare statements.
func TestResolver_Unprepared(t *testing.T) {
	for unprepared, options := range map[bool][]usersession.Option{true: {usersession.WithoutPreparedStatements()}, false: nil} {
		p := openReplicated(t, dbtest.SQLite, func(c *gorm.Config) { c.PrepareStmt = true })
		store := newStore(t, p.db.Clauses(dbresolver.Write), options...)
		p.take()
		checkStore(t, store)
		prepared := 0
		for _, call := range p.take()["primary"] {
			if call.Kind == "prepare" {
				prepared++
			}
		}
		if (prepared == 0) != unprepared {
			t.Errorf("without prepared statements: %t; %d statements are prepared", unprepared, prepared)
		}
	}
}
