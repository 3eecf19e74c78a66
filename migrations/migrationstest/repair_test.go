package migrationstest

import (
	"slices"
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
)

// damages are states of the version table that goose does not get out of.
var damages = []struct {
	name       string
	statements []string
}{
	{"no row for version 0", []string{"DELETE FROM usersession_schema_version WHERE version_id = 0"}},
	{"a second row for version 0 at the end", []string{"INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (0, true)"}},
	{"a row for version 0 only at the end", []string{"DELETE FROM usersession_schema_version WHERE version_id = 0", "INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (0, true)"}},
}

// TestUp_DamagedVersionTable repairs the version table and applies what is pending. The order of
// the versions and their times are kept.
func TestUp_DamagedVersionTable(t *testing.T) {
	first, all := t.TempDir(), t.TempDir()
	for _, s := range steps[:2] {
		add(t, first, s)
	}
	addAll(t, all)
	project := team(all, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for _, damage := range damages {
			d := d.Engine.New(t)
			db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
			mustRun(t, project, "-dir="+first, "up", dsn)
			rows := createRows(t, db)
			mustExec(t, db, "UPDATE usersession_schema_version SET tstamp = '2026-01-02 03:04:05'")
			for _, statement := range damage.statements {
				mustExec(t, db, statement)
			}
			if out := mustRun(t, project, "up", dsn); !strings.Contains(out, "repaired") {
				t.Errorf("%s: up does not say that it repaired the table:\n%s", damage.name, out)
			}
			mustBeComplete(t, all, db, 0)
			var kept int64
			if err := db.Raw("SELECT count(*) FROM usersession_schema_version WHERE version_id <> 0 AND tstamp = '2026-01-02 03:04:05'").Scan(&kept).Error; err != nil || kept != int64(len(folderVersions(t, first, db.Name()))-1) {
				t.Errorf("%s: %d versions kept their times (%v)", damage.name, kept, err)
			}
			mustRun(t, project, "down", "-allow-destructive", dsn)
			if got, want := recorded(t, db), folderVersions(t, all, db.Name()); !slices.Equal(got, want[:len(want)-1]) {
				t.Errorf("%s: after down the versions are %v", damage.name, got)
			}
			if out := mustRun(t, project, "up", dsn); strings.Contains(out, "repaired") {
				t.Errorf("%s: up repairs the table again:\n%s", damage.name, out)
			}
			rows.mustBeThere(t, db, damage.name)
		}
	})
}

// TestUp_EmptyVersionTable begins with a version table without rows, as a process leaves it on
// MySQL that is killed after it has created the table.
func TestUp_EmptyVersionTable(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	project := team(dir, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for _, command := range []string{"up", "status", "down"} {
			d := d.Engine.New(t)
			db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
			mustRun(t, project, "status", dsn)
			mustExec(t, db, "DELETE FROM usersession_schema_version")
			mustRun(t, project, command, dsn)
			mustRun(t, project, "up", dsn)
			mustBeComplete(t, dir, db, 0)
		}
	})
}

// TestUp_ForeignVersionTable refuses a table of that name which is not a version table, and
// leaves it alone.
func TestUp_ForeignVersionTable(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	project := team(dir, steps[0].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for _, columns := range []string{"version varchar(20)", "id int, version_id bigint, is_applied int"} {
			d := d.Engine.New(t)
			db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
			mustExec(t, db, "CREATE TABLE usersession_schema_version ("+columns+")")
			if out, err := run(t, project, "up", dsn); err == nil || !strings.Contains(err.Error(), "usersession_schema_version is not one of goose's") {
				t.Errorf("%s: %v\n%s", columns, err, out)
			}
			if db.Migrator().HasTable("user_sessions") {
				t.Errorf("%s: a migration was applied", columns)
			}
		}
	})
}

// TestUp_FourProcessesWithoutRow runs up in four processes at the same time on a version table
// without the row for version 0, as simultaneous starts on a cluster left it.
func TestUp_FourProcessesWithoutRow(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	project := team(dir, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for range 2 {
			d := d.Engine.New(t)
			db := d.Open(t, dbtest.Setup{})
			mustRun(t, project, "status", dsnOf(t, d))
			mustExec(t, db, "DELETE FROM usersession_schema_version")
			outputs := strings.Join(race(t, dir, "up", dsnOf(t, d)), "\n")
			mustBeComplete(t, dir, db, 0)
			if repaired := strings.Count(outputs, "repaired"); repaired != 1 {
				t.Errorf("the table was repaired %d times:\n%s", repaired, outputs)
			}
		}
	})
}
