package migrationstest

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// TestRemove_EachAdd removes one add after the other, in all dialects: each time the files
// are as before the add.
func TestRemove_EachAdd(t *testing.T) {
	dir := t.TempDir()
	var states []map[string]string
	for _, s := range steps {
		states = append(states, filesIn(t, dir))
		add(t, dir, s)
	}
	project := projectIn(dir)
	for i := len(states) - 1; i >= 0; i-- {
		if _, err := project.Remove(); err != nil {
			t.Fatal(err)
		}
		if got := filesIn(t, dir); !maps.Equal(got, states[i]) {
			t.Errorf("after removing %s the files differ from those before it", steps[i].name)
		}
	}
	if _, err := project.Remove(); !errors.Is(err, migrations.ErrNoMigration) {
		t.Errorf("nothing to remove: got %v, want ErrNoMigration", err)
	}
}

// TestRemove_AppliedMigration refuses to remove a migration that the database has applied.
func TestRemove_AppliedMigration(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		for _, s := range steps[:2] {
			add(t, dir, s)
		}
		project := team(dir, steps[1].models...)
		mustRun(t, project, "up", dsnOf(t, d))
		if _, err := run(t, project, "remove", dsnOf(t, d)); err == nil || !strings.Contains(err.Error(), "the database has applied the migration") {
			t.Errorf("got %v, want an error that it is applied", err)
		}
		mustRun(t, project, "down", "-allow-destructive", dsnOf(t, d))
		if d.Engine == dbtest.MySQL { // where the step has two migrations
			mustRun(t, project, "down", "-allow-destructive", dsnOf(t, d))
		}
		mustRun(t, project, "remove", dsnOf(t, d))
		mustRun(t, team(dir, steps[0].models...), "check")
	})
}

// TestProject_MergedBranches merges two branches that both added a migration, with the
// snapshot of one of them: check and add report it.
func TestProject_MergedBranches(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	add(t, ours, steps[0])
	add(t, theirs, steps[0])
	add(t, ours, step{name: "ours", models: []any{&second{}}})
	p := projectIn(theirs, &entities.UserSession{}, &audit{})
	if _, err := p.Add("theirs", migrations.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	// Their migration is copied to our folder with a later version. Our snapshot stays.
	for name, text := range filesIn(t, theirs) {
		if strings.Contains(name, "_theirs") {
			name = strings.Replace(name, "20260301120001", "20260301120009", 1)
			if err := os.WriteFile(filepath.Join(ours, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	merged := projectIn(ours, &second{}, &audit{})
	if _, err := merged.Pending(); !errors.Is(err, migrations.ErrInconsistent) {
		t.Errorf("check: got %v, want ErrInconsistent", err)
	}
	if _, err := merged.Add("more", migrations.AddOptions{}); !errors.Is(err, migrations.ErrInconsistent) {
		t.Errorf("add: got %v, want ErrInconsistent", err)
	}
}

// TestUp_OwnMigration applies a migration that the team wrote, without a model beside it,
// in the order of the versions. It does not change what is generated.
func TestUp_OwnMigration(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		own := "-- +goose Up\nUPDATE user_sessions SET version = version;\n-- +goose Down\nSELECT 1;\n"
		if err := os.WriteFile(filepath.Join(dir, d.Engine.Name, "20260301120005_fill.sql"), []byte(own), 0o644); err != nil {
			t.Fatal(err)
		}
		mustRun(t, team(dir, steps[0].models...), "check")
		add(t, dir, steps[1])
		out := mustRun(t, team(dir, steps[1].models...), "up", dsnOf(t, d))
		if !strings.Contains(out, "20260301120005_fill.sql\napplied 20260301120006_columns.sql") {
			t.Errorf("it was not applied before the next one:\n%s", out)
		}
		mustRun(t, team(dir, steps[1].models...), "verify", dsnOf(t, d.Engine.New(t)))
	})
}
