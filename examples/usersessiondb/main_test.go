package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"example.com/usersession/examples/usersessiondb/command"
)

// TestMigrations runs the checks of a team's CI: the migrations are up to date with the
// entities, and they create the tables that the entities describe.
func TestMigrations(t *testing.T) {
	dsn := "-dsn=file:" + filepath.Join(t.TempDir(), "test.db")
	for _, args := range [][]string{
		{"check"}, {"verify"}, {"up", dsn}, {"doctor", dsn}, {"status", dsn}, {"down", "-allow-destructive", dsn}, {"up", dsn},
		{"script", "-dialect=sqlserver"},
	} {
		var out bytes.Buffer
		if err := command.Run(t.Context(), team, args, &out); err != nil {
			t.Errorf("%v: %v\n%s", args, err, &out)
		}
	}
}
