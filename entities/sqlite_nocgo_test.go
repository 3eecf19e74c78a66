//go:build !cgo

package entities_test

import (
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler
)

// dialectorOf opens a SQLite file with modernc.org/sqlite.
func dialectorOf(file string) gorm.Dialector {
	return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file:" + file})
}
