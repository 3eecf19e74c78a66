package migrationstest

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// rebuilding returns the migrations and rows of a SQLite database on which the next migration
// rebuilds the table.
func rebuilding(t *testing.T, d *dbtest.Database) (dir string, rows rowsOf) {
	t.Helper()
	dir = t.TempDir()
	for _, s := range steps[:2] {
		add(t, dir, s)
	}
	mustRun(t, team(dir, steps[1].models...), "up", dsnOf(t, d))
	rows = createRows(t, d.Open(t, dbtest.Setup{}))
	add(t, dir, steps[2])
	return dir, rows
}

func inspect(t *testing.T, db *gorm.DB) migrations.Model {
	t.Helper()
	model, err := migrations.Inspect(t.Context(), db)
	if err != nil || len(model.Tables) == 0 {
		t.Fatal(model, err)
	}
	return model
}

// TestSQLiteRebuild_Fails lets a rebuild fail before each of its statements: nothing has
// changed, and once the migration is corrected it succeeds.
func TestSQLiteRebuild_Fails(t *testing.T) {
	for _, at := range []string{"ALTER TABLE `user_sessions`", "INSERT INTO `user_sessions`", "DROP TABLE `_old_user_sessions`", "CREATE INDEX `idx_user_sessions_expires`", "COMMIT"} {
		t.Run(strings.Fields(at)[0], func(t *testing.T) {
			d := dbtest.SQLite.New(t)
			dir, rows := rebuilding(t, d)
			db := d.Open(t, dbtest.Setup{})
			before := inspect(t, db)
			edit(t, dir, "sqlite", "alter", at, "SELECT nothing FROM nowhere;\n"+at)
			project := team(dir, steps[2].models...)
			if out, err := run(t, project, "up", dsnOf(t, d)); err == nil {
				t.Fatalf("up succeeded:\n%s", out)
			}
			if after := inspect(t, db); !reflect.DeepEqual(before, after) {
				t.Errorf("the schema has changed:\n%+v\n%+v", before, after)
			}
			rows.mustBeThere(t, db, "after the failure")
			edit(t, dir, "sqlite", "alter", "SELECT nothing FROM nowhere;\n", "")
			mustRun(t, project, "up", dsnOf(t, d))
			rows.mustBeThere(t, db, "after the correction")
		})
	}
}

// TestSQLiteRebuild_ReferringRows keeps the rows of a table that refers to the rebuilt one.
// With foreign keys enabled, dropping the old table would delete them.
func TestSQLiteRebuild_ReferringRows(t *testing.T) {
	d := dbtest.SQLite.New(t)
	dir, rows := rebuilding(t, d)
	withKeys := dbtest.Setup{Params: url.Values{"_pragma": {"busy_timeout(5000)", "foreign_keys(1)"}}}
	db := d.Open(t, withKeys)
	mustExec(t, db,
		"CREATE TABLE notes (session int NOT NULL REFERENCES user_sessions(id) ON DELETE CASCADE)",
		"INSERT INTO notes SELECT id FROM user_sessions")
	dsn, err := d.DSN(withKeys.Params)
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, team(dir, steps[2].models...), "up", "-dsn="+dsn)
	mustRun(t, team(dir, steps[2].models...), "down", "-allow-destructive", "-dsn="+dsn)
	var notes int
	if err := db.Raw("SELECT count(*) FROM notes").Row().Scan(&notes); err != nil || notes != len(rows) {
		t.Errorf("%d notes are left (%v), want %d", notes, err, len(rows))
	}
	if err := db.Exec("INSERT INTO notes VALUES (4711)").Error; err == nil {
		t.Error("the foreign key is not enforced any more")
	}
	mustExec(t, db, "DELETE FROM user_sessions")
	if err := db.Raw("SELECT count(*) FROM notes").Row().Scan(&notes); err != nil || notes != 0 {
		t.Errorf("%d notes are left without their sessions (%v)", notes, err)
	}
}

// TestSQLiteRebuild_IDsNotReused deletes all rows before the rebuild: new rows get new ids.
func TestSQLiteRebuild_IDsNotReused(t *testing.T) {
	d := dbtest.SQLite.New(t)
	dir, rows := rebuilding(t, d)
	db := d.Open(t, dbtest.Setup{})
	mustExec(t, db, "DELETE FROM user_sessions")
	mustRun(t, team(dir, steps[2].models...), "up", dsnOf(t, d))
	createRows(t, db)
	var first int
	if err := db.Raw("SELECT min(id) FROM user_sessions").Row().Scan(&first); err != nil || first <= len(rows) {
		t.Errorf("the first new row has the id %d (%v), which a deleted row had", first, err)
	}
}

// TestSQLiteRebuild_DefaultNamedLikeColumn fills a column with a default that is also the
// name of a column.
func TestSQLiteRebuild_DefaultNamedLikeColumn(t *testing.T) {
	type before struct {
		Plain
		Kind *string
	}
	type after struct {
		Plain
		Kind string `gorm:"not null;default:name"`
	}
	d := dbtest.SQLite.New(t)
	dir := t.TempDir()
	p := projectIn(dir, &before{})
	if _, err := p.Add("init", migrations.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, team(dir, &before{}), "up", dsnOf(t, d))
	db := d.Open(t, dbtest.Setup{})
	mustExec(t, db, "INSERT INTO things (name) VALUES ('a')")
	p.Models = []any{&after{}}
	if _, err := p.Add("kind", migrations.AddOptions{AllowDestructive: true}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, team(dir, &after{}), "up", dsnOf(t, d))
	mustExec(t, db, "INSERT INTO things (name) VALUES ('b')")
	var kinds []string
	if err := db.Raw("SELECT kind FROM things").Scan(&kinds).Error; err != nil || strings.Join(kinds, ",") != "name,name" {
		t.Errorf("the rows have %q (%v), want the default, name", kinds, err)
	}
}
