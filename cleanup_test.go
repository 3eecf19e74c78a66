package usersession

import (
	"testing"
	"time"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

func TestCleanupPause(t *testing.T) {
	for _, tt := range []struct {
		name, parameters string
		options          []Option
		want             time.Duration
	}{
		{"a rollback journal", "", nil, 50 * time.Millisecond},
		{"a write-ahead log", "?_journal_mode=WAL", nil, 10 * time.Millisecond},
		{"as set", "", []Option{WithCleanupPause(time.Second)}, time.Second},
		{"none", "?_journal_mode=WAL", []Option{WithCleanupPause(0)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := gorm.Open(driver.Open("file:"+t.TempDir()+"/test.db"+tt.parameters), &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			pool, err := db.DB()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pool.Close() })
			store, err := NewGormStore(db, tt.options...)
			if err != nil {
				t.Fatal(err)
			}
			if got := store.pauseAfter(t.Context(), 100*time.Millisecond); got != tt.want {
				t.Errorf("after 100ms it pauses for %v, want %v", got, tt.want)
			}
		})
	}
}
