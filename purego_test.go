package usersession_test

import (
	"path/filepath"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
	"example.com/usersession/entities"
)

// TestGormStore_PureGo runs the conformance suite on the SQLite driver without cgo, whose
// errors have another type.
func TestGormStore_PureGo(t *testing.T) {
	bfftest.Run(t, bfftest.Harness{
		New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
			db, err := gorm.Open(sqlite.New(sqlite.Config{
				DriverName: "sqlite",
				DSN:        "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate",
			}), &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = poolOf(t, db).Close() })
			poolOf(t, db).SetMaxOpenConns(4)
			if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
				t.Fatal(err)
			}
			return newStore(t, db, usersession.WithClock(clock))
		},
	})
}
