//go:build cgo

package entities_test

import (
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// dialectorOf opens a SQLite file with mattn/go-sqlite3.
func dialectorOf(file string) gorm.Dialector { return sqlite.Open("file:" + file) }
