package migrationstest

import (
	"context"
	"fmt"
	"net/url"
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

// engines are the engines on which the SQL is executed. SQL Server is one of them if
// USERSESSION_TEST_SQLSERVER names a server.
var engines = dbtest.Engines

// dsnOf returns the flag that names the database on the command line.
func dsnOf(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	return "-dsn=" + dsnWith(t, d, nil)
}

// byHandDSNOf is dsnOf with the SQL mode for which the team's own statements are written, whatever
// the server's mode is.
func byHandDSNOf(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	if d.Engine != dbtest.MySQL {
		return dsnOf(t, d)
	}
	return "-dsn=" + dsnWith(t, d, url.Values{"sql_mode": {"'TRADITIONAL'"}})
}

// TestConformance runs the conformance suite for stores on two generated schemas: the
// schema after the first migration, and the schema after the last migration, which has columns
// of the team's.
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

// TestUpAndDown_KeepsRows applies each step to a table with rows: up, down and up again.
// No row is lost or changed.
func TestUpAndDown_KeepsRows(t *testing.T) {
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
		// Rows that are older than a column have its default, the same in every dialect.
		var values []string
		if err := db.Raw("SELECT DISTINCT CONCAT(device, level) FROM user_sessions").Scan(&values).Error; err != nil || !slices.Equal(values, []string{"unknown3"}) {
			t.Errorf("the rows have %q (%v), want the defaults", values, err)
		}
	})
}

// back runs down for every migration that one add wrote.
func back(t *testing.T, team command.Team, dsn string, files []string, dialect string) {
	t.Helper()
	for _, file := range files {
		if strings.HasSuffix(file, ".sql") && strings.Contains(file, "/"+dialect+"/") {
			mustRun(t, team, "down", "-allow-destructive", dsn)
		}
	}
}

// rowsOf are sessions that a schema change must keep.
type rowsOf []bff.UserSession

func createRows(t *testing.T, db *gorm.DB) (rows rowsOf) {
	t.Helper()
	store := storeOn(t, db)
	now := time.Now().UTC().Truncate(time.Microsecond)
	// The keys differ only in case or composition. Two sessions have no session id.
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
	// A new store, since statements that were prepared for the old table fail.
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

// autoMigrate runs AutoMigrate and returns the statements that change something.
func autoMigrate(t *testing.T, d *dbtest.Database, models []any) []string {
	t.Helper()
	var recorded changes
	db := d.Open(t, dbtest.Setup{Config: func(c *gorm.Config) { c.Logger = &recorded }})
	if err := db.AutoMigrate(models...); err != nil {
		t.Fatalf("AutoMigrate: %v", err)
	}
	return recorded.statements
}

// changes is a logger that records the statements other than queries.
type changes struct{ statements []string }

var query = regexp.MustCompile(`(?i)^\s*(SELECT|PRAGMA|SHOW|EXPLAIN)\b`)

func (c *changes) LogMode(logger.LogLevel) logger.Interface    { return c }
func (*changes) Info(context.Context, string, ...interface{})  {}
func (*changes) Warn(context.Context, string, ...interface{})  {}
func (*changes) Error(context.Context, string, ...interface{}) {}

func (c *changes) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	if text, _ := statement(); !query.MatchString(text) {
		c.statements = append(c.statements, text)
	}
}

// TestAutoMigrate_AfterMigrations runs AutoMigrate after each step: it changes nothing. The
// tables are empty: on a table with rows GORM takes the length that the pure-Go SQLite
// driver reports for text columns for a change, even if AutoMigrate itself created it.
func TestAutoMigrate_AfterMigrations(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		for _, s := range steps {
			add(t, dir, s)
			mustRun(t, team(dir, s.models...), "up", dsnOf(t, d))
			if done := autoMigrate(t, d, s.models); len(done) > 0 {
				t.Errorf("%s: AutoMigrate changed the schema:\n%s", s.name, strings.Join(done, "\n"))
			}
		}
	})
}

// TestAutoMigrate_ChangeIsRecorded is the positive control of the test above.
func TestAutoMigrate_ChangeIsRecorded(t *testing.T) {
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		mustRun(t, team(dir, steps[0].models...), "up", dsnOf(t, d))
		if done := autoMigrate(t, d, steps[1].models); len(done) == 0 {
			t.Error("AutoMigrate did nothing on a table that lacks columns")
		}
	})
}
