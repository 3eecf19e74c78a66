package migrationstest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	_ "modernc.org/sqlite"

	"example.com/usersession/entities"
	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/migrations"
)

// The structs below are consecutive versions of a team's entity. The steps between them need
// every change that the package covers.

// second adds columns, two of them with a default, and indexes, one of them composite.
type second struct {
	entities.UserSession
	Device *string `gorm:"size:100;index:,composite:device,priority:1"`
	Region *string `gorm:"size:20;index:,composite:device,priority:2"`
	Score  int64   `gorm:"not null;default:7;index"`
	Level  *int64  `gorm:"default:3"`
}

func (second) TableName() string { return "user_sessions" }

// third widens an indexed column and makes it NOT NULL, changes a default, and adds a
// column with a unique and filtered index.
type third struct {
	entities.UserSession
	Device string  `gorm:"size:200;not null;default:unknown;index:,composite:device,priority:1"`
	Region *string `gorm:"size:20;index:,composite:device,priority:2"`
	Score  int64   `gorm:"not null;default:8;index"`
	Serial *string `gorm:"size:40;uniqueIndex:,where:serial IS NOT NULL"`
	Level  *int64  `gorm:"default:3"`
}

func (third) TableName() string { return "user_sessions" }

// fourth renames a column of an index's key and one of an index's condition, narrows a
// column and drops another.
type fourth struct {
	entities.UserSession
	Device string  `gorm:"size:50;not null;default:unknown;index:,composite:device,priority:1"`
	Zone   *string `gorm:"size:20;index:,composite:device,priority:2"`
	Number *string `gorm:"size:40;uniqueIndex:idx_user_sessions_serial,where:number IS NOT NULL"`
	Level  *int64  `gorm:"default:3"`
}

func (fourth) TableName() string { return "user_sessions" }

// audit is a second table of the team's.
type audit struct {
	ID   int64  `gorm:"primaryKey"`
	What string `gorm:"size:100;not null"`
}

// A step is the input of one add.
type step struct {
	name    string
	models  []any
	options migrations.AddOptions
}

var steps = []step{
	{name: "init", models: []any{&entities.UserSession{}}},
	{name: "columns", models: []any{&second{}, &audit{}}},
	{name: "alter", models: []any{&third{}, &audit{}}, options: migrations.AddOptions{AllowDestructive: true}},
	{name: "narrow", models: []any{&fourth{}}, options: migrations.AddOptions{
		AllowDestructive: true,
		Renames:          []string{"user_sessions.region=zone", "user_sessions.serial=number"},
	}},
}

func openSQLite(dsn string) gorm.Dialector {
	return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn})
}

var teamDialects = []command.Dialect{
	{Name: "sqlite", Open: openSQLite},
	{Name: "postgres", Open: postgres.Open},
	{Name: "mysql", Open: mysql.Open},
	{Name: "sqlserver", Open: sqlserver.Open},
}

// projectIn returns a project with a fixed clock.
func projectIn(dir string, models ...any) *migrations.Project {
	p := &migrations.Project{
		Dir:    dir,
		Models: models,
		Now:    func() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) },
	}
	for _, dialect := range teamDialects {
		p.Dialects = append(p.Dialects, dialect.Open(""))
	}
	return p
}

// add adds the step's migration, which must succeed, and returns the files.
func add(t *testing.T, dir string, s step) []string {
	t.Helper()
	files, err := projectIn(dir, s.models...).Add(s.name, s.options)
	if err != nil {
		t.Fatalf("add %s: %v", s.name, err)
	}
	return files
}

// addAll adds the migrations of all steps.
func addAll(t *testing.T, dir string) {
	t.Helper()
	for _, s := range steps {
		add(t, dir, s)
	}
}

// team returns the configuration of the sample project's command line.
func team(dir string, models ...any) command.Team {
	return command.Team{
		Models:   models,
		Config:   func() *gorm.Config { return &gorm.Config{} },
		Dialects: teamDialects,
		Dir:      dir,
	}
}

// run runs a command of the sample project and returns its output.
func run(t *testing.T, team command.Team, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := command.Run(context.WithoutCancel(t.Context()), team, args, &out)
	return out.String(), err
}

// mustRun is like run for a command that must succeed.
func mustRun(t *testing.T, team command.Team, args ...string) string {
	t.Helper()
	out, err := run(t, team, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// filesIn returns the content of the files below a folder by their relative paths.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
