package migrationstest

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/internal/dbtest"
)

// TestScript_SplitAtSemicolons: a client that splits a block at its semicolons changes nothing.
func TestScript_SplitAtSemicolons(t *testing.T) {
	dir := t.TempDir()
	addConcurrently(t, dir)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		versions := versionsIn(t, dir, "postgres")
		last := versions[len(versions)-1]
		client{name: "Go", engine: d.Engine, run: statementByStatement}.mustApply(t, d, scriptOf(t, dir, "postgres", 0, versions[2]))
		db := d.Open(t, dbtest.Setup{})
		createRows(t, db)
		before := stateOf(t, db)
		for _, script := range []string{scriptOf(t, dir, "postgres", 0, last), scriptOf(t, dir, "postgres", versions[2], 0), scriptOf(t, dir, "postgres", last, 0)} {
			if out, err := sendAll(t, d, strings.Split(script, ";")); err == nil {
				t.Errorf("the client succeeded:\n%s", out)
			}
			if after := stateOf(t, db); !reflect.DeepEqual(before, after) {
				t.Errorf("the state is\n%+v, before\n%+v", after, before)
			}
		}
	})
}

// TestScript_AtOnce runs the same script with several clients at once: the result is that of
// one. On SQLite, one client stops the others.
func TestScript_AtOnce(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		if c.goesOn && c.name != "psql" {
			t.Skip("one client of each database suffices")
		}
		versions := versionsIn(t, dir, d.Engine.Name)
		text := scriptOf(t, dir, d.Engine.Name, 0, versions[len(versions)-1])
		var group sync.WaitGroup
		outputs := make([]string, 4)
		for i := range outputs {
			group.Go(func() { outputs[i], _ = c.run(t, d, text) })
		}
		group.Wait()
		if d.Engine == dbtest.SQLite {
			// The versions that are left, if the client that was first has been stopped.
			mustRun(t, team(dir, steps[len(steps)-1].models...), "up", dsnOf(t, d))
		}
		if all := strings.Join(outputs, "\n"); d.Engine == dbtest.PostgreSQL && strings.Contains(all, "ERROR") {
			t.Errorf("a client did not wait for the others:\n%s", all)
		}
		got, want := stateOf(t, d.Open(t, dbtest.Setup{})), upState(t, d.Engine, dir)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the state is\n%+v, after up it is\n%+v\n%s", got, want, strings.Join(outputs, "\n"))
		}
	})
}

// TestScript_MySQLSettings runs scripts in sessions whose settings change the meaning of texts,
// refuse the record's deletion, or commit nothing. The scripts restore them.
func TestScript_MySQLSettings(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		text, second := byHand["mysql"], "d; touched"
		if !d.IsMariaDB() { // MySQL does not prepare CREATE TRIGGER
			text, second = regexp.MustCompile(`(?s)-- \+goose StatementBegin.*?StatementEnd\n`).ReplaceAllString(text, ""), "d"
		}
		writeAll(t, dir, map[string]string{"mysql/20270101000000_notes.sql": text})
		versions := versionsIn(t, dir, "mysql")
		last := versions[len(versions)-1]
		const settings = "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT', SESSION sql_safe_updates = 1, SESSION autocommit = 0, SESSION lock_wait_timeout = 77, SESSION group_concat_max_len = 4;\n"
		const show = "SELECT CONCAT('settings: ', @@SESSION.sql_mode, ' ', @@SESSION.sql_safe_updates + 0, @@SESSION.autocommit + 0, ' ', @@SESSION.lock_wait_timeout, ' ', @@SESSION.group_concat_max_len);\n"
		for _, script := range []string{scriptOf(t, dir, "mysql", 0, last), scriptOf(t, dir, "mysql", last, versions[1]), scriptOf(t, dir, "mysql", versions[1], last)} {
			out, err := mariadb(t, d, settings+script+show)
			if err != nil || !strings.Contains(out, "settings: PIPES_AS_CONCAT,ANSI_QUOTES,NO_BACKSLASH_ESCAPES 10 77 4") {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		if got, want := stateOf(t, d.Open(t, dbtest.Setup{})), upState(t, d.Engine, dir); !reflect.DeepEqual(got, want) {
			t.Errorf("the state is\n%+v, after up it is\n%+v", got, want)
		}
		if got, want := notesIn(t, d), []string{`a;b and 'c' \`, second}; !slices.Equal(got, want) {
			t.Errorf("the notes are %q, want %q", got, want)
		}
	})
}

// TestScript_RepeatableRead: a script that waits for another one sees the versions that it recorded,
// also if transactions are REPEATABLE READ by default.
func TestScript_RepeatableRead(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	writeAll(t, dir, map[string]string{"postgres/20270101000000_notes.sql": byHand["postgres"]})
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		versions := versionsIn(t, dir, "postgres")
		before, last := versions[len(versions)-2], versions[len(versions)-1]
		client{engine: d.Engine, run: psql}.mustApply(t, d, scriptOf(t, dir, "postgres", 0, before))
		db := d.Open(t, dbtest.Setup{})
		holder := db.Begin()
		mustExec(t, holder, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(0x7573657273657373)))
		var out string
		var group sync.WaitGroup
		group.Go(func() {
			out, _ = psql(t, d, "SET default_transaction_isolation = 'repeatable read';\n"+scriptOf(t, dir, "postgres", before, last))
		})
		for waiting := false; !waiting && t.Context().Err() == nil; {
			if err := db.Raw("SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND NOT l.granted AND a.application_name = ?)", d.Name).Scan(&waiting).Error; err != nil {
				t.Fatal(err)
			}
		}
		mustExec(t, holder, fmt.Sprintf("INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (%d, true)", last))
		mustExec(t, holder, "COMMIT")
		group.Wait()
		if !strings.Contains(out, fmt.Sprintf("version %d is already applied", last)) {
			t.Errorf("the script did not see the other's record:\n%s", out)
		}
		out, _ = psql(t, d, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n"+scriptOf(t, dir, "postgres", 0, last)+"COMMIT;\n")
		if !strings.Contains(out, "a script needs the isolation level READ COMMITTED") {
			t.Errorf("the script ran in a REPEATABLE READ transaction:\n%s", out)
		}
	})
}

// TestScript_SearchPath refuses a search_path in which the tables are not in the first schema.
func TestScript_SearchPath(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		program(t, d.Engine, "psql")
		versions := versionsIn(t, dir, "postgres")
		db := d.Open(t, dbtest.Setup{})
		first := d.Name + "_app"
		mustExec(t, db, "CREATE SCHEMA "+first)
		t.Cleanup(func() { db.Exec("DROP SCHEMA " + first + " CASCADE") })
		other := fmt.Sprintf("SET search_path = %s, %s;\n", first, d.Name)
		for _, migrated := range []bool{false, true} {
			if migrated {
				mustExec(t, db, "DROP TABLE user_sessions")
				client{engine: d.Engine, run: psql}.mustApply(t, d, scriptOf(t, dir, "postgres", 0, versions[1]))
			} else if err := db.AutoMigrate(steps[0].models...); err != nil {
				t.Fatal(err)
			}
			out, _ := psql(t, d, other+scriptOf(t, dir, "postgres", 0, versions[len(versions)-1]))
			if !strings.Contains(out, "the search_path finds the tables in another schema than "+first) {
				t.Errorf("migrated %v:\n%s", migrated, out)
			}
			var tables []string
			if err := db.Raw("SELECT tablename FROM pg_tables WHERE schemaname = ? AND tablename <> 'usersession_schema_version'", first).Scan(&tables).Error; err != nil || len(tables) > 0 {
				t.Errorf("migrated %v: the first schema has %v (%v)", migrated, tables, err)
			}
		}
	})
}

// TestSQLiteRebuild_IncompleteCopy: neither up nor a script drops the old table if the copy
// has fewer rows.
func TestSQLiteRebuild_IncompleteCopy(t *testing.T) {
	d := dbtest.SQLite.New(t)
	dir, rows := rebuilding(t, d)
	db := d.Open(t, dbtest.Setup{})
	before := stateOf(t, db)
	edit(t, dir, "sqlite", "alter", "FROM `_old_user_sessions`;", "FROM `_old_user_sessions` WHERE `id` > 1;")
	if out, err := run(t, team(dir, steps[2].models...), "up", dsnOf(t, d)); err == nil || !strings.Contains(err.Error(), "the copy of user_sessions has another number of rows") {
		t.Errorf("up: %v\n%s", err, out)
	}
	versions := versionsIn(t, dir, "sqlite")
	for _, c := range clients {
		if c.engine == dbtest.SQLite {
			c.mustStop(t, d, scriptOf(t, dir, "sqlite", versions[2], versions[3]), "the copy of user_sessions has another number of rows")
		}
	}
	if after := stateOf(t, db); !reflect.DeepEqual(before, after) {
		t.Errorf("the state is\n%+v, before\n%+v", after, before)
	}
	rows.mustBeThere(t, db, "after the failures")
}

// TestSQLiteRebuild_RolledBack runs a rebuild whose transaction ends before the old table is
// dropped, as after a full disk, with a client that goes on: no row is lost.
func TestSQLiteRebuild_RolledBack(t *testing.T) {
	for _, at := range []string{"CREATE TABLE `user_sessions`", "INSERT INTO `user_sessions`", "DELETE FROM sqlite_sequence", "CREATE TEMP TABLE `_copy_", "DROP TABLE `_old_"} {
		t.Run(strings.Fields(at)[0], func(t *testing.T) {
			d := dbtest.SQLite.New(t)
			dir, rows := rebuilding(t, d)
			versions := versionsIn(t, dir, "sqlite")
			text := scriptOf(t, dir, "sqlite", versions[2], versions[3])
			if !strings.Contains(text, at) {
				t.Fatalf("the script does not have %s:\n%s", at, text)
			}
			for _, c := range clients {
				if c.blind {
					if out, _ := c.run(t, d, strings.Replace(text, "\n"+at, "\nROLLBACK;\n"+at, 1)); !strings.Contains(out, "error") {
						t.Errorf("the script succeeded:\n%s", out)
					}
				}
			}
			db := d.Open(t, dbtest.Setup{})
			rows.mustBeThere(t, db, "after a transaction that was rolled back")
			if got := stateOf(t, db); len(got.versions) != 3 {
				t.Errorf("the versions %v are recorded", got.versions)
			}
		})
	}
}

// TestScript_SQLiteLocked runs a script while another connection writes: nothing changes.
func TestScript_SQLiteLocked(t *testing.T) {
	for _, c := range clients {
		if c.engine != dbtest.SQLite {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			d := dbtest.SQLite.New(t)
			dir, rows := rebuilding(t, d)
			versions := versionsIn(t, dir, "sqlite")
			db := d.Open(t, dbtest.Setup{})
			before := stateOf(t, db)
			tx := db.Begin() // immediate
			text := strings.Replace(scriptOf(t, dir, "sqlite", versions[2], versions[3]), ".timeout 10000", ".timeout 1", 1)
			if strings.Contains(text, "BEGIN IMMEDIATE") {
				t.Error("if BEGIN fails, the statements after it run without a transaction")
			}
			if out, _ := c.run(t, d, text); !strings.Contains(out, "database is locked") {
				t.Errorf("the output is\n%s", out)
			}
			if err := tx.Rollback().Error; err != nil {
				t.Fatal(err)
			}
			if after := stateOf(t, db); !reflect.DeepEqual(before, after) {
				t.Errorf("the state is\n%+v, before\n%+v", after, before)
			}
			rows.mustBeThere(t, db, "after the lock")
		})
	}
}

// TestScript_SQLiteSettings applies scripts after settings that a .sqliterc can have and that turn
// off the checks on which the scripts rely.
func TestScript_SQLiteSettings(t *testing.T) {
	const settings = "PRAGMA ignore_check_constraints = ON;\n.bail off\n"
	dir := t.TempDir()
	addAll(t, dir)
	d := dbtest.SQLite.New(t)
	c := client{name: "sqlite3", engine: d.Engine, run: sqlite3}
	versions := versionsIn(t, dir, "sqlite")
	text := settings + scriptOf(t, dir, "sqlite", 0, versions[2])
	c.mustApply(t, d, text)
	c.mustStop(t, d, text, "is already applied")
	c.mustStop(t, d, settings+scriptOf(t, dir, "sqlite", versions[3], versions[4]), "the last version of the database must be")
}
