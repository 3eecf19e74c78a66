package migrationstest

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestAdd_Golden compares the generated files of every dialect with the reviewed ones.
func TestAdd_Golden(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	got := filesIn(t, dir)
	if *update {
		if err := os.RemoveAll("testdata/golden"); err != nil {
			t.Fatal(err)
		}
		for name, text := range got {
			path := filepath.Join("testdata/golden", filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := filesIn(t, "testdata/golden")
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is no longer generated", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] != want[name] {
			t.Errorf("%s differs from the reviewed file (-update writes it):\n got:\n%s\nwant:\n%s", name, got[name], want[name])
		}
	}
}

// TestAdd_SameBytes generates the migrations twice.
func TestAdd_SameBytes(t *testing.T) {
	first, other := t.TempDir(), t.TempDir()
	addAll(t, first)
	addAll(t, other)
	if !maps.Equal(filesIn(t, first), filesIn(t, other)) {
		t.Error("the files differ")
	}
}

// TestAdd_NothingChanged adds again after each step: nothing is written and nothing is
// pending.
func TestAdd_NothingChanged(t *testing.T) {
	dir := t.TempDir()
	for _, s := range steps {
		add(t, dir, s)
		before := filesIn(t, dir)
		if files := add(t, dir, step{name: "again", models: s.models}); len(files) > 0 {
			t.Errorf("after %s, add again wrote %v", s.name, files)
		}
		if !maps.Equal(before, filesIn(t, dir)) {
			t.Errorf("after %s, add again changed files", s.name)
		}
		pending, err := projectIn(dir, s.models...).Pending()
		if err != nil || len(pending) > 0 {
			t.Errorf("after %s: pending %q, %v", s.name, pending, err)
		}
	}
}

// TestAdd_MySQLOneDDLStatement counts the DDL statements of each Up for MySQL, which cannot
// roll them back. Statements that set the session are no DDL.
func TestAdd_MySQLOneDDLStatement(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	for name, text := range filesIn(t, filepath.Join(dir, "mysql")) {
		if !strings.HasSuffix(name, ".sql") {
			continue
		}
		up, _, _ := strings.Cut(text, "-- +goose Down")
		statements := 0
		for line := range strings.Lines(up) {
			if strings.HasPrefix(line, "CREATE") || strings.HasPrefix(line, "ALTER") || strings.HasPrefix(line, "DROP") {
				statements++
			}
		}
		if statements != 1 {
			t.Errorf("%s has %d DDL statements, want 1:\n%s", name, statements, up)
		}
	}
}
