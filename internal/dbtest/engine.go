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

// RequireVariable names the environment variable that lists, separated by commas, the
// engines that must not be left out: a test that would skip one fails instead.
const RequireVariable = "USERSESSION_REQUIRE"

// An Engine is a kind of database.
type Engine struct {
	// Name is what GORM calls the dialect.
	Name string

	// variable is the environment variable that has the DSN; without it, fallback is
	// tried. hint says how to have a server.
	variable, fallback, hint string

	// version is an expression for the server's version.
	version string

	// place returns the DSN of a schema or database of that name, with further
	// parameters for the driver.
	place func(dsn, name string, params url.Values) (string, error)
	// create makes it, drop ends its sessions and removes it, and list returns all
	// there are with a name like that.
	create, drop func(ctx context.Context, admin *sql.DB, name string) error
	list         string

	connector func(dsn string) (driver.Connector, error)
	open      func(dsn string) gorm.Dialector
	over      func(pool gorm.ConnPool) gorm.Dialector

	once   sync.Once
	dsn    string
	admin  *sql.DB
	server string
	err    error
}

// Engines are all that there are.
var Engines = []*Engine{SQLite, PostgreSQL, MySQL, SQLServer}

// Each runs a test on every engine that is there, with a database of its own. It
// skips the others, with the reason, or fails if [RequireVariable] names them.
func Each(t *testing.T, test func(t *testing.T, d *Database)) {
	t.Helper()
	On(t, Engines, test)
}

// On is [Each] for some engines only.
func On(t *testing.T, engines []*Engine, test func(t *testing.T, d *Database)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			test(t, e.New(t))
		})
	}
}

// connect finds the server, once for all tests.
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
		e.err = e.reach()
		if e.err != nil && !given {
			e.err = fmt.Errorf("%w: %s is not set, and the local default does not answer: %w", errUnavailable, e.variable, e.err)
		}
	})
	return e.err
}

// errUnavailable says that nobody has promised the engine to be there.
var errUnavailable = errors.New("no server")

func (e *Engine) reach() error {
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

// Require makes the engine available to the test, or skips or fails the test.
func (e *Engine) Require(t testing.TB) {
	t.Helper()
	for name := range strings.SplitSeq(os.Getenv(RequireVariable), ",") {
		if e.Name != strings.TrimSpace(name) {
			continue // another engine, or something that other modules require
		}
		if err := e.connect(); err != nil {
			t.Fatalf("%s is required (%s) and not there: %v\n%s", e.Name, RequireVariable, err, e.hint)
		}
	}
	switch err := e.connect(); {
	case errors.Is(err, errUnavailable):
		t.Skipf("%s is left out: %v\n%s", e.Name, err, e.hint)
	case err != nil:
		t.Fatalf("%s=…: %v\n%s", e.variable, err, e.hint)
	}
}

// Dialector returns GORM's dialector for a DSN of [Database.DSN], for a process of its
// own.
func (e *Engine) Dialector(dsn string) gorm.Dialector { return e.open(dsn) }

// Over returns GORM's dialector on connections that are open already.
func (e *Engine) Over(pool gorm.ConnPool) gorm.Dialector { return e.over(pool) }
