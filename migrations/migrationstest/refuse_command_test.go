package migrationstest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/internal/dbtest"
)

// mustRefuse runs a command that must fail with the text.
func mustRefuse(t *testing.T, want string, run func() (string, error)) {
	t.Helper()
	if out, err := run(); err == nil || !strings.Contains(err.Error()+out, want) {
		t.Errorf("got %v, want an error with %q\n%s", err, want, out)
	}
}

// TestDown_DestructiveStep reverts a migration that destroys data only with the flag, whether
// its Down or its Up does, and whether it was generated or written by hand.
func TestDown_DestructiveStep(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := addFullAndLess(t), dsnOf(t, d) // Up of the second one drops columns
		project := team(dir, &less{})
		mustRun(t, project, "up", dsn)
		down := func() (string, error) { return run(t, project, "down", dsn) }
		mustRefuse(t, "Down does not restore what it drops the column things.", down)
		mustRun(t, project, "down", "-allow-destructive", dsn)
		mustRefuse(t, "Down drops the table things with all its rows", down)

		for name, text := range map[string]string{
			"drop":     "DROP TABLE other;",
			"delete":   "delete\n  from other;",
			"truncate": "INSERT INTO other (id) VALUES (3); TRUNCATE other;",
			"column":   "ALTER TABLE other DROP COLUMN more;",
			"short":    "ALTER TABLE other DROP more;",
			"quoted":   "ALTER TABLE other\n  drop \"index\";",
			"rows":     "DELETE other FROM other;",
			"part":     "ALTER TABLE other DROP PARTITION p2025;",
			"type":     "DROP TYPE level CASCADE;",
		} {
			own := "-- +goose Up\nCREATE TABLE IF NOT EXISTS other (id int, more int);\n-- +goose Down\n" + text + "\n"
			path := filepath.Join(dir, d.Engine.Name, "20260301120001_"+name+".sql")
			if name == "drop" {
				own = strings.Replace(own, "IF NOT EXISTS ", "", 1)
			}
			removeGlob(t, filepath.Join(dir, d.Engine.Name, "20260301120001_*"))
			if err := os.WriteFile(path, []byte(own), 0o644); err != nil {
				t.Fatal(err)
			}
			mustRun(t, project, "up", dsn)
			mustRefuse(t, "version 20260301120001 has statements that destroy data", down)
			mustExec(t, d.Open(t, dbtest.Setup{}), "DELETE FROM usersession_schema_version WHERE version_id = 20260301120001", "DROP TABLE other")
		}
	})
}

func removeGlob(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDown_HarmlessStep reverts an index, and a rebuild on SQLite, without the flag.
func TestDown_HarmlessStep(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		add(t, dir, step{name: "wider", models: []any{&namedGadget{}}})
		project := team(dir, &namedGadget{})
		mustRun(t, project, "up", dsn)
		mustRun(t, project, "down", dsn)
	})
}

// TestDown_OwnHarmlessStep reverts statements of the team's that destroy no data without the flag.
func TestDown_OwnHarmlessStep(t *testing.T) {
	dir := t.TempDir()
	for i, text := range []string{
		"DROP INDEX a;", "DROP VIEW a;", "DROP TRIGGER a;", "drop\n  function a();", "ALTER TABLE a DROP CONSTRAINT b;", "ALTER TABLE a ALTER COLUMN b DROP NOT NULL;",
		"ALTER TABLE a ALTER b DROP DEFAULT;", "ALTER TABLE a DROP FOREIGN KEY b;", "ALTER TABLE a DROP KEY b;", "DROP INDEX CONCURRENTLY IF EXISTS a;",
		"ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c ON DELETE CASCADE;", "UPDATE a SET dropped = 1;",
	} {
		writeAll(t, dir, map[string]string{fmt.Sprintf("postgres/%d_own.sql", i+1): "-- +goose Up\nSELECT 1;\n-- +goose Down\n" + text + "\n"})
		if destroyed, err := projectIn(dir).Destroys("postgres", int64(i+1)); err != nil || len(destroyed) > 0 {
			t.Errorf("%s: %q (%v)", text, destroyed, err)
		}
	}
}

// TestDown_HighestVersion reverts the highest version, also if a lower one was recorded later.
func TestDown_HighestVersion(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		add(t, dir, step{name: "more", models: []any{&fullGadget{}}})
		project, db := team(dir, &fullGadget{}), d.Open(t, dbtest.Setup{})
		mustRun(t, project, "up", dsn)
		mustExec(t, db, "DELETE FROM usersession_schema_version WHERE version_id = 20260301120000")
		mustRun(t, project, "baseline", "20260301120001", dsn)
		if out := mustRun(t, project, "down", "-allow-destructive", dsn); !strings.Contains(out, "reverted 20260301120001_more.sql") {
			t.Error(out)
		}
		if got := recorded(t, db); !slices.Equal(got, []int64{0, 20260301120000}) {
			t.Errorf("the versions are %v", got)
		}
		mustRun(t, project, "up", dsn)
	})
}

// TestUp_LowerVersion refuses a pending migration below the database's last version, and says what to do.
func TestUp_LowerVersion(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		project, db := team(dir, &gadget{}), d.Open(t, dbtest.Setup{})
		mustRun(t, project, "up", dsn)
		writeAll(t, dir, map[string]string{d.Engine.Name + "/20250101000000_fill.sql": "-- +goose Up\nINSERT INTO gadgets (name) VALUES ('x');\n-- +goose Down\nSELECT 1;\n"})
		mustRefuse(t, "run: baseline 20260301120000", func() (string, error) { return run(t, project, "up", dsn) })
		mustRun(t, project, "baseline", "20260301120000", dsn)
		if got := recorded(t, db); !slices.Equal(got, []int64{0, 20260301120000, 20250101000000}) {
			t.Errorf("the versions are %v", got)
		}
		if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "Nothing is pending") {
			t.Error(out)
		}
		if out := mustRun(t, project, "down", "-allow-destructive", dsn); !strings.Contains(out, "reverted 20260301120000") {
			t.Error(out)
		}
	})
}

// TestDown_UnknownVersion refuses a database whose last version the folder does not have.
func TestDown_UnknownVersion(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		project, db := team(dir, &gadget{}), d.Open(t, dbtest.Setup{})
		mustRun(t, project, "up", dsn)
		mustExec(t, db, "INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20270101000000, true)")
		mustRefuse(t, "20270101000000, is not one of this project's", func() (string, error) { return run(t, project, "down", "-allow-destructive", dsn) })
		if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "Nothing is pending") {
			t.Error(out)
		}
		add(t, dir, step{name: "more", models: []any{&fullGadget{}}})
		mustRefuse(t, "two projects need a schema or a database each", func() (string, error) { return run(t, project, "up", dsn) })
	})
}

// TestRemove_ForeignTable removes the files although another tool has a goose_db_version.
func TestRemove_ForeignTable(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, steps[0])
		mustExec(t, d.Open(t, dbtest.Setup{}), "CREATE TABLE goose_db_version (version varchar(20))")
		mustRun(t, team(dir, steps[0].models...), "remove", dsn)
	})
}

// TestBaseline_SameSchema names all versions whose schema the database has: the migrations between
// them change something else, which baseline cannot compare.
func TestBaseline_SameSchema(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		writeAll(t, dir, map[string]string{d.Engine.Name + "/20260301120001_fill.sql": "-- +goose Up\nUPDATE gadgets SET name = 'x';\n-- +goose Down\nSELECT 1;\n"})
		add(t, dir, step{name: "more", models: []any{&fullGadget{}}})
		if err := d.Open(t, dbtest.Setup{}).AutoMigrate(&gadget{}); err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, "the database has the schema of the versions 20260301120000, 20260301120001", func() (string, error) {
			return run(t, team(dir, &fullGadget{}), "baseline", "20260301120002", dsn)
		})
	})
}

// namedGadget is a later gadget, whose default SQLite can only alter by a rebuild.
type namedGadget struct {
	ID   int64
	Name string `gorm:"size:50;not null;default:unnamed;index"`
}

func (namedGadget) TableName() string { return "gadgets" }

// TestRemove_DefaultDatabase looks at the team's default database, if there is one.
func TestRemove_DefaultDatabase(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, steps[0])
		project := team(dir, steps[0].models...)
		project.DSN = strings.TrimPrefix(dsn, "-dsn=")
		mustRun(t, project, "up")
		remove := func() (string, error) { return run(t, project, "remove") }
		mustRefuse(t, "the database has applied the migration", remove)
		mustExec(t, d.Open(t, dbtest.Setup{}), "ALTER TABLE usersession_schema_version RENAME TO goose_db_version") // not adopted yet
		mustRefuse(t, "the database has applied the migration", remove)
		mustRun(t, project, "remove", "-even-if-applied")
		mustRefuse(t, "no such migration", remove)
	})
}

// TestRemove_UnreachableDatabase removes nothing if the database cannot be looked at.
func TestRemove_UnreachableDatabase(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	project := team(dir, steps[0].models...)
	if _, err := run(t, project, "remove", "-dsn=postgres://root@127.0.0.1:1/nothing?connect_timeout=1"); err == nil {
		t.Error("it was removed")
	}
	mustRun(t, project, "check")
}

// TestBaseline_OtherVersion: baseline prints the differences from an older or a later version than
// the database's, and names the version that fits.
func TestBaseline_OtherVersion(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		add(t, dir, step{name: "more", models: []any{&fullGadget{}}})
		project, db := team(dir, &fullGadget{}), d.Open(t, dbtest.Setup{})
		baseline := func(version string) func() (string, error) {
			return func() (string, error) { return run(t, project, "baseline", version, dsn) }
		}
		create := func(model any) {
			t.Helper()
			if err := db.Session(&gorm.Session{}).AutoMigrate(model); err != nil {
				t.Fatal(err)
			}
		}
		mustRefuse(t, "gadgets: the table is missing; name the version before", baseline("20260301120000"))
		create(&gadget{})
		mustRefuse(t, "gadgets.weight: the column is missing; name a version before", baseline("20260301120001"))
		mustRefuse(t, "the database has the schema of version 20260301120000: run baseline 20260301120000", baseline("20260301120001"))
		create(&fullGadget{})
		mustRefuse(t, "gadgets.weight: the database has it, and version 20260301120000 does not; name a later version", baseline("20260301120000"))
		mustRefuse(t, "gadgets.idx_gadgets_weight: the database has it, and version", baseline("20260301120000"))
		mustRefuse(t, "run baseline 20260301120001", baseline("20260301120000"))
		if out, err := baseline("20260301120000")(); err == nil || strings.Contains(out, "entities do not have") {
			t.Errorf("%v\n%s", err, out)
		}
		mustRun(t, project, "baseline", "20260301120001", dsn)
	})
}

// TestUp_LaterSchema names the version whose schema a database without records has: it must not
// advise to drop what later versions add.
func TestUp_LaterSchema(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		add(t, dir, step{name: "more", models: []any{&fullGadget{}}})
		add(t, dir, step{name: "table", models: []any{&fullGadget{}, &audit{}}})
		project, db := team(dir, &fullGadget{}, &audit{}), d.Open(t, dbtest.Setup{})
		for i, model := range []any{&fullGadget{}, &audit{}} {
			if err := db.AutoMigrate(model); err != nil {
				t.Fatal(err)
			}
			version := fmt.Sprint(20260301120001 + int64(i))
			out, err := run(t, project, "up", dsn)
			if err == nil || !strings.Contains(err.Error(), "run: baseline "+version) || strings.Contains(err.Error(), "do not have") {
				t.Errorf("%v\n%s", err, out)
			}
			mustRefuse(t, "the database has the schema of version "+version, func() (string, error) { return run(t, project, "baseline", "20260301120000", dsn) })
		}
		mustRun(t, project, "baseline", "20260301120002", dsn)
		if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "Nothing is pending") {
			t.Error(out)
		}
	})
}

// fullGadget is a later gadget.
type fullGadget struct {
	ID     int64
	Name   string `gorm:"size:50;not null;index"`
	Weight *int64 `gorm:"index"`
}

func (fullGadget) TableName() string { return "gadgets" }

// TestVerify_AfterStatus: the empty version table that another command made does not count.
func TestVerify_AfterStatus(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		add(t, dir, steps[0])
		project := team(dir, steps[0].models...)
		mustRun(t, project, "up", dsn)
		mustRefuse(t, "the database is not empty", func() (string, error) { return run(t, project, "verify", dsn) })
		mustRun(t, project, "down", "-allow-destructive", dsn)
		mustRun(t, project, "status", dsn)
		mustRun(t, project, "verify", dsn)
		mustBeEmpty(t, d)
	})
}
