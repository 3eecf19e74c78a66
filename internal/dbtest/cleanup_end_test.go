package dbtest_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// A cleanup that ends early returns the number of rows that it has deleted.
func TestCleanup_ContextCancelled(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		ctx, cancel := context.WithCancel(t.Context())
		batches := &batchLog{}
		batches.each = func() {
			if len(batches.deleted) == 2 {
				cancel()
			}
		}
		_, store := openWithExpired(t, d, 50, usersession.WithCleanupBatchSize(10), usersession.WithLogger(slog.New(batches)))
		deleted, err := store.DeleteExpiredSessions(ctx)
		if deleted != 20 || !errors.Is(err, context.Canceled) {
			t.Errorf("DeleteExpiredSessions: %d, %v; want 20, %v", deleted, err, context.Canceled)
		}
		wantDeleted(t, store, 30)
	})
}

func TestCleanup_DatabaseError(t *testing.T) {
	diskFailure := errors.New("the disk has failed")
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openWithExpired(t, d, 50, usersession.WithCleanupBatchSize(10))
		batches := 0
		beforeStatement(t, db, func(db *gorm.DB) {
			if batches++; batches == 3 {
				_ = db.AddError(diskFailure)
			}
		}, "DELETE")
		deleted, err := store.DeleteExpiredSessions(t.Context())
		if deleted != 20 || !errors.Is(err, diskFailure) {
			t.Errorf("DeleteExpiredSessions: %d, %v; want 20, %v", deleted, err, diskFailure)
		}
		wantDeleted(t, store, 30)
	})
}

// A Cleaner whose context ends while the database executes a batch ends at once. The batch
// deletes nothing, and the observed run has the number of rows of the batches before it.
func TestCleaner_CancelledInBatch(t *testing.T) {
	for _, e := range []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			d := e.New(t)
			db, store := openWithExpired(t, d, 5, usersession.WithCleanupBatchSize(2))
			// The second batch has to wait for this row.
			tx := beginTx(t, db)
			must(t, tx.Exec("UPDATE user_sessions SET version = version + 1 WHERE id = ?", rowID(t, db, "expired-3")).Error)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			batches := 0
			beforeStatement(t, db, func(db *gorm.DB) {
				if !d.IsTiDB() { // TiDB never skips locked rows
					_ = db.AddError(skipLockedRefusals[e.Name][0])
				}
			}, "SKIP LOCKED")
			beforeStatement(t, db, func(*gorm.DB) {
				if batches++; batches == 2 {
					time.AfterFunc(100*time.Millisecond, cancel)
				}
			}, "DELETE", " IN (")
			var runs []bff.CleanupRun
			cleaner := &bff.Cleaner{
				Store: store, SessionCleanupInterval: time.Millisecond,
				Observe: func(run bff.CleanupRun) { runs = append(runs, run) },
			}
			must(t, cleaner.Run(ctx)) // returns while the row is locked
			if len(runs) != 1 || runs[0].Removed != 2 || !errors.Is(runs[0].Err, context.Canceled) {
				t.Errorf("observed %+v, want one cancelled run that removed 2", runs)
			}
			must(t, tx.Rollback().Error)
			wantDeleted(t, store, 3)
		})
	}
}
