package migrationstest

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// versionsIn returns the versions of a dialect's migrations in a folder, after 0.
func versionsIn(t *testing.T, dir, dialect string) []int64 {
	t.Helper()
	versions := []int64{0}
	for _, name := range slices.Sorted(slices.Values(migrationsOf(t, dir, dialect))) {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, dialect+"/"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, version)
	}
	return versions
}

// lastVersion returns the version of a dialect's last migration.
func lastVersion(t *testing.T, project *migrations.Project, dialect string) int64 {
	t.Helper()
	versions, err := project.Versions(dialect)
	if err != nil || len(versions) == 0 {
		t.Fatalf("%s has the versions %v (%v)", dialect, versions, err)
	}
	return versions[len(versions)-1]
}

func scriptOf(t *testing.T, dir, dialect string, from, to int64) string {
	t.Helper()
	text, err := projectIn(dir).Script(dialect, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// mustApply applies a script that must succeed.
func (c client) mustApply(t *testing.T, d *dbtest.Database, script string) {
	t.Helper()
	out, err := c.run(t, d, script)
	if err != nil || strings.Contains(out, "ERROR") || strings.Contains(out, "error") {
		t.Fatalf("%s: %v\n%s", c.name, err, out)
	}
}

// writeAll writes files below a folder.
func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// state is what a database has: the recorded versions, the schema, and the rows.
type state struct {
	versions []int64
	model    migrations.Model
	rows     []map[string]any
}

func stateOf(t *testing.T, db *gorm.DB) (s state) {
	t.Helper()
	if db.Migrator().HasTable(migrations.VersionTable) {
		if err := db.Raw("SELECT version_id FROM usersession_schema_version ORDER BY version_id").Scan(&s.versions).Error; err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.model, err = migrations.Inspect(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	s.model.Tables = slices.DeleteFunc(s.model.Tables, func(table migrations.Table) bool {
		return table.Name == migrations.VersionTable || table.Name == "usersession_schema_lock"
	})
	if len(s.model.Tables) == 0 {
		s.model.Tables = nil
	}
	if db.Migrator().HasTable("user_sessions") {
		// PostgreSQL would use the plan of a former query for a table with other columns.
		query := fmt.Sprintf("SELECT * FROM user_sessions ORDER BY id -- %d", len(s.model.Table("user_sessions").Columns)+len(s.versions)*100)
		if err := db.Raw(query).Scan(&s.rows).Error; err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A fault makes a statement of a script fail.
type fault struct {
	name string
	// old and replacement are an edit of the migration, if old is not empty.
	old, replacement string
	// record makes the change of the version's record fail.
	record bool
}

// faultsOf returns a fault before each statement of a section, one after the last, and one
// in the record. For a blind client the fault replaces the statement. For a second client of
// a database only the first, the middle and the last position are tried.
func (c client) faultsOf(section string) []fault {
	blind := c.blind
	faults := []fault{{name: "the record", record: true}}
	statements := strings.SplitAfter(strings.TrimSpace(section)+"\n", ";\n")
	statements = statements[:len(statements)-1]
	for i, statement := range statements {
		if strings.HasPrefix(statement, "--") || strings.HasPrefix(statement, "PRAGMA") {
			continue
		}
		if !blind {
			faults = append(faults, fault{name: fmt.Sprintf("before %d", i), old: statement, replacement: broken + statement})
		} else if !strings.Contains(statement, "sqlite_sequence") && !strings.Contains(statement, "IF EXISTS temp.") && !strings.HasPrefix(statement, "BEGIN") && !strings.HasPrefix(statement, "COMMIT") {
			faults = append(faults, fault{name: fmt.Sprintf("in %d", i), old: statement, replacement: broken})
		}
	}
	if last := statements[len(statements)-1]; !blind && !strings.HasPrefix(last, "PRAGMA") {
		faults = append(faults, fault{name: "after the last", old: last, replacement: last + broken})
	}
	if n := len(faults); c.second && n > 4 {
		return []fault{faults[0], faults[1], faults[n/2], faults[n-1]}
	}
	return faults
}

const broken = "SELECT nothing FROM nowhere;\n"

// refuseRecord lets every change of a version's record fail until the returned function is
// called.
func refuseRecord(t *testing.T, d *dbtest.Database, db *gorm.DB, version int64) (allow func()) {
	t.Helper()
	for _, event := range []string{"INSERT", "DELETE"} {
		row := map[string]string{"INSERT": "NEW", "DELETE": "OLD"}[event]
		switch d.Engine {
		case dbtest.PostgreSQL:
			mustExec(t, db,
				"CREATE FUNCTION refuse_"+event+"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "+row+".version_id = "+fmt.Sprint(version)+" THEN RAISE 'refused'; END IF; RETURN "+row+"; END $$",
				"CREATE TRIGGER refuse_"+event+" BEFORE "+event+" ON usersession_schema_version FOR EACH ROW EXECUTE FUNCTION refuse_"+event+"()")
		case dbtest.MySQL:
			mustExec(t, db, "CREATE TRIGGER refuse_"+event+" BEFORE "+event+" ON usersession_schema_version FOR EACH ROW BEGIN IF "+row+".version_id = "+fmt.Sprint(version)+" THEN SIGNAL SQLSTATE '45000'; END IF; END")
		default:
			mustExec(t, db, "CREATE TRIGGER refuse_"+event+" BEFORE "+event+" ON usersession_schema_version WHEN "+row+".version_id = "+fmt.Sprint(version)+" BEGIN SELECT RAISE(ABORT, 'refused'); END")
		}
	}
	return func() {
		for _, event := range []string{"INSERT", "DELETE"} {
			drop := "DROP TRIGGER refuse_" + event
			if d.Engine == dbtest.PostgreSQL {
				drop = "DROP FUNCTION refuse_" + event + " CASCADE"
			}
			mustExec(t, db, drop)
		}
	}
}

// TestScript_StatementFails lets a statement of a script fail at every position of every
// migration, forward and back: the rows and the records are as before, and so is the schema,
// except on MySQL after its change. The script after the correction completes.
func TestScript_StatementFails(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	files := filesIn(t, dir)
	models := map[*dbtest.Engine]migrations.Model{}
	for _, c := range clients {
		if _, ok := models[c.engine]; !ok {
			t.Run(c.engine.Name, func(t *testing.T) { models[c.engine] = upState(t, c.engine, dir).model })
		}
		want := models[c.engine]
		versions := versionsIn(t, dir, c.engine.Name)
		names := slices.Sorted(slices.Values(migrationsOf(t, dir, c.engine.Name)))
		for i, name := range names {
			_, text, _ := strings.Cut(files[name], "-- +goose Up\n")
			up, down, _ := strings.Cut(text, "\n-- +goose Down\n")
			for _, f := range c.faultsOf(up) {
				t.Run(fmt.Sprintf("%s/%s/up/%s", c.name, name, f.name), func(t *testing.T) {
					t.Parallel()
					failAt(t, c, files, name, f, versions[i], versions[i+1], versions[len(versions)-1], want)
				})
			}
			for _, f := range c.faultsOf(down) {
				t.Run(fmt.Sprintf("%s/%s/down/%s", c.name, name, f.name), func(t *testing.T) {
					t.Parallel()
					failAt(t, c, files, name, f, versions[i+1], versions[i], 0, migrations.Model{Dialect: c.engine.Name})
				})
			}
		}
	}
}

// failAt brings a database to the version from, and runs a script to the version last in
// which the step to the version to fails.
func failAt(t *testing.T, c client, files map[string]string, name string, f fault, from, to, last int64, want migrations.Model) {
	d := c.engine.New(t)
	good, bad := t.TempDir(), t.TempDir()
	writeAll(t, good, files)
	writeAll(t, bad, files)
	if f.old != "" {
		section := files[name]
		at := strings.Index(section, "-- +goose Up\n")
		if from > to {
			at = strings.Index(section, "-- +goose Down\n")
		}
		edited := section[:at] + strings.Replace(section[at:], f.old, f.replacement, 1)
		if edited == section {
			t.Fatalf("the file does not have %q", f.old)
		}
		writeAll(t, bad, map[string]string{name: edited})
	}
	db := d.Open(t, dbtest.Setup{})
	if from > 0 {
		c.mustApply(t, d, scriptOf(t, good, c.engine.Name, 0, from))
		createRows(t, db)
	}
	allow := func() {}
	if f.record {
		if from == 0 { // the version table, for the trigger
			c.mustApply(t, d, strings.SplitAfter(scriptOf(t, good, c.engine.Name, 0, to), "\n-- 2026")[0])
		}
		allow = refuseRecord(t, d, db, max(from, to))
	}
	before := stateOf(t, db)
	out, err := c.run(t, d, scriptOf(t, bad, c.engine.Name, from, last))
	if err == nil && !strings.Contains(strings.ToLower(out), "error") {
		t.Fatalf("the script succeeded:\n%s", out)
	}
	after := stateOf(t, db)
	if from == 0 && !f.record {
		before.versions = []int64{0}
	}
	if c.blind && len(after.model.Tables) == len(want.Tables) && len(migrations.Compare(want, after.model)) == 0 {
		return // the statement was not necessary
	}
	if !reflect.DeepEqual(before.versions, after.versions) {
		t.Errorf("the versions %v are recorded, before %v\n%s", after.versions, before.versions, out)
	}
	if c.engine != dbtest.MySQL && !reflect.DeepEqual(before.model, after.model) {
		t.Errorf("the schema has changed:\n%+v\n%+v\n%s", before.model, after.model, out)
	}
	if c.engine != dbtest.MySQL && !reflect.DeepEqual(before.rows, after.rows) || len(before.rows) != len(after.rows) && from*to != 0 {
		t.Errorf("the rows have changed:\n%v\n%v\n%s", before.rows, after.rows, out)
	}
	allow()
	c.mustApply(t, d, scriptOf(t, good, c.engine.Name, from, last))
	if last == 0 {
		if left := stateOf(t, db); len(left.model.Tables) > 0 || !slices.Equal(left.versions, []int64{0}) {
			t.Errorf("after the correction there are %+v", left)
		}
		return
	}
	if after := stateOf(t, db); !reflect.DeepEqual(after.model, want) {
		t.Errorf("after the correction the schema is\n%+v\nafter up it is\n%+v", after.model, want)
	}
}

// upState returns what a database has after up.
func upState(t *testing.T, engine *dbtest.Engine, dir string) state {
	t.Helper()
	d := engine.New(t)
	mustRun(t, team(dir, steps[len(steps)-1].models...), "up", byHandDSNOf(t, d))
	return stateOf(t, d.Open(t, dbtest.Setup{}))
}
