//go:build cgo

package usersession_test

import (
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// dialectorOf opens a SQLite file with mattn/go-sqlite3.
func dialectorOf(file string) gorm.Dialector {
	return sqlite.Open("file:" + file + "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000&_txlock=immediate")
}
