package main

import (
	"strings"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler
)

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
		return sqlite.New(sqlite.Config{
			DriverName: "sqlite",
			DSN:        "file:" + dsn + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate",
		})
	}
}
