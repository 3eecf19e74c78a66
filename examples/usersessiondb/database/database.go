// Package database opens the database of the example programs and creates their table.
package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"example.com/usersession/entities"
	"example.com/usersession/examples/usersessiondb/dsn"
)

// Open opens the database of the source. Its error has no password. The caller closes the
// pool.
func Open(source dsn.Source) (*gorm.DB, error) {
	if !existing.MatchString(source.DSN()) {
		if err := createPrivate(source.File); err != nil {
			return nil, err
		}
	}
	// GORM would log the error of opening, which may quote the DSN.
	db, err := gorm.Open(dialector(source), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, source.Redact(err)
	}
	db.Logger = logger.Default
	return db, nil
}

// existing matches a SQLite DSN with mode=ro or mode=rw, which must not create a file.
var existing = regexp.MustCompile(`[?&]mode=`)

// createPrivate creates the file of a new SQLite database, so that only its owner may read it. The
// files that SQLite puts beside it get the same mode.
func createPrivate(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return file.Close()
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

// migrateAttempts bounds how often a host that starts gives way to other hosts that create the
// table at the same time.
const migrateAttempts = 10

// Migrate creates or alters the table. The library never does so: the schema is the
// application's, and in the examples AutoMigrate is the migration. If several hosts start at
// once on an empty database, all but one find a half-made table, and their statements fail:
// they try again.
func Migrate(db *gorm.DB) (err error) {
	quiet := db.Session(&gorm.Session{Logger: logger.Discard})
	for attempt := range migrateAttempts {
		if err = quiet.AutoMigrate(&entities.UserSession{}); err == nil {
			return nil
		}
		time.Sleep(time.Duration(attempt+1) * 50 * time.Millisecond)
	}
	return err
}
