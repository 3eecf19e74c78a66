package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"example.com/usersession/examples/usersessiondb/command"
)

// TestMigrations runs the checks of a team's CI: the migrations are up to date with the
// entities, and each dialect has a script. With SQLite, it also applies and reverts them.
func TestMigrations(t *testing.T) {
	commands := [][]string{{"check"}}
	for _, dialect := range team.Dialects {
		commands = append(commands, []string{"script", "-dialect=" + dialect.Name})
	}
	if slices.ContainsFunc(team.Dialects, func(d command.Dialect) bool { return d.Name == "sqlite" }) {
		dsn := "-dsn=file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "test.db"))
		commands = append(commands, [][]string{
			{"verify"}, {"up", dsn}, {"doctor", dsn}, {"status", dsn}, {"down", "-allow-destructive", dsn}, {"up", dsn},
		}...)
	}
	for _, args := range commands {
		var out bytes.Buffer
		if err := command.Run(t.Context(), team, args, &out); err != nil {
			t.Errorf("%v: %v\n%s", args, err, &out)
		}
	}
}
