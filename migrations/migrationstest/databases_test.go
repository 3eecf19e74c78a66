package migrationstest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/internal/dbtest"
)

// engines are those on which everything is executed. SQL Server is among them where
// there is a server.
var engines = dbtest.Engines

// dsnOf returns the database's DSN for the command line.
func dsnOf(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	dsn, err := d.DSN(nil)
	if err != nil {
		t.Fatal(err)
	}
	return "--dsn=" + dsn
}

// TestConformance runs the whole suite for stores on the generated schema: on the first
// one, and on the one that the last migration leads to, with columns of the team's.
func TestConformance(t *testing.T) {
	for _, upTo := range []int{1, len(steps)} {
		t.Run(steps[upTo-1].name, func(t *testing.T) {
			dir := t.TempDir()
			for _, s := range steps[:upTo] {
				add(t, dir, s)
			}
			dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
				mustRun(t, team(dir, steps[upTo-1].models...), "up", dsnOf(t, d))
				conform(t, d)
			})
		})
	}
}

func conform(t *testing.T, d *dbtest.Database) {
	t.Helper()
	db := d.Open(t, dbtest.Setup{})
	bfftest.Run(t, bfftest.Harness{New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
		mustExec(t, db, "DELETE FROM user_sessions")
		return storeOn(t, db, usersession.WithClock(clock))
	}})
}

func storeOn(t *testing.T, db *gorm.DB, opts ...usersession.Option) *usersession.GormStore {
	t.Helper()
	store, err := usersession.NewGormStore(db, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestTheLifeOfASchema goes through all the steps of a team with rows in the table: up,
// down and up again, and none of them is lost.
func TestTheLifeOfASchema(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir, dsn := t.TempDir(), dsnOf(t, d)
		db := d.Open(t, dbtest.Setup{})
		var rows rowsOf
		for i, s := range steps {
			files := add(t, dir, s)
			team := team(dir, s.models...)
			mustRun(t, team, "check")
			mustRun(t, team, "up", dsn)
			if i == 0 {
				rows = createRows(t, db)
			}
			rows.mustBeThere(t, db, s.name+", up")
			if i > 0 {
				back(t, team, dsn, files, d.Engine.Name)
				rows.mustBeThere(t, db, s.name+", down")
				mustRun(t, team, "up", dsn)
				rows.mustBeThere(t, db, s.name+", up again")
			}
		}
		// Rows from before a column was there have its default, everywhere the same.
		var values []string
		if err := db.Raw("SELECT DISTINCT CONCAT(device, level) FROM user_sessions").Scan(&values).Error; err != nil || !slices.Equal(values, []string{"unknown3"}) {
			t.Errorf("the rows have %q (%v), want the defaults", values, err)
		}
	})
}

// back takes back what one add has written.
func back(t *testing.T, team command.Team, dsn string, files []string, dialect string) {
	t.Helper()
	for _, file := range files {
		if strings.HasSuffix(file, ".sql") && strings.Contains(file, "/"+dialect+"/") {
			mustRun(t, team, "down", dsn)
		}
	}
}

// rowsOf are sessions that a schema change must not touch.
type rowsOf []bff.UserSession

func createRows(t *testing.T, db *gorm.DB) (rows rowsOf) {
	t.Helper()
	store := storeOn(t, db)
	now := time.Now().UTC().Truncate(time.Microsecond)
	// Keys that differ only in case or composition, and two sessions without a session id.
	for i, key := range []string{"k", "K", "\u00e9", "e\u0301"} {
		session := bff.UserSession{
			PartitionKey: "shop", Key: key, SubjectID: "alice",
			Created: now, Renewed: now.Add(time.Duration(i) * time.Microsecond), Expires: now.Add(time.Hour),
			Ticket: []byte{0, 1, 0xff, byte(i)}, Version: 1,
		}
		if i > 1 {
			session.SessionID = "sid-" + key
			session.Expires = time.Time{}
		}
		if err := store.CreateUserSession(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, session)
	}
	return rows
}

func (rows rowsOf) mustBeThere(t *testing.T, db *gorm.DB, when string) {
	t.Helper()
	// Statements that were prepared for the old table are of no use any more.
	store := storeOn(t, db)
	for _, want := range rows {
		got, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: want.PartitionKey, Key: want.Key})
		if err != nil {
			t.Fatalf("%s: %q: %v", when, want.Key, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	var count int64
	if err := db.Table("user_sessions").Count(&count).Error; err != nil || count != int64(len(rows)) {
		t.Errorf("%s: there are %d rows (%v), want %d", when, count, err, len(rows))
	}
}

// autoMigrate returns the statements of AutoMigrate that change something.
func autoMigrate(t *testing.T, d *dbtest.Database, models []any) []string {
	t.Helper()
	var recorded changes
	db := d.Open(t, dbtest.Setup{Config: func(c *gorm.Config) { c.Logger = &recorded }})
	if err := db.AutoMigrate(models...); err != nil {
		t.Fatalf("AutoMigrate: %v", err)
	}
	return recorded.statements
}

// changes is a logger that keeps the statements which are no questions.
type changes struct{ statements []string }

var question = regexp.MustCompile(`(?i)^\s*(SELECT|PRAGMA|SHOW|EXPLAIN)\b`)

func (c *changes) LogMode(logger.LogLevel) logger.Interface    { return c }
func (*changes) Info(context.Context, string, ...interface{})  {}
func (*changes) Warn(context.Context, string, ...interface{})  {}
func (*changes) Error(context.Context, string, ...interface{}) {}

func (c *changes) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	if text, _ := statement(); !question.MatchString(text) {
		c.statements = append(c.statements, text)
	}
}

// TestAutoMigrateHasNothingToDo on a database that the migrations have made, after each
// step. The tables are empty, since on one with rows GORM takes the length that the pure-Go
// SQLite reports for text columns for a change, also in tables of its own making.
func TestAutoMigrateHasNothingToDo(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		for _, s := range steps {
			add(t, dir, s)
			mustRun(t, team(dir, s.models...), "up", dsnOf(t, d))
			if done := autoMigrate(t, d, s.models); len(done) > 0 {
				t.Errorf("%s: AutoMigrate found something to do:\n%s", s.name, strings.Join(done, "\n"))
			}
		}
	})
}

// TestAutoMigrateIsSeen makes sure that the recorder of the test above records.
func TestAutoMigrateIsSeen(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		mustRun(t, team(dir, steps[0].models...), "up", dsnOf(t, d))
		if done := autoMigrate(t, d, steps[1].models); len(done) == 0 {
			t.Error("AutoMigrate did nothing on a table that lacks columns")
		}
	})
}
