package dbtest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// keepers are the ways in which a team's schema can keep the sessions whose keys begin with
// "keep". In a trigger, the statement stands for {keep}.
var keepers = map[*dbtest.Engine]struct {
	trigger    []string
	statements map[string][]string // by the code of the error
	schemas    map[string][]string
}{
	dbtest.PostgreSQL: {
		trigger: []string{
			"CREATE TABLE audit (x int PRIMARY KEY CHECK (x < 3))", "INSERT INTO audit VALUES (1)",
			"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.key LIKE 'keep%' THEN {keep}; END IF; RETURN OLD; END $$",
			"CREATE TRIGGER keep BEFORE DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION keep()",
		},
		statements: map[string][]string{
			"P0001": {"RAISE EXCEPTION 'no'"}, "KEEP1": {"RAISE EXCEPTION 'no' USING ERRCODE = 'KEEP1'"}, "P0004": {"ASSERT false"},
			"22012": {"PERFORM 1 / 0"}, "23505": {"INSERT INTO audit VALUES (1)"}, "23514": {"INSERT INTO audit VALUES (7)"},
			"23502": {"INSERT INTO audit VALUES (NULL)"}, "20000": {"CASE WHEN false THEN NULL; END CASE"},
			"21000": {"PERFORM (SELECT v.x FROM (VALUES (1), (2)) AS v (x))"},
			"2F005": {"RAISE EXCEPTION 'no' USING ERRCODE = '2F005'"}, // also what a trigger without a RETURN raises
			"02000": {"RAISE EXCEPTION 'no' USING ERRCODE = '02000'"},
		},
		schemas: map[string][]string{
			"23503": {"CREATE TABLE devices (s bigint REFERENCES user_sessions (id) ON DELETE RESTRICT)"},
			"23502": {"CREATE TABLE devices (s bigint NOT NULL REFERENCES user_sessions (id) ON DELETE SET NULL)"},
		},
	},
	dbtest.MySQL: {
		trigger: []string{
			"CREATE TABLE audit (x int PRIMARY KEY, CHECK (x < 3))", "INSERT INTO audit VALUES (1)",
			"CREATE TRIGGER keep BEFORE DELETE ON user_sessions FOR EACH ROW BEGIN IF OLD.`key` LIKE 'keep%' THEN {keep}; END IF; END",
		},
		statements: map[string][]string{
			"1644": {"SIGNAL SQLSTATE '45000'"}, "30001": {"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001", "SIGNAL SQLSTATE 'KEEP1' SET MYSQL_ERRNO = 30001"},
			"1062": {"INSERT INTO audit VALUES (1)"}, "1048": {"INSERT INTO audit VALUES (NULL)"}, "1364": {"INSERT INTO audit () VALUES ()"},
			"1643": {"SIGNAL SQLSTATE '02000'"}, "1339": {"CASE OLD.version WHEN 0 THEN SET @x = 1; END CASE"}, "1242": {"SET @x = (SELECT 1 UNION SELECT 2)"},
			"1172": {"SELECT 1 UNION SELECT 2 INTO @x"}, "1265": {"INSERT INTO audit VALUES ('1x')"},
		},
		schemas: map[string][]string{
			"1451": {"CREATE TABLE devices (s bigint, FOREIGN KEY (s) REFERENCES user_sessions (id) ON DELETE RESTRICT)"},
		},
	},
	dbtest.SQLite: {
		trigger: []string{
			"CREATE TABLE audit (x int PRIMARY KEY CHECK (x < 3))", "INSERT INTO audit VALUES (1)",
			"CREATE TRIGGER keep BEFORE DELETE ON user_sessions WHEN OLD.key LIKE 'keep%' BEGIN {keep}; END",
		},
		statements: map[string][]string{
			"1811": {"SELECT RAISE(ABORT, 'no')"}, "1555": {"INSERT INTO audit VALUES (1)"}, "275": {"INSERT INTO audit VALUES (7)"},
		},
		schemas: map[string][]string{
			"787":  {"CREATE TABLE devices (s integer REFERENCES user_sessions (id))"},
			"1299": {"CREATE TABLE devices (s integer NOT NULL REFERENCES user_sessions (id) ON DELETE SET NULL)"},
		},
	},
}

// TestTeamTable_KeptByAnything: whatever in a team's schema keeps a row, and with whatever
// error, the cleanup and the end of a user's sessions delete the other rows.
func TestTeamTable_KeptByAnything(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		keeper := keepers[d.Engine]
		for code, all := range keeper.statements {
			for _, statement := range all {
				t.Run(statement, func(t *testing.T) {
					if d.IsTiDB() {
						t.Skip("TiDB has no triggers")
					}
					checkKept(t, d.Engine.New(t), code, func(db *gorm.DB) {
						for _, ddl := range keeper.trigger {
							must(t, db.Exec(strings.Replace(ddl, "{keep}", statement, 1)).Error)
						}
					})
				})
			}
		}
		for code, schemas := range keeper.schemas {
			t.Run(schemas[0], func(t *testing.T) {
				d := d.Engine.New(t)
				checkKept(t, d, code, func(db *gorm.DB) {
					must(t, db.Exec(schemas[0]).Error)
					must(t, db.Exec("INSERT INTO devices SELECT id FROM user_sessions WHERE "+d.Quote("key")+" LIKE 'keep%'").Error)
				})
			})
		}
	})
}

// checkKept checks a store whose sessions stay, after keep, if their keys begin with "keep".
func checkKept(t *testing.T, d *dbtest.Database, code string, keep func(*gorm.DB)) {
	t.Helper()
	const kept, others = 6, 20
	setup := dbtest.Setup{}
	if d.Engine == dbtest.SQLite {
		setup.Params = url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(5000)"}}
	}
	db, store := openStore(t, d, setup, usersession.WithCleanupBatchSize(4))
	ctx := t.Context()
	for i := range kept + others {
		session := testSession(fmt.Sprint("other ", i), "")
		if i < kept {
			session.Key = fmt.Sprint("keep ", i)
		}
		session.Expires = session.Created
		must(t, store.CreateUserSession(ctx, session))
	}
	must(t, store.CreateUserSession(ctx, testSession("keep live", "sid")))
	must(t, store.CreateUserSession(ctx, testSession("live", "sid-2")))
	keep(db)
	check := func(what string, deleted, want int64, err error, text string) {
		t.Helper()
		if deleted != want || err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), "trigger") {
			t.Errorf("%s: %d, %v; want %d and an error with %q and %s", what, deleted, err, want, text, code)
		}
	}
	deleted, err := store.DeleteExpiredSessions(ctx)
	check("cleanup", deleted, others, err, fmt.Sprint(kept, " sessions cannot be deleted"))
	deleted, err = store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
	check("revoke", deleted, 1, err, fmt.Sprint(kept+1, " sessions cannot be deleted"))
	deleted, err = store.DeleteUserSession(ctx, keyOf("keep live"))
	check("delete", deleted, 0, err, "refuses the change")
}

// TestCleanup_KeptSilently: a trigger keeps rows and the DELETE reports no error. The cleanup
// deletes the other rows, also where a whole batch is kept, and says how many stay.
func TestCleanup_KeptSilently(t *testing.T) {
	silent := map[*dbtest.Engine]string{dbtest.PostgreSQL: "RETURN NULL", dbtest.SQLite: "SELECT RAISE(IGNORE)"}
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		for _, kept := range []int{1, 3, 4, 9} {
			t.Run(fmt.Sprint(kept), func(t *testing.T) {
				d := d.Engine.New(t)
				db, store := openStore(t, d, dbtest.Setup{}, usersession.WithCleanupBatchSize(4))
				const others = 20
				for i := range kept + others {
					session := testSession(fmt.Sprint("other ", i), "")
					if i < kept {
						session.Key = fmt.Sprint("keep ", i)
					}
					session.Expires = session.Created
					must(t, store.CreateUserSession(t.Context(), session))
				}
				for _, ddl := range keepers[d.Engine].trigger {
					must(t, db.Exec(strings.Replace(ddl, "{keep}", silent[d.Engine], 1)).Error)
				}
				want := fmt.Sprint(kept, " sessions cannot be deleted")
				for _, n := range []int64{others, 0} {
					deleted, err := store.DeleteExpiredSessions(t.Context())
					if deleted != n || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "trigger") {
						t.Errorf("cleanup: %d, %v; want %d and an error with %q", deleted, err, n, want)
					}
				}
			})
		}
	})
}
