package main

import (
	"fmt"
	"log/slog"
	"strings"
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
	db, err := gorm.Open(dialector(opts.dsn), &gorm.Config{
		Logger: logger.NewSlogLogger(slog.Default(), logger.Config{
			LogLevel: logger.Error, SlowThreshold: time.Second, IgnoreRecordNotFoundError: true, ParameterizedQueries: true,
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		return nil, fmt.Errorf("creating the session table: %w", err)
	}
	store, err := usersession.NewGormStore(db, usersession.WithLogger(slog.Default()))
	if err != nil {
		return nil, err
	}
	return &database{store, db}, nil
}

func (d *database) close() {
	if pool, err := d.db.DB(); err == nil {
		_ = pool.Close() // the program ends
	}
}

// dialector returns GORM's driver for the DSN's scheme. A DSN without a known scheme is
// the name of a SQLite file.
func dialector(dsn string) gorm.Dialector {
	switch scheme, rest, _ := strings.Cut(dsn, "://"); scheme {
	case "postgres", "postgresql":
		return postgres.Open(dsn)
	case "mysql":
		return mysql.Open(rest) // user:password@tcp(host:port)/database
	case "sqlserver":
		return sqlserver.Open(dsn)
	default:
		// With these settings concurrent writers wait for the lock instead of failing.
		name := strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23").Replace(dsn)
		return sqlite.New(sqlite.Config{
			DriverName: "sqlite",
			DSN:        "file:" + name + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate",
		})
	}
}

// isFile reports whether the DSN is the name of a SQLite file.
func isFile(dsn string) bool { return !strings.Contains(dsn, "://") }
