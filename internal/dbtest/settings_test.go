package dbtest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// TestSettings_WritesWouldBeLost: with a setting that makes the database forget writes, the
// first write fails and names the setting. A transaction of the application works.
func TestSettings_WritesWouldBeLost(t *testing.T) {
	for name, values := range map[string][]string{"autocommit": {"0", "OFF"}, "completion_type": {"1", "'CHAIN'"}} {
		for _, value := range values {
			dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
				d.Migrate(t, d.Open(t, dbtest.Setup{}))
				db := d.Open(t, dbtest.Setup{Params: url.Values{name: {value}}})
				ctx, session := t.Context(), testSession("key", "sid")
				for operation, call := range map[string]func(*usersession.GormStore) error{
					"create":  func(s *usersession.GormStore) error { return s.CreateUserSession(ctx, session) },
					"delete":  func(s *usersession.GormStore) error { return errOf(s.DeleteUserSession(ctx, keyOf("key"))) },
					"cleanup": func(s *usersession.GormStore) error { return errOf(s.DeleteExpiredSessions(ctx)) },
				} {
					if err := call(newStore(t, db)); err == nil || !strings.Contains(err.Error(), name) {
						t.Errorf("%s=%s: %s: %v", name, value, operation, err)
					}
				}
				must(t, db.Transaction(func(tx *gorm.DB) error { return newStore(t, db).WithTx(tx).CreateUserSession(ctx, session) }))
				_, err := newStore(t, d.Open(t, dbtest.Setup{})).GetUserSession(ctx, keyOf("key"))
				must(t, err)
			})
		}
	}
}

// TestSettings_CommitCloses: with completion_type=RELEASE, the server closes the connection after
// a plain COMMIT or ROLLBACK. The store's transactions keep it open.
func TestSettings_CommitCloses(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		if d.IsTiDB() {
			t.Skip("TiDB ignores completion_type")
		}
		db, store := openStore(t, d, dbtest.Setup{Params: url.Values{"completion_type": {"'RELEASE'"}}})
		pool, err := db.DB()
		must(t, err)
		pool.SetMaxOpenConns(1)
		connection := func() (id int64) {
			must(t, pool.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id))
			return id
		}
		must(t, errOf(store.DeleteExpiredSessions(t.Context()))) // the first write reads the settings
		before := connection()
		for range 3 {
			must(t, errOf(store.DeleteExpiredSessions(t.Context())))
		}
		if after := connection(); after != before {
			t.Errorf("connection %d was closed: the connection is %d now", before, after)
		}
	})
}

// TestSettings_CharacterSet: a value that does not survive the connection's character set is
// refused, and the error names the setting. Every other value is kept exactly.
func TestSettings_CharacterSet(t *testing.T) {
	const ascii, latin, plane0, plane1 = "alice", "alicé", "alice 鈴木", "alice 😀"
	for charset, refused := range map[string][]string{
		"utf8mb4": nil,
		"utf8":    {plane1},
		"utf8mb3": {plane1},
		"latin1":  {latin, plane0, plane1},
		"ascii":   {latin, plane0, plane1},
		"cp1251":  {latin, plane0, plane1},
	} {
		for _, mode := range []string{"''", "'STRICT_ALL_TABLES'"} {
			dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
				if charset == "cp1251" && d.IsTiDB() {
					return // TiDB has no such character set
				}
				_, store := openStore(t, d, dbtest.Setup{Params: url.Values{"charset": {charset}, "sql_mode": {mode}}})
				ctx := t.Context()
				_, err := store.GetUserSession(ctx, keyOf("missing"))
				wantErr(t, "get", err, bff.ErrSessionNotFound)
				for _, name := range []string{ascii, latin, plane0, plane1} {
					session := testSession("key "+name, "sid "+name)
					session.SubjectID = name
					err := store.CreateUserSession(ctx, session)
					if slices.Contains(refused, name) {
						if !errors.Is(err, bff.ErrInvalidSession) || !strings.Contains(err.Error(), "charset=utf8mb4") || strings.Contains(err.Error(), name) {
							t.Errorf("%s: create %q: %v", charset, name, err)
						}
						if err := errOf(store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: name})); err == nil {
							t.Errorf("%s: revoke %q: no error, although sessions of that user may exist", charset, name)
						}
						continue
					}
					must(t, err)
					got, err := store.GetUserSession(ctx, keyOf("key "+name))
					must(t, err)
					wantSession(t, got, session, 1)
				}
			})
		}
	}
}

// TestSettings_EmptyStringIsNull: in MariaDB's mode EMPTY_STRING_IS_NULL an operation with an
// empty partition key, subject id or ticket fails and names the mode. Other operations work.
func TestSettings_EmptyStringIsNull(t *testing.T) {
	onEnginesExcept(t, []*dbtest.Engine{dbtest.MySQL}, func(d *dbtest.Database) string {
		if !d.IsMariaDB() {
			return "lacks the mode"
		}
		return ""
	}, func(t *testing.T, d *dbtest.Database) {
		for _, inTx := range []bool{false, true} {
			db, store := openStore(t, d, dbtest.Setup{Params: url.Values{"sql_mode": {"'EMPTY_STRING_IS_NULL'"}}})
			must(t, db.Exec("DELETE FROM user_sessions").Error)
			if inTx {
				store = store.WithTx(beginTx(t, db))
			}
			ctx, session := t.Context(), testSession("key", "sid")
			must(t, store.CreateUserSession(ctx, session))
			got, err := store.GetUserSession(ctx, keyOf("key"))
			must(t, err)
			wantSession(t, got, session, 1)
			must(t, store.ReplaceUserSession(ctx, session))
			must(t, store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 1)))
			must(t, errOf(store.DeleteExpiredSessions(ctx)))
			for name, change := range map[string]func(*bff.UserSession){
				"partition": func(s *bff.UserSession) { s.PartitionKey = "" },
				"subject":   func(s *bff.UserSession) { s.SubjectID, s.SessionID = "", "" },
				"ticket":    func(s *bff.UserSession) { s.Ticket = []byte{} },
			} {
				changed := session
				changed.Key, changed.SessionID = "other", "sid-2"
				change(&changed)
				calls := map[string]error{
					"create":  store.CreateUserSession(ctx, changed),
					"replace": store.ReplaceUserSession(ctx, changed),
				}
				if name == "partition" {
					key := bff.UserSessionKey{Key: "key"}
					_, calls["get"] = store.GetUserSession(ctx, key)
					calls["update"] = store.UpdateUserSession(ctx, key, updateOf(session, "new", 0))
					calls["delete"] = errOf(store.DeleteUserSession(ctx, key))
					calls["revoke"] = errOf(store.DeleteUserSessions(ctx, "", bff.UserSessionsFilter{SubjectID: "alice"}))
				}
				for operation, err := range calls {
					if err == nil || !strings.Contains(err.Error(), "EMPTY_STRING_IS_NULL") {
						t.Errorf("%s, empty %s: %v", operation, name, err)
					}
				}
			}
		}
	})
}

// TestSettings_StatementBinlog: with binlog_format=STATEMENT, MySQL refuses to write under
// READ COMMITTED. The store then uses the server's isolation level, and remembers that.
func TestSettings_StatementBinlog(t *testing.T) {
	fake, recorder := &fakeDriver{refuseReadCommitted: &mysqldriver.MySQLError{Number: 1665}}, &dbtest.Recorder{}
	db, err := gorm.Open(fakeDialects[2].dialector(sql.OpenDB(recorder.Wrap(fake))), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	store, duplicate := newStore(t, db), fakeDialects[2].duplicate
	for range 2 {
		fake.refuse = []error{duplicate, nil}
		must(t, store.ReplaceUserSession(t.Context(), testSession("key", "sid")))
		must(t, errOf(store.DeleteExpiredSessions(t.Context())))
	}
	var levels []sql.IsolationLevel
	for _, event := range recorder.Take() {
		if event.Kind == "begin" {
			levels = append(levels, sql.IsolationLevel(event.Options.Isolation))
		}
	}
	if got := fmt.Sprint(levels); got != "[Read Committed Default Default Default Default]" {
		t.Errorf("the transactions were %s", got)
	}
}

// TestSettings_TooManyPreparedStatements: if the server prepares no more statements, the
// store closes its own and goes on without.
func TestSettings_TooManyPreparedStatements(t *testing.T) {
	for limit := range 2 { // the store needs two statements
		fake := &fakeDriver{refusePrepare: &mysqldriver.MySQLError{Number: 1461}, maxPrepared: int64(limit)}
		db, err := gorm.Open(fakeDialects[2].dialector(sql.OpenDB(fake)), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		store := newStore(t, db)
		for _, err := range race(racers, func(i int) error {
			return store.CreateUserSession(t.Context(), testSession(fmt.Sprint("key ", i), ""))
		}) {
			must(t, err)
		}
		must(t, errOf(store.DeleteUserSession(t.Context(), keyOf("key"))))
		if n := fake.open.Load(); n != 0 || fake.prepared.Load() <= int64(limit) {
			t.Errorf("limit %d: %d statements are still prepared", limit, n)
		}
	}
}

// TestSettings_ReadOnly: on a read-only connection, the error of a write says that.
func TestSettings_ReadOnly(t *testing.T) {
	params := map[*dbtest.Engine]url.Values{
		dbtest.SQLite:     {"_pragma": {"query_only(1)"}},
		dbtest.PostgreSQL: {"default_transaction_read_only": {"on"}},
		dbtest.MySQL:      {"tx_read_only": {"1"}}, // as MariaDB names it
	}
	readOnly := func(d *dbtest.Database) string {
		if d.IsTiDB() {
			return "has no read-only transactions"
		}
		return ""
	}
	onEnginesExcept(t, []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL, dbtest.MySQL}, readOnly, func(t *testing.T, d *dbtest.Database) {
		if d.Engine == dbtest.MySQL && !d.IsMariaDB() {
			params[d.Engine] = url.Values{"transaction_read_only": {"1"}}
		}
		d.Migrate(t, d.Open(t, dbtest.Setup{}))
		store := newStore(t, d.Open(t, dbtest.Setup{Params: params[d.Engine]}))
		ctx, session := t.Context(), testSession("key", "sid")
		for operation, err := range map[string]error{
			"create":  store.CreateUserSession(ctx, session),
			"replace": store.ReplaceUserSession(ctx, session),
			"update":  store.UpdateUserSession(ctx, keyOf("key"), updateOf(session, "new", 0)),
			"delete":  errOf(store.DeleteUserSession(ctx, keyOf("key"))),
			"cleanup": errOf(store.DeleteExpiredSessions(ctx)),
		} {
			if err == nil || !strings.Contains(err.Error(), "read-only") {
				t.Errorf("%s: %v", operation, err)
			}
		}
	})
}

// TestSettings_SequenceBehind: after a restore, PostgreSQL's sequence may be behind the rows.
// A sign-in then fails, and the error says how to set the sequence.
func TestSettings_SequenceBehind(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		for name, call := range map[string]func(*usersession.GormStore, bff.UserSession) error{
			"create": func(s *usersession.GormStore, session bff.UserSession) error {
				return s.CreateUserSession(t.Context(), session)
			},
			"replace": func(s *usersession.GormStore, session bff.UserSession) error {
				return s.ReplaceUserSession(t.Context(), session)
			},
		} {
			for _, inTx := range []bool{false, true} {
				db, store := openStore(t, d, dbtest.Setup{})
				must(t, db.Exec("DELETE FROM user_sessions").Error)
				for i := range 5 {
					must(t, store.CreateUserSession(t.Context(), testSession(fmt.Sprint("old ", i), "")))
				}
				must(t, db.Exec("SELECT setval(pg_get_serial_sequence('user_sessions', 'id'), min(id), false) FROM user_sessions").Error)
				if inTx {
					store = store.WithTx(beginTx(t, db))
				}
				err := call(store, testSession("key", "sid"))
				_, remedy, ok := strings.Cut(fmt.Sprint(err), "as after a restore: ")
				if !ok || errors.Is(err, bff.ErrSessionExists) {
					t.Fatalf("%s: %v", name, err)
				}
				if inTx {
					continue
				}
				must(t, db.Exec(remedy).Error)
				must(t, call(store, testSession("key", "sid")))
			}
		}
	})
}

// latin1Database creates a database in LATIN1 with the schema of d, and returns how to open
// it.
func latin1Database(t *testing.T, d *dbtest.Database) dbtest.Setup {
	t.Helper()
	db, name := d.Open(t, dbtest.Setup{}), d.Name+"_latin1"
	must(t, db.Exec("CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'").Error)
	t.Cleanup(func() { _ = db.Exec("DROP DATABASE " + name).Error })
	setup := dbtest.Setup{Params: url.Values{"dbname": {name}, "client_encoding": {"UTF8"}}}
	must(t, d.Open(t, setup).Exec("CREATE SCHEMA "+d.Name).Error)
	return setup
}

// TestSettings_DatabaseNotUTF8: in a database with another encoding, no row can have a value
// that the encoding lacks. Writing such a value is an error that names the remedy.
func TestSettings_DatabaseNotUTF8(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		_, store := openStore(t, d, latin1Database(t, d))
		const latin, other = "alicé", "鈴木"
		ctx, session := t.Context(), testSession(latin, latin)
		must(t, store.CreateUserSession(ctx, session))
		got, err := store.GetUserSession(ctx, keyOf(latin))
		must(t, err)
		wantSession(t, got, session, 1)

		_, err = store.GetUserSession(ctx, keyOf(other))
		wantErr(t, "get", err, bff.ErrSessionNotFound)
		wantErr(t, "update", store.UpdateUserSession(ctx, keyOf(other), updateOf(session, "new", 0)), bff.ErrSessionNotFound)
		must(t, errOf(store.DeleteUserSession(ctx, keyOf(other))))
		must(t, errOf(store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: other})))
		sessions, err := store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: other})
		must(t, err)
		if len(sessions) > 0 {
			t.Errorf("%d sessions have the session id", len(sessions))
		}
		changed := updateOf(session, "new", 0)
		changed.SubjectID = other
		for operation, err := range map[string]error{
			"create":  store.CreateUserSession(ctx, testSession(other, "sid")),
			"replace": store.ReplaceUserSession(ctx, testSession("key", other)),
			"update":  store.UpdateUserSession(ctx, keyOf(latin), changed),
			"rivals":  store.UpdateUserSession(ctx, keyOf(latin), replacingRivals(changed)),
		} {
			if err == nil || !strings.Contains(err.Error(), "UTF8") || errors.Is(err, bff.ErrSessionNotFound) {
				t.Errorf("%s: %v", operation, err)
			}
		}
	})
}
