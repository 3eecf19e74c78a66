package migrationstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// TestScript_FileNames has every migration that up applies, whatever its file is called after
// the version.
func TestScript_FileNames(t *testing.T) {
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		dir, dialect := t.TempDir(), d.Engine.Name
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		for i, name := range []string{"fill-gadgets", "v1.2 of gadgets", "Geräte", ""} {
			writeAll(t, dir, map[string]string{fmt.Sprintf("%s/2026030112000%d_%s.sql", dialect, i+1, name): fmt.Sprintf("-- +goose Up\nINSERT INTO gadgets (name) VALUES ('%d');\n-- +goose Down\nDELETE FROM gadgets WHERE name = '%[1]d';\n", i)})
		}
		add(t, dir, step{name: "more", models: []any{&fullGadget{}}})
		project := team(dir, &fullGadget{})
		c.mustApply(t, d, scriptOf(t, dir, dialect, 0, lastVersion(t, projectIn(dir), dialect)))
		if out := mustRun(t, project, "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("the script has left out migrations:\n%s", out)
		}
		var rows int64
		if err := d.Open(t, dbtest.Setup{}).Table("gadgets").Count(&rows).Error; err != nil || rows != 4 {
			t.Errorf("there are %d rows (%v)", rows, err)
		}
		mustRun(t, project, "down", "-allow-destructive", dsnOf(t, d))
		mustRefuse(t, "Down runs DELETE FROM gadgets", func() (string, error) { return run(t, project, "down", dsnOf(t, d)) })
	})
}

// TestScript_AfterCommit: in a file of the team's with a transaction of its own, statements after its COMMIT
// run before the version counts as applied, so the script leaves the record to the reader.
func TestScript_AfterCommit(t *testing.T) {
	for name, up := range map[string]string{
		"a statement":           "BEGIN;\nCREATE TABLE notes (id int);\nCOMMIT;\nINSERT INTO nowhere VALUES (1);\n",
		"a second transaction":  "PRAGMA foreign_keys = OFF;\nBEGIN;\nCREATE TABLE notes (id int);\nCOMMIT;\nBEGIN;\nINSERT INTO nowhere VALUES (1);\nCOMMIT;\n",
		"a statement before it": "INSERT INTO nowhere VALUES (1);\nBEGIN;\nCREATE TABLE notes (id int);\nCOMMIT;\n",
	} {
		t.Run(name, func(t *testing.T) {
			onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
				if d.Engine != dbtest.SQLite {
					t.Skip("only on SQLite the script joins the transaction of a file")
				}
				dir := t.TempDir()
				writeAll(t, dir, map[string]string{"sqlite/1_notes.sql": "-- +goose NO TRANSACTION\n-- +goose Up\n" + up + "-- +goose Down\nDROP TABLE notes;\n"})
				out, _ := c.run(t, d, scriptOf(t, dir, "sqlite", 0, 1))
				if got := stateOf(t, d.Open(t, dbtest.Setup{})).versions; len(got) != 1 {
					t.Errorf("the versions %v are recorded\n%s", got, out)
				}
			})
		})
	}
}

// TestScript_CommentEndsInSemicolon: a script has a statement as goose reads it. A comment in the middle of it
// that ends in a semicolon does not end the statement, whose first half would delete all rows.
func TestScript_CommentEndsInSemicolon(t *testing.T) {
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		dir, dialect := t.TempDir(), d.Engine.Name
		add(t, dir, step{name: "init", models: []any{&gadget{}}})
		writeAll(t, dir, map[string]string{dialect + "/20270101000000_old.sql": "-- +goose Up\nINSERT INTO gadgets (name) VALUES ('old');\t-- one; that goes\n" +
			"DELETE FROM gadgets\n-- only the old ones;\n  -- and no others;\nWHERE name = 'old';\n-- +goose Down\nSELECT 1;\n"})
		c.mustApply(t, d, scriptOf(t, dir, dialect, 0, 20260301120000))
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "INSERT INTO gadgets (name) VALUES ('new')")
		out, _ := c.run(t, d, scriptOf(t, dir, dialect, 20260301120000, 20270101000000))
		var names []string
		if err := db.Raw("SELECT name FROM gadgets").Scan(&names).Error; err != nil || !slices.Equal(names, []string{"new"}) {
			t.Errorf("the gadgets are %q (%v)\n%s", names, err, out)
		}
		if out := mustRun(t, team(dir, &gadget{}), "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the script, up applied migrations:\n%s", out)
		}
	})
}

// TestScript_UnfinishedStatement refuses a file whose Up lacks its last semicolon: the statement must not become
// a part of Down.
func TestScript_UnfinishedStatement(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{"postgres/1_own.sql": "-- +goose Up\nUPDATE a SET b = 1\n-- +goose Down\nDROP TABLE a;\n"})
	if text, err := projectIn(dir).Script("postgres", 0, 1); !errors.Is(err, migrations.ErrInconsistent) {
		t.Errorf("got %v\n%s", err, text)
	}
}
