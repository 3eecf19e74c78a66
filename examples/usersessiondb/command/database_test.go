package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite"

	"example.com/usersession/entities"
)

func team(t *testing.T) Team {
	t.Helper()
	t.Chdir(t.TempDir()) // for a file that a mistyped DSN would create
	open := func(dsn string) gorm.Dialector { return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn}) }
	return Team{
		Models: []any{&entities.UserSession{}}, Config: func() *gorm.Config { return &gorm.Config{} }, Dir: "migrations",
		Dialects: []Dialect{{Name: "sqlite", Open: open}, {Name: "postgres", Open: open}}, DSN: "file:usersessions.db",
	}
}

// TestRun_MistypedDSN checks that a DSN which is not understood, or understood as that of
// another dialect, creates no file and is not shown.
func TestRun_MistypedDSN(t *testing.T) {
	team := team(t)
	for _, args := range [][]string{
		{"-dsn", "user=sa;password=s3cret;database=x", "status"},
		{"-dsn", "pgsql://root:s3cret@h/x.db", "status"},
		{"-dsn", "root:s3cret@h/x.db", "status"},
		{"-dsn", "mysql://root:s3cret@h/x", "status"},                          // not one of the team's dialects
		{"-dsn", "postgres://root:s3cret@h/x", "-dialect", "sqlite", "status"}, // contradicts
		{"-dsn", "host=h", "password=s3cret", "status"},                        // without quotes
		{"-dsn", "file:s3cret/x.db?_pragma=key('s3cret')", "status"},
		{"script", "password=s3cret"},
		{"baseline", "password=s3cret"},
	} {
		var out bytes.Buffer
		err := Run(t.Context(), team, args, &out)
		if err == nil || strings.Contains(err.Error()+out.String(), "s3cret") {
			t.Errorf("%q: %v\n%s", args, err, &out)
		}
	}
	if names, err := filepath.Glob("*"); err != nil || len(names) > 0 {
		t.Errorf("these files were created: %q (%v)", names, err)
	}
}

func TestRun_DialectWithoutDSN(t *testing.T) {
	team := team(t)
	var out bytes.Buffer
	if err := Run(t.Context(), team, []string{"-dialect=postgres", "status"}, &out); err == nil || !strings.Contains(err.Error(), "no default database for postgres") {
		t.Errorf("got %v", err)
	}
	if err := Run(t.Context(), team, []string{"-dialect=sqlite", "-dsn=mine.sqlite3", "doctor"}, &out); err == nil {
		t.Error("doctor finds nothing in an empty database")
	}
	if _, err := os.Stat("mine.sqlite3"); err != nil {
		t.Error(err)
	}
}
