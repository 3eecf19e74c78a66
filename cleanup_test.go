package usersession

import (
	"testing"
	"time"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

func TestCleanup_Pause(t *testing.T) {
	for _, tt := range []struct {
		name, parameters string
		options          []Option
		want             time.Duration
	}{
		{"rollback journal", "", nil, 50 * time.Millisecond},
		{"write-ahead log", "?_pragma=journal_mode(WAL)", nil, 10 * time.Millisecond},
		{"option", "", []Option{WithCleanupPause(time.Second)}, time.Second},
		{"option, no pause", "?_pragma=journal_mode(WAL)", []Option{WithCleanupPause(0)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := gorm.Open(driver.New(driver.Config{DriverName: "sqlite", DSN: "file:" + t.TempDir() + "/test.db" + tt.parameters}), &gorm.Config{Logger: logger.Discard})
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
				t.Errorf("the pause after a batch of 100ms is %v, want %v", got, tt.want)
			}
		})
	}
}
