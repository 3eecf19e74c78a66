package main

import (
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"example.com/usersession/examples/usersessiondb/dsn"
)

// open opens the database that the DSN names.
func open(text string) (*gorm.DB, error) {
	source, err := dsn.Parse(text)
	if err != nil {
		return nil, err
	}
	// GORM would log the error of opening, which may quote the DSN.
	db, err := gorm.Open(dialector(source), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, source.Redact(err)
	}
	db.Logger = logger.Default
	return db, nil
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
