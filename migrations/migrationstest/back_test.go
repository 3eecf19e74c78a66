package migrationstest

import (
	"fmt"
	"testing"
	"time"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// full has columns that are NOT NULL and have no default. Down must restore them in a table
// with rows.
type full struct {
	Plain
	Text  string    `gorm:"size:20;not null"`
	Wide  string    `gorm:"not null"`
	Count int64     `gorm:"not null"`
	Ratio float64   `gorm:"not null"`
	Flag  bool      `gorm:"not null"`
	At    time.Time `gorm:"not null;precision:6"`
	Bytes []byte    `gorm:"not null"`
}

// less has none of these columns, and Count is nullable.
type less struct{ Plain }

// addFullAndLess adds the two migrations and returns their folder.
func addFullAndLess(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	add(t, dir, step{name: "full", models: []any{&full{}}})
	add(t, dir, step{name: "less", models: []any{&less{}}, options: migrations.AddOptions{AllowDestructive: true}})
	return dir
}

// TestDown_RestoresColumns restores dropped columns: existing rows get an empty value, since
// theirs is lost, and the columns have no default, as before.
func TestDown_RestoresColumns(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := addFullAndLess(t), dsnOf(t, d)
		project := team(dir, &less{})
		mustRun(t, project, "up", dsn)
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "INSERT INTO things (name) VALUES ('a')")
		if _, err := run(t, project, "down", "-allow-destructive", dsn); err == nil {
			t.Error("down succeeded although a row has NULL in a column that becomes NOT NULL")
		}
		mustRun(t, project, "baseline", "20260301120001", dsn) // nothing has changed
		mustExec(t, db, "UPDATE things SET count = 0")
		mustRun(t, project, "down", "-allow-destructive", dsn)
		mustRun(t, team(dir, &full{}), "baseline", "20260301120000", dsn) // compares
		var row full
		if err := db.First(&row).Error; err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%q %q %d %g %t %q", row.Text, row.Wide, row.Count, row.Ratio, row.Flag, row.Bytes); got != `"" "" 0 0 false ""` {
			t.Errorf("the row has %s", got)
		}
		if want := time.Unix(0, 0).UTC(); row.At.Format(time.DateTime) != want.Format(time.DateTime) && !row.At.Equal(want) {
			t.Errorf("the row has the time %s", row.At)
		}
		mustRun(t, project, "up", dsn)
	})
}

// TestTSQL_DownRestoresColumns restores the columns in the simulated catalogue.
func TestTSQL_DownRestoresColumns(t *testing.T) {
	dir := addFullAndLess(t)
	c := newCatalogue()
	if err := fold(t, c, script(t, dir, 0, 20260301120000)); err != nil {
		t.Fatal(err)
	}
	before := c.String()
	if err := fold(t, c, script(t, dir, 20260301120000, 20260301120001)); err != nil {
		t.Fatal(err)
	}
	if err := fold(t, c, script(t, dir, 20260301120001, 20260301120000)); err != nil {
		t.Fatal(err)
	}
	if after := c.String(); after != before {
		t.Errorf("got %s\nwant %s", after, before)
	}
}
