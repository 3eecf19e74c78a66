package migrationstest

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/entities"
	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// edit replaces a text in a migration, as a team might by hand.
func edit(t *testing.T, dir, dialect, name, old, replacement string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, dialect, "*_"+name+".sql"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not have %q", paths[0], old)
	}
	if err := os.WriteFile(paths[0], []byte(strings.Replace(string(data), old, replacement, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestVerify_GeneratedMigrations finds no difference after each step and leaves the database
// empty.
func TestVerify_GeneratedMigrations(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		for _, s := range steps {
			add(t, dir, s)
			out := mustRun(t, team(dir, s.models...), "verify", dsnOf(t, d))
			if want := d.Engine.Name + ": migrations and entities create the same"; !strings.Contains(out, want) {
				t.Errorf("%s: the output does not have %q:\n%s", s.name, want, out)
			}
		}
		mustBeEmpty(t, d)
	})
}

// TestVerify_SafeUpdates: with sql_safe_updates MySQL and MariaDB refuse goose's deletion of its
// records, so the commands switch it off for themselves.
func TestVerify_SafeUpdates(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		dsn, err := d.DSN(url.Values{"sql_safe_updates": {"1"}})
		if err != nil {
			t.Fatal(err)
		}
		project := team(dir, steps[0].models...)
		for _, command := range []string{"verify", "up", "down"} {
			mustRun(t, project, command, "-allow-destructive", "-dsn="+dsn)
		}
	})
}

func mustBeEmpty(t *testing.T, d *dbtest.Database) {
	t.Helper()
	left, err := migrations.Inspect(t.Context(), d.Open(t, dbtest.Setup{}))
	if err != nil || len(left.Tables) > 0 {
		t.Errorf("verify left %+v, %v", left.Tables, err)
	}
}

// edits are changes of the first migration that verify must find.
var edits = []struct {
	name, find string
	old, new   map[string]string // by dialect
}{
	{
		name: "an index omitted", find: "idx_user_sessions_expires: the index is missing",
		old: map[string]string{
			"sqlite":   "CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`);\n",
			"postgres": `CREATE INDEX "idx_user_sessions_expires" ON "user_sessions" ("expires");` + "\n",
			"mysql":    "    INDEX `idx_user_sessions_expires` (`expires`),\n",
		},
	},
	{
		name: "an index without its filter", find: "idx_user_sessions_session: the index is unique on (partition_key, session_id), want",
		old: map[string]string{"sqlite": " WHERE session_id IS NOT NULL", "postgres": " WHERE session_id IS NOT NULL"},
	},
	{
		name: "an index over other columns", find: "idx_user_sessions_key: the index is",
		old: map[string]string{"sqlite": "(`partition_key`, `key`)", "postgres": `("partition_key", "key")`, "mysql": "(`partition_key`, `key`)"},
		new: map[string]string{"sqlite": "(`key`)", "postgres": `("key")`, "mysql": "(`key`)"},
	},
	{
		name: "a column of another type", find: "user_sessions.ticket: the type is",
		old: map[string]string{"sqlite": "blob", "postgres": "bytea", "mysql": "longblob"},
		new: map[string]string{"sqlite": "text", "postgres": "text", "mysql": "mediumblob"},
	},
	{
		name: "a nullable column", find: "user_sessions.renewed: the column is NULL, want NOT NULL",
		old: map[string]string{"sqlite": "`renewed` datetime NOT NULL", "postgres": `"renewed" timestamptz NOT NULL`, "mysql": "`renewed` datetime(6) NOT NULL"},
		new: map[string]string{"sqlite": "`renewed` datetime", "postgres": `"renewed" timestamptz`, "mysql": "`renewed` datetime(6)"},
	},
	{
		name: "a column with another collation", find: "user_sessions.partition_key: the collation is",
		old: map[string]string{"postgres": `COLLATE "C"`, "mysql": "COLLATE utf8mb4_bin"},
		new: map[string]string{"postgres": `COLLATE "POSIX"`, "mysql": "COLLATE utf8mb4_general_ci"},
	},
	{
		name: "a column with a default", find: "user_sessions.version: the default is 1, want none",
		old: map[string]string{"sqlite": "`version` integer NOT NULL", "postgres": `"version" bigint NOT NULL`, "mysql": "`version` bigint NOT NULL"},
		new: map[string]string{"sqlite": "`version` integer NOT NULL DEFAULT 1", "postgres": `"version" bigint NOT NULL DEFAULT 1`, "mysql": "`version` bigint NOT NULL DEFAULT 1"},
	},
	{
		name: "a Down that does nothing", find: "user_sessions: the table is left",
		old: map[string]string{"sqlite": "DROP TABLE `user_sessions`;", "postgres": `DROP TABLE "user_sessions";`, "mysql": "DROP TABLE `user_sessions`;"},
	},
}

// TestVerify_EditedMigration is the positive control of verify: it reports each edit and
// nothing else.
func TestVerify_EditedMigration(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for _, e := range edits {
			old, ok := e.old[d.Engine.Name]
			if !ok {
				continue // not possible in this dialect
			}
			dir := t.TempDir()
			add(t, dir, steps[0])
			edit(t, dir, d.Engine.Name, "init", old, e.new[d.Engine.Name])
			project := only(team(dir, steps[0].models...), d.Engine.Name)
			out, err := run(t, project, "verify", dsnOf(t, d))
			about, _, _ := strings.Cut(e.find, ":")
			if !errors.Is(err, command.ErrDrift) || !strings.Contains(out, e.find) || strings.Count(out, "PROBLEM") != strings.Count(out, about+": ") {
				t.Errorf("%s: want only %q, got %v:\n%s", e.name, e.find, err, out)
			}
		}
		mustBeEmpty(t, d)
	})
}

// executed are the engines without SQL Server.
var executed = []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL, dbtest.MySQL}

// only returns the team with one of its dialects.
func only(team command.Team, dialect string) command.Team {
	var one []command.Dialect
	for _, d := range team.Dialects {
		if d.Name == dialect {
			one = append(one, d)
		}
	}
	team.Dialects = one
	return team
}

// TestVerify_NoTables fails if no table is created, although two empty databases have no
// differences.
func TestVerify_NoTables(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		project := only(team(dir, steps[0].models...), d.Engine.Name)
		mustKeepPrecious(t, d, project)

		models := project.Models
		project.Models = nil
		if out, err := run(t, project, "verify", dsnOf(t, d)); err == nil {
			t.Errorf("no entities: verify succeeded:\n%s", out)
		}
		mustBeEmpty(t, d)
		project.Models = models

		edit(t, dir, d.Engine.Name, "init", "CREATE TABLE", "CREATE TABEL")
		if out, err := run(t, project, "verify", dsnOf(t, d)); err == nil || errors.Is(err, command.ErrDrift) {
			t.Errorf("an invalid migration: got %v\n%s", err, out)
		}
		mustBeEmpty(t, d)
	})
}

// mustKeepPrecious runs verify on a database with a table: it fails and keeps the table.
func mustKeepPrecious(t *testing.T, d *dbtest.Database, project command.Team) {
	t.Helper()
	db := d.Open(t, dbtest.Setup{})
	if err := db.Exec("CREATE TABLE precious (id int)").Error; err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, project, "verify", dsnOf(t, d)); err == nil || !strings.Contains(err.Error(), "precious") {
		t.Errorf("a database that is not empty: got %v\n%s", err, out)
	}
	if err := db.Exec("DROP TABLE precious").Error; err != nil {
		t.Errorf("verify dropped a table that it did not create: %v", err)
	}
}

// TestBaseline_AutoMigratedDatabase adopts a database that AutoMigrate made, after a refusal
// while an index is missing. Later migrations are applied on top.
func TestBaseline_AutoMigratedDatabase(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, steps[0])
		project := team(dir, steps[0].models...)
		db := d.Open(t, dbtest.Setup{})
		if err := db.AutoMigrate(steps[0].models...); err != nil {
			t.Fatal(err)
		}
		rows := createRows(t, db)
		if _, err := run(t, project, "up", dsn); err == nil || !strings.Contains(err.Error(), "baseline") {
			t.Errorf("up on a database that has the table: got %v, want a hint at baseline", err)
		}
		dropIndex(t, db, "idx_user_sessions_expires")
		out, err := run(t, project, "baseline", "20260301120000", dsn)
		if !errors.Is(err, command.ErrDrift) || !strings.Contains(out, "idx_user_sessions_expires: the index is missing") {
			t.Errorf("without an index: got %v, want ErrDrift\n%s", err, out)
		}
		if status := mustRun(t, project, "status", dsn); strings.Contains(status, "UTC") {
			t.Errorf("the version was recorded in spite of the difference:\n%s", status)
		}
		if err := db.Exec("CREATE INDEX idx_user_sessions_expires ON user_sessions (expires)").Error; err != nil {
			t.Fatal(err)
		}
		mustRun(t, project, "baseline", "20260301120000", dsn)
		if out := mustRun(t, project, "baseline", "20260301120000", dsn); out != "Nothing is recorded: the versions up to 20260301120000 are there already.\n" {
			t.Errorf("a second baseline says:\n%s", out)
		}
		if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the baseline:\n%s", out)
		}
		for _, s := range steps[1:] {
			add(t, dir, s)
			mustRun(t, team(dir, s.models...), "up", dsn)
		}
		rows.mustBeThere(t, db, "after baseline and up")
		if _, err := run(t, project, "baseline", "7", dsn); !errors.Is(err, migrations.ErrNoMigration) {
			t.Errorf("a version that does not exist: got %v, want ErrNoMigration", err)
		}
	})
}

func dropIndex(t *testing.T, db *gorm.DB, name string) {
	t.Helper()
	dropIndexOn(t, db, "user_sessions", name)
}

func dropIndexOn(t *testing.T, db *gorm.DB, table, name string) {
	t.Helper()
	statement := "DROP INDEX " + name
	if db.Name() == "mysql" {
		statement += " ON " + table
	}
	mustExec(t, db, statement)
}

// TestUp_UnrecordedVersion repairs a database on which a process ended after the DDL and
// before it recorded the version. On MySQL, and on SQLite if a table is rebuilt, that can
// happen: up records the version. On PostgreSQL it cannot, and the decision is left to baseline.
func TestUp_UnrecordedVersion(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		for _, s := range steps[:3] {
			add(t, dir, s)
		}
		project := team(dir, steps[2].models...)
		mustRun(t, project, "up", dsn)
		db := d.Open(t, dbtest.Setup{})
		rows := createRows(t, db)
		mustExec(t, db, "DELETE FROM usersession_schema_version WHERE version_id = 20260301120003")
		if d.Engine == dbtest.PostgreSQL {
			if out, err := run(t, project, "up", dsn); err == nil || !strings.Contains(err.Error(), "run: baseline 20260301120003") {
				t.Fatalf("want a hint at baseline, got %v\n%s", err, out)
			}
			mustRun(t, project, "baseline", "20260301120003", dsn)
		} else if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "recorded 20260301120003_alter.sql: the database already has its changes") {
			t.Errorf("up applied the migration twice:\n%s", out)
		}
		if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the repair:\n%s", out)
		}
		rows.mustBeThere(t, db, "after the repair")
	})
}

// TestUp_UnrecordedOwnStatements does not record a version whose file has statements of the
// team's after the change of the schema: they may not have been executed.
func TestUp_UnrecordedOwnStatements(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		for _, s := range steps[:3] {
			add(t, dir, s)
		}
		if d.Engine == dbtest.MySQL {
			edit(t, dir, "mysql", "alter", "SET SESSION sql_mode = @usersession_sql_mode;", "SET SESSION sql_mode = @usersession_sql_mode;\nUPDATE user_sessions SET score = 9;")
		} else {
			edit(t, dir, "sqlite", "alter", "COMMIT;", "COMMIT;\nUPDATE user_sessions SET score = 9;")
		}
		project := team(dir, steps[2].models...)
		mustRun(t, project, "up", dsn)
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "DELETE FROM usersession_schema_version WHERE version_id = 20260301120003")
		if out, _ := run(t, project, "up", dsn); strings.Contains(out, "recorded") {
			t.Errorf("up recorded the version:\n%s", out)
		}
	})
}

// TestCheckCommand_Drift fails while the entities and the migrations differ, as a CI needs.
func TestCheckCommand_Drift(t *testing.T) {
	dir := t.TempDir()
	if out, err := run(t, team(dir, &entities.UserSession{}), "check"); !errors.Is(err, command.ErrDrift) || !strings.Contains(out, "postgres: the table user_sessions is new") {
		t.Errorf("without migrations: got %v, want ErrDrift\n%s", err, out)
	}
	add(t, dir, steps[0])
	mustRun(t, team(dir, steps[0].models...), "check")
	out, err := run(t, team(dir, steps[1].models...), "check")
	if !errors.Is(err, command.ErrDrift) {
		t.Errorf("after a change of the entities: got %v, want ErrDrift", err)
	}
	for _, want := range []string{"the table audits is new", "the column user_sessions.device is new", "the index idx_user_sessions_score on user_sessions is new"} {
		for _, dialect := range teamDialects {
			if !strings.Contains(out, dialect.Name+": "+want) {
				t.Errorf("the output does not have %q for %s:\n%s", want, dialect.Name, out)
			}
		}
	}
	mustRun(t, team(dir, steps[0].models...), "add", "fill", "-by-hand")
	out, err = run(t, team(dir, steps[0].models...), "check")
	if !errors.Is(err, command.ErrDrift) || !strings.Contains(err.Error(), "complete") || !strings.Contains(out, "_fill.sql waits to be completed by hand") {
		t.Errorf("before the migration is completed by hand: got %v\n%s", err, out)
	}
}
