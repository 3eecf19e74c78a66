package main

import (
	"fmt"
	"log/slog"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"example.com/usersession"
	"example.com/usersession/entities"
	"example.com/usersession/examples/usersessiondb/dsn"
)

// database is the session store together with the connection pool that it uses.
type database struct {
	*usersession.GormStore
	db *gorm.DB
}

// openStore opens the database and creates or alters the table. The library never does
// so: the schema is the application's, and in this example AutoMigrate is its migration.
// The caller closes the returned database.
func openStore(opts options) (*database, error) {
	source := opts.source
	// GORM would log the error of opening, which may quote the DSN.
	db, err := gorm.Open(dialector(source), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", source.Redact(err))
	}
	db.Logger = logger.NewSlogLogger(slog.Default(), logger.Config{
		LogLevel: logger.Error, SlowThreshold: time.Second, IgnoreRecordNotFoundError: true, ParameterizedQueries: true,
	})
	if err := migrate(db); err != nil {
		return nil, fmt.Errorf("creating the session table: %w", source.Redact(err))
	}
	store, err := usersession.NewGormStore(db, usersession.WithLogger(slog.Default()))
	if err != nil {
		return nil, err
	}
	return &database{store, db}, nil
}

// migrateAttempts bounds how often a host that starts gives way to other hosts that create the
// table at the same time.
const migrateAttempts = 10

// migrate creates or alters the table. If several hosts start at once on an empty database,
// all but one find a half-made table, and their statements fail: they try again.
func migrate(db *gorm.DB) (err error) {
	quiet := db.Session(&gorm.Session{Logger: logger.Discard})
	for attempt := range migrateAttempts {
		if err = quiet.AutoMigrate(&entities.UserSession{}); err == nil {
			return nil
		}
		time.Sleep(time.Duration(attempt+1) * 50 * time.Millisecond)
	}
	return err
}

func (d *database) close() {
	if pool, err := d.db.DB(); err == nil {
		_ = pool.Close() // the program ends
	}
}

func dialector(source dsn.Source) gorm.Dialector {
	switch source.Dialect {
	case "postgres":
		return postgres.Open(source.DSN())
	case "mysql":
		return mysql.Open(source.DSN())
	case "sqlserver":
		return sqlserver.Open(source.DSN())
	default:
		// With these settings concurrent writers wait for the lock instead of failing.
		source = source.WithPragmas("busy_timeout(5000)", "journal_mode(WAL)")
		return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: source.DSN()})
	}
}
