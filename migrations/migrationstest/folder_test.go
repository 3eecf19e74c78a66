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

// TestRemove takes back what the last add has written, in all dialects, and no more.
func TestRemove(t *testing.T) {
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
			t.Errorf("after removing %s the files are not those before it", steps[i].name)
		}
	}
	if _, err := project.Remove(); !errors.Is(err, migrations.ErrNoMigration) {
		t.Errorf("nothing to remove: %v", err)
	}
}

// TestRemoveLeavesWhatIsApplied where it can know.
func TestRemoveLeavesWhatIsApplied(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		for _, s := range steps[:2] {
			add(t, dir, s)
		}
		project := team(dir, steps[1].models...)
		mustRun(t, project, "up", dsnOf(t, d))
		if _, err := run(t, project, "remove", dsnOf(t, d)); err == nil || !strings.Contains(err.Error(), "it is applied") {
			t.Errorf("applied: %v", err)
		}
		mustRun(t, project, "down", dsnOf(t, d))
		if d.Engine == dbtest.MySQL { // where the step is two migrations
			mustRun(t, project, "down", dsnOf(t, d))
		}
		mustRun(t, project, "remove", dsnOf(t, d))
		mustRun(t, team(dir, steps[0].models...), "check")
	})
}

// TestAMergeOfTwoBranchesIsNoticed: both have added a migration, and somebody has taken
// one side of the snapshot.
func TestAMergeOfTwoBranchesIsNoticed(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	add(t, ours, steps[0])
	add(t, theirs, steps[0])
	add(t, ours, step{name: "ours", models: []any{&second{}}})
	p := projectIn(theirs, &entities.UserSession{}, &audit{})
	if _, err := p.Add("theirs", migrations.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	// Their migration comes to our folder, numbered after ours; the snapshot stays.
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
		t.Errorf("check: %v", err)
	}
	if _, err := merged.Add("more", migrations.AddOptions{}); !errors.Is(err, migrations.ErrInconsistent) {
		t.Errorf("add: %v", err)
	}
}

// TestAMigrationOfTheTeamsOwn, with no model beside it, is run like the others and changes
// nothing of what is generated.
func TestAMigrationOfTheTeamsOwn(t *testing.T) {
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
			t.Errorf("it was not run between the others:\n%s", out)
		}
		mustRun(t, team(dir, steps[1].models...), "verify", dsnOf(t, d.Engine.New(t)))
	})
}
