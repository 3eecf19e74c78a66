package migrationstest

import (
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// TestUp_TableInAnotherSchema: on PostgreSQL, a table that the search_path finds in another
// schema than the first one is not created a second time, whether it was made by migrations
// or by AutoMigrate.
func TestUp_TableInAnotherSchema(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	team := team(dir, steps[0].models...)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		for _, migrated := range []bool{true, false} {
			d := d.Engine.New(t)
			db, first := d.Open(t, dbtest.Setup{}), d.Name+"_app"
			mustExec(t, db, "CREATE SCHEMA "+first)
			t.Cleanup(func() { db.Exec("DROP SCHEMA " + first + " CASCADE") })
			if migrated {
				mustRun(t, team, "up", dsnOf(t, d))
			} else if err := db.AutoMigrate(steps[0].models...); err != nil {
				t.Fatal(err)
			}
			dsn, err := d.DSN(url.Values{"search_path": {first + "," + d.Name}})
			if err != nil {
				t.Fatal(err)
			}
			if out, err := run(t, team, "up", "-dsn="+dsn); err == nil || !strings.Contains(err.Error(), "put "+d.Name+" first in the DSN's search_path") {
				t.Errorf("migrated %v: %v\n%s", migrated, err, out)
			}
			var tables int64
			if err := db.Raw("SELECT count(*) FROM pg_tables WHERE schemaname = ?", first).Scan(&tables).Error; err != nil || tables != 0 {
				t.Errorf("migrated %v: %d tables in the first schema (%v)", migrated, tables, err)
			}
		}
	})
}

// TestUp_TableInTwoSchemas: a table that the search_path finds twice is refused by every command
// that changes the database, and nothing is changed.
func TestUp_TableInTwoSchemas(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	team := team(dir, steps[0].models...)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		db, first := d.Open(t, dbtest.Setup{}), d.Name+"_app"
		mustExec(t, db, "CREATE SCHEMA "+first, "CREATE TABLE "+first+".user_sessions (id bigint)", "CREATE TABLE user_sessions (id bigint)")
		t.Cleanup(func() { db.Exec("DROP SCHEMA " + first + " CASCADE") })
		for _, path := range []string{first + "," + d.Name, d.Name + "," + first, "nothere," + d.Name + "," + first} {
			dsn := "-dsn=" + dsnWith(t, d, url.Values{"search_path": {path}})
			for _, args := range [][]string{{"up"}, {"down"}, {"baseline", "20260301120000"}} {
				if out, err := run(t, team, append(args, dsn)...); err == nil || !strings.Contains(err.Error(), "there is a table user_sessions in each of the schemas") && args[0] != "baseline" {
					t.Errorf("%s with %s: %v\n%s", args[0], path, err, out)
				}
			}
		}
		if db.Migrator().HasTable(migrations.VersionTable) {
			t.Error("the version table was created")
		}
	})
}

// TestRemove_VersionsInAnotherSchema: remove finds the version table, also a former one, wherever the
// search_path finds it.
func TestRemove_VersionsInAnotherSchema(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		team := team(dir, steps[0].models...)
		db, first := d.Open(t, dbtest.Setup{}), d.Name+"_app"
		mustExec(t, db, "CREATE SCHEMA "+first)
		t.Cleanup(func() { db.Exec("DROP SCHEMA " + first + " CASCADE") })
		mustRun(t, team, "up", dsnOf(t, d))
		dsn := "-dsn=" + dsnWith(t, d, url.Values{"search_path": {first + "," + d.Name}})
		remove := func() (string, error) { return run(t, team, "remove", dsn) }
		mustRefuse(t, "the database has applied the migration", remove)
		mustExec(t, db, "ALTER TABLE usersession_schema_version RENAME TO goose_db_version")
		mustRefuse(t, "the database has applied the migration", remove)
	})
}

// TestUp_NoSchema: if no schema of the search_path exists, the error says so.
func TestUp_NoSchema(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dsn := dsnWith(t, d, url.Values{"search_path": {"nothere"}})
		if out, err := run(t, team(dir, steps[0].models...), "up", "-dsn="+dsn); err == nil || !strings.Contains(err.Error(), "no schema of the search_path exists") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func dsnWith(t *testing.T, d *dbtest.Database, params url.Values) string {
	t.Helper()
	dsn, err := d.DSN(params)
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// TestCommands_SchemaInNamingStrategy runs every command with tables in a schema that the
// naming strategy names, and that is not in the search_path. verify leaves both schemas empty.
func TestCommands_SchemaInNamingStrategy(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		other := d.Name + "_auth"
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "CREATE SCHEMA "+other)
		t.Cleanup(func() {
			if db.Name() == "postgres" {
				db.Exec("DROP SCHEMA " + other + " CASCADE")
			} else {
				db.Exec("DROP SCHEMA " + other)
			}
		})
		config := func() *gorm.Config {
			return &gorm.Config{NamingStrategy: schema.NamingStrategy{TablePrefix: other + "."}}
		}
		dir, dsn := t.TempDir(), dsnOf(t, d)
		var dialects []command.Dialect
		for _, dialect := range teamDialects {
			if dialect.Name == db.Name() {
				dialects = append(dialects, dialect)
			}
		}
		models := []any{&device{}, &gadget{}}
		team := command.Team{Models: models, Config: config, Dialects: dialects, Dir: dir}
		mustRun(t, team, "add", "init")
		mustRun(t, team, "check")
		mustRun(t, team, "verify", dsn)
		tables := func() int {
			t.Helper()
			found, err := migrations.Inspect(t.Context(), db, other+".devices", other+".gadgets", migrations.VersionTable)
			if err != nil {
				t.Fatal(err)
			}
			return len(found.Tables)
		}
		if left := tables(); left > 0 {
			t.Errorf("verify left %d tables", left)
		}
		mustRun(t, team, "up", dsn)
		if got := tables(); got != 3 {
			t.Errorf("up created %d tables, want 3", got)
		}
		if out, err := run(t, team, "verify", dsn); err == nil || tables() != 3 {
			t.Errorf("verify on a database with sessions: %v, %d tables are left\n%s", err, tables(), out)
		}
		if out := mustRun(t, team, "doctor", dsn); !strings.Contains(out, "fit for the store") {
			t.Errorf("doctor:\n%s", out)
		}
		status := mustRun(t, team, "status", dsn)
		if strings.Contains(status, "pending") {
			t.Errorf("status:\n%s", status)
		}
		lines := strings.Split(strings.TrimSpace(status), "\n")
		version := strings.Split(strings.Fields(lines[len(lines)-1])[3], "_")[0]
		mustExec(t, db, "DELETE FROM usersession_schema_version WHERE version_id > 0")
		mustRun(t, team, "baseline", version, dsn)
		if out := mustRun(t, team, "up", dsn); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("up after the baseline:\n%s", out)
		}
	})
}

// gadget is a table of a team's beside its sessions.
type gadget struct {
	ID   int64
	Name string `gorm:"size:50;not null;index"`
}
