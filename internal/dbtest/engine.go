package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
)

// RequireVariable is the environment variable that lists the required engines, separated
// by commas. A test of a required engine that is not available fails; it does not skip.
const RequireVariable = "USERSESSION_REQUIRE"

// An Engine is a kind of database.
type Engine struct {
	// Name is GORM's name of the dialect.
	Name string

	// variable is the environment variable with the DSN; fallback is the DSN that is
	// tried if the variable is not set. hint says how to start a server.
	variable, fallback, hint string

	// version is an expression for the server's version.
	version string

	// databaseDSN returns the DSN of the schema or database with the name, with
	// additional parameters for the driver.
	databaseDSN func(dsn, name string, params url.Values) (string, error)
	// address returns the server's address in a DSN, and dsnAt the DSN with another
	// TCP address. Both are nil if the engine has no server.
	address func(dsn string) (network, address string, err error)
	dsnAt   func(dsn, address string) (string, error)
	// create creates the schema or database with the name. drop closes its
	// connections and removes it. list is a query for the names of all of them.
	// create is nil if the engine has no server.
	create, drop func(ctx context.Context, admin *sql.DB, name string) error
	list         string
	// created waits until a new database, or new tables in it, can be used. It may be nil.
	created func(ctx context.Context, dsn, name string) error

	connector func(dsn string) (driver.Connector, error)
	open      func(dsn string) gorm.Dialector
	onPool    func(pool gorm.ConnPool) gorm.Dialector

	once   sync.Once
	dsn    string
	admin  *sql.DB
	server string
	err    error
}

// Engines are all engines.
var Engines = []*Engine{SQLite, PostgreSQL, MySQL, SQLServer}

// OnEveryEngine runs a test on every engine, each time with a new database. A test of an
// engine that is not available skips with the reason, or fails if [RequireVariable] lists
// the engine.
func OnEveryEngine(t *testing.T, test func(t *testing.T, d *Database)) {
	t.Helper()
	On(t, Engines, test)
}

// On is [OnEveryEngine] for some of the engines.
func On(t *testing.T, engines []*Engine, test func(t *testing.T, d *Database)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			test(t, e.New(t))
		})
	}
}

// connect connects to the server, once for all tests.
func (e *Engine) connect() error {
	e.once.Do(func() {
		if e.create == nil { // no server
			return
		}
		e.dsn = os.Getenv(e.variable)
		given := e.dsn != ""
		if !given {
			e.dsn = e.fallback
		}
		if e.dsn == "" {
			e.err = fmt.Errorf("%w: %s is not set", errUnavailable, e.variable)
			return
		}
		e.err = e.openAdmin()
		if e.err != nil && !given {
			e.err = fmt.Errorf("%w: %s is not set, and the default server does not answer: %w", errUnavailable, e.variable, e.err)
		}
	})
	return e.err
}

// errUnavailable means that no server is configured and the default does not answer.
var errUnavailable = errors.New("no server")

// openAdmin opens the connections that create and remove databases, and removes leftovers.
func (e *Engine) openAdmin() error {
	connector, err := e.connector(e.dsn)
	if err != nil {
		return err
	}
	e.admin = sql.OpenDB(connector)
	e.admin.SetMaxOpenConns(2)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := e.admin.QueryRowContext(ctx, "SELECT "+e.version).Scan(&e.server); err != nil {
		return err
	}
	return e.sweep(ctx)
}

// Require connects to the engine. If the engine is not available, it fails the test if
// [RequireVariable] lists the engine or its DSN is set, and otherwise skips the test.
func (e *Engine) Require(t testing.TB) {
	t.Helper()
	for name := range strings.SplitSeq(os.Getenv(RequireVariable), ",") {
		if e.Name != strings.TrimSpace(name) {
			continue // another engine, or a requirement of another module
		}
		if err := e.connect(); err != nil {
			t.Fatalf("%s is required (%s) but not available: %v\n%s", e.Name, RequireVariable, err, e.hint)
		}
	}
	switch err := e.connect(); {
	case errors.Is(err, errUnavailable):
		t.Skipf("%s is left out: %v\n%s", e.Name, err, e.hint)
	case err != nil:
		t.Fatalf("%s=…: %v\n%s", e.variable, err, e.hint)
	}
}

// Dialector returns GORM's dialector for a DSN from [Database.DSN]. A test passes the DSN
// to another process.
func (e *Engine) Dialector(dsn string) gorm.Dialector { return e.open(dsn) }

// Connector returns the connector of the engine's driver for a DSN.
func (e *Engine) Connector(dsn string) (driver.Connector, error) { return e.connector(dsn) }

// DialectorOn returns GORM's dialector on connections that are already open.
func (e *Engine) DialectorOn(pool gorm.ConnPool) gorm.Dialector { return e.onPool(pool) }
