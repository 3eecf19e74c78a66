package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/entities"
)

// An engine is a database server, with a database (PostgreSQL: a schema) that belongs to
// this run.
type engine struct {
	name, title string

	// createDatabase creates the database.
	createDatabase func(ctx context.Context, name string) error
	// connect returns a connector to the database.
	connect func(name string) (driver.Connector, error)
	// dropDatabase removes the database.
	dropDatabase func(ctx context.Context, name string) error
	// dialector returns GORM's dialector on the pool.
	dialector func(pool *sql.DB) gorm.Dialector

	version string   // the query for the server's version
	tidy    []string // statements that bring a refilled table into its usual state
	empty   string   // empties the table
	settle  string   // does deferred work that would slow down later calls

	isolation sql.IsolationLevel // in which the raw store's replacement does not deadlock

	database  string
	connector driver.Connector
}

const table = "user_sessions"

func engines(c config) []*engine {
	return []*engine{
		{
			name: "postgres", title: "PostgreSQL",
			createDatabase: func(ctx context.Context, name string) error {
				return execute(ctx, "pgx", c.postgres.DSN(), "CREATE SCHEMA "+name)
			},
			connect: func(name string) (driver.Connector, error) { return connectPostgres(c.postgres.DSN(), name) },
			dropDatabase: func(ctx context.Context, name string) error {
				return execute(ctx, "pgx", c.postgres.DSN(), "DROP SCHEMA "+name+" CASCADE")
			},
			dialector: func(pool *sql.DB) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
			version:   "SHOW server_version",
			empty:     "TRUNCATE " + table,
			tidy:      []string{"VACUUM ANALYZE " + table, "CHECKPOINT"},
		},
		{
			name: "mysql", title: "MariaDB / MySQL",
			createDatabase: func(ctx context.Context, name string) error {
				return execute(ctx, "mysql", c.mysql.DSN(), "CREATE DATABASE "+name)
			},
			connect: func(name string) (driver.Connector, error) { return connectMySQL(c.mysql.DSN(), name) },
			dropDatabase: func(ctx context.Context, name string) error {
				return execute(ctx, "mysql", c.mysql.DSN(), "DROP DATABASE "+name)
			},
			dialector: func(pool *sql.DB) gorm.Dialector { return mysql.New(mysql.Config{Conn: pool}) },
			version:   "SELECT version()",
			empty:     "TRUNCATE " + table,
			tidy:      []string{"ANALYZE TABLE " + table},
			isolation: sql.LevelReadCommitted,
		},
		{
			name: "sqlite", title: "SQLite",
			createDatabase: func(_ context.Context, name string) error {
				return os.Mkdir(filepath.Join(os.TempDir(), name), 0o700)
			},
			connect: connectSQLite,
			dropDatabase: func(_ context.Context, name string) error {
				return os.RemoveAll(filepath.Join(os.TempDir(), name))
			},
			dialector: func(pool *sql.DB) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) },
			version:   "SELECT sqlite_version()",
			empty:     "DELETE FROM " + table,
			tidy:      []string{"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"},
			settle:    "PRAGMA wal_checkpoint(TRUNCATE)",
		},
	}
}

func connectPostgres(dsn, name string) (driver.Connector, error) {
	parsed, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	parsed.RuntimeParams["search_path"] = name
	return stdlib.GetConnector(*parsed), nil
}

func connectMySQL(dsn, name string) (driver.Connector, error) {
	parsed, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	parsed.DBName = name
	return mysqldriver.NewConnector(parsed)
}

func connectSQLite(name string) (driver.Connector, error) {
	pool, err := sql.Open("sqlite3", "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = pool.Close() }()
	return dsnConnector{sqliteDSN(name), pool.Driver()}, nil
}

func sqliteDSN(name string) string {
	return "file:" + filepath.ToSlash(filepath.Join(os.TempDir(), name)) +
		"/sessions.db?_journal_mode=WAL&_busy_timeout=5000&_txlock=immediate&_synchronous=NORMAL"
}

// A dsnConnector is a connector for a driver without one.
type dsnConnector struct {
	dsn    string
	driver driver.Driver
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }

func databaseName() string { return "usersession_bench_" + strings.ToLower(rand.Text()[:10]) }

// create creates the database and the table, and returns the server's version.
func (e *engine) create(ctx context.Context) (version string, err error) {
	e.database = databaseName()
	if err := e.createDatabase(ctx, e.database); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			e.drop()
		}
	}()
	if e.connector, err = e.connect(e.database); err != nil {
		return "", err
	}
	db, closePool := e.open()
	defer closePool()
	if err := db.WithContext(ctx).AutoMigrate(&entities.UserSession{}); err != nil {
		return "", err
	}
	err = db.WithContext(ctx).Raw(e.version).Row().Scan(&version)
	return version, err
}

// drop removes the database. It also works after an interrupt has ended the run's context.
func (e *engine) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.dropDatabase(ctx, e.database); err != nil {
		warn("%s: %v", e.title, err)
	}
}

// open returns a handle with GORM's default configuration on a new pool, as each host of an
// application has, and a function that closes the pool.
func (e *engine) open() (db *gorm.DB, closePool func()) {
	return e.openThrough(e.connector)
}

func (e *engine) openThrough(connector driver.Connector) (*gorm.DB, func()) {
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(16)
	pool.SetMaxIdleConns(16) // the time to open connections must not be measured
	db, err := gorm.Open(e.dialector(pool), &gorm.Config{Logger: logger.Discard})
	if err != nil { // the first query returns the error
		_ = db.AddError(err)
	}
	return db, func() { _ = pool.Close() }
}

// execute runs a statement on a connection of its own.
func execute(ctx context.Context, driverName, dsn, statement string) error {
	pool, err := sql.Open(driverName, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	if _, err := pool.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
