package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/entities"
)

// A Database is one test's: a schema, a database or a file, gone after the test.
type Database struct {
	Engine *Engine
	Name   string
	// Version is the server's own words on what it is.
	Version string

	base string
}

// prefix begins every name that the package makes; the time follows, by which
// leftovers are told from what is in use.
const prefix = "usersession_test_"

// leftoverAfter is how old something must be to be a leftover: older than any run.
const leftoverAfter = 3 * time.Hour

// New makes a database for the test. It skips or fails the test where the engine is
// not there, see [Engine.Require].
func (e *Engine) New(t testing.TB) *Database {
	t.Helper()
	e.Require(t)
	if e.create == nil {
		return &Database{Engine: e, base: filepath.Join(t.TempDir(), "test.db"), Version: e.server}
	}
	name := fmt.Sprintf("%s%d_%s", prefix, time.Now().Unix(), strings.ToLower(rand.Text()[:8]))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.create(ctx, e.admin, name); err != nil {
		t.Fatalf("make %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.drop(ctx, e.admin, name); err != nil {
			t.Errorf("remove %s: %v", name, err)
		}
	})
	return &Database{Engine: e, Name: name, base: e.dsn, Version: e.server}
}

// sweep removes what runs that were killed have left behind.
func (e *Engine) sweep(ctx context.Context) error {
	rows, err := e.admin.QueryContext(ctx, e.list)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var leftovers []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		made, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "_")
		seconds, err := strconv.ParseInt(made, 10, 64)
		if err == nil && strings.HasPrefix(name, prefix) && time.Since(time.Unix(seconds, 0)) > leftoverAfter {
			leftovers = append(leftovers, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range leftovers {
		if err := e.drop(ctx, e.admin, name); err != nil {
			return fmt.Errorf("remove leftover %s: %w", name, err)
		}
	}
	return nil
}

// A Setup is how an application opens its database.
type Setup struct {
	// Config alters the application's gorm.Config.
	Config func(*gorm.Config)
	// Params are further parameters of the DSN.
	Params url.Values
	// Recorder, if there is one, sees what reaches the driver.
	Recorder *Recorder
	// MaxOpen is the most connections at a time; 0 is no limit.
	MaxOpen int
}

// DSN returns the database's DSN, with further parameters.
func (d *Database) DSN(params url.Values) (string, error) {
	return d.Engine.place(d.base, d.Name, params)
}

// Open opens the database as an application would, and closes it at the test's end.
func (d *Database) Open(t testing.TB, setup Setup) *gorm.DB {
	t.Helper()
	dsn, err := d.DSN(setup.Params)
	if err != nil {
		t.Fatal(err)
	}
	dialector := d.Engine.open(dsn)
	if setup.Recorder != nil {
		connector, err := d.Engine.connector(dsn)
		if err != nil {
			t.Fatal(err)
		}
		dialector = d.Engine.over(sql.OpenDB(setup.Recorder.Wrap(connector)))
	}
	config := &gorm.Config{Logger: logger.Discard}
	if setup.Config != nil {
		setup.Config(config)
	}
	db, err := gorm.Open(dialector, config)
	if err != nil {
		t.Fatalf("open %s: %v", d.Engine.Name, err)
	}
	pool := Pool(t, db)
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(setup.MaxOpen)
	pool.SetMaxIdleConns(32) // or a race spends its time on opening connections
	return db
}

// Over returns a second handle on the connections of the first, with a configuration of
// its own.
func (d *Database) Over(t testing.TB, db *gorm.DB, config *gorm.Config) *gorm.DB {
	t.Helper()
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	second, err := gorm.Open(d.Engine.Over(Pool(t, db)), config)
	if err != nil {
		t.Fatalf("open %s: %v", d.Engine.Name, err)
	}
	return second
}

// Pool returns the connections of db.
func Pool(t testing.TB, db *gorm.DB) *sql.DB {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// Migrate does what the team does: it makes the table, from entities.UserSession or
// from the team's own struct.
func (d *Database) Migrate(t testing.TB, db *gorm.DB, models ...any) {
	t.Helper()
	if len(models) == 0 {
		models = []any{&entities.UserSession{}}
	}
	if d.IsCockroachDB() {
		StripCollation(t, db)
	}
	if err := db.AutoMigrate(models...); err != nil {
		t.Fatalf("AutoMigrate on %s: %v", d.Engine.Name, err)
	}
}

// IsMariaDB tells MariaDB from MySQL and TiDB.
func (d *Database) IsMariaDB() bool { return strings.Contains(d.Version, "MariaDB") }

// IsTiDB tells TiDB from MySQL and MariaDB.
func (d *Database) IsTiDB() bool { return strings.Contains(d.Version, "TiDB") }

// IsCockroachDB tells CockroachDB from PostgreSQL.
func (d *Database) IsCockroachDB() bool { return strings.Contains(d.Version, "CockroachDB") }

// Quote quotes a name as the dialect does.
func (d *Database) Quote(name string) string {
	switch d.Engine {
	case MySQL:
		return "`" + name + "`"
	case SQLServer:
		return "[" + name + "]"
	default:
		return `"` + name + `"`
	}
}
