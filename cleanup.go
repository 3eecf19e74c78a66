package usersession

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/internal/sqltime"
	"example.com/usersession/internal/wait"
)

// A cleanupForm is how a batch of expired sessions is deleted. Whatever the form, the
// DELETE itself looks at the expiry, so that a session that was renewed a moment ago
// lives, and only what the DELETE says it deleted is counted.
type cleanupForm int

const (
	// pickUnlocked selects ids, then deletes them: for databases that can't skip
	// locked rows, and those nobody has seen.
	pickUnlocked cleanupForm = iota
	// pickThenDelete locks what it selects, in a transaction, and skips what is
	// locked already.
	pickThenDelete
	// deleteReturning does that in one statement.
	deleteReturning
	// deleteReadPast is SQL Server's way to skip locked rows.
	deleteReadPast
	// deletePausing deletes in one statement and then lets others write.
	deletePausing
)

// A batch is what became of one.
type batch struct {
	picked  int       // fewer than wanted: there are no more
	deleted int64     // by this batch, rather than another host's
	upTo    time.Time // the latest expiry picked, where it is known
}

// DeleteExpiredSessions implements [bff.UserSessionStoreCleanup]. It deletes what has
// expired by the time it is called, oldest first, in small batches that skip the rows
// which another host or a request has locked; the next call finds those. Any number
// of hosts may call it at once. It reads no tickets, and needs no more memory for
// more rows.
func (s *GormStore) DeleteExpiredSessions(ctx context.Context) (int64, error) {
	var (
		deleted int64
		now     = s.clock()
		// Before all that expires, and not the zero time: as such a MySQL driver sends
		// 0000-00-00, should the dialect not be known to be MySQL's, and TiDB
		// compares nothing with that.
		from = time.Time{}.Add(time.Microsecond)
		size = s.cleanupBatch
	)
	for {
		begin := time.Now()
		var done batch
		err := s.run(ctx, "delete expired sessions", func() (err error) {
			done, err = s.deleteBatch(ctx, from, now, size)
			return err
		})
		if err != nil {
			return deleted, err
		}
		deleted += done.deleted
		s.logger.LogAttrs(ctx, slog.LevelDebug, "usersession: deleted a batch of expired sessions",
			slog.Int64("deleted", done.deleted), slog.Int("picked", done.picked))
		if done.picked < size || done.deleted == 0 && !done.upTo.After(from) {
			return deleted, nil
		}
		// The next batch begins where this one ended: before it lie, in
		// PostgreSQL's index, all the rows that are deleted already.
		if done.upTo.After(from) {
			from = done.upTo
		}
		if err := wait.For(ctx, s.pauseAfter(ctx, time.Since(begin))); err != nil {
			return deleted, s.databaseErr(ctx, "delete expired sessions", err)
		}
	}
}

// pauseAfter returns how long to pause after a batch that took so long. While SQLite
// writes one, nobody else can write, and who waits looks only now and then whether it is
// over. With a write-ahead log that is before most of the work is done, in a checkpoint,
// which is a pause by itself; without one it takes as long as the batch.
func (s *GormStore) pauseAfter(ctx context.Context, batch time.Duration) time.Duration {
	switch {
	case s.cleanupPause != nil:
		return *s.cleanupPause
	case s.dialect.cleanup != deletePausing:
		return 0
	case s.hasWAL(ctx):
		return batch / 10
	default:
		return batch / 2
	}
}

func (s *GormStore) hasWAL(ctx context.Context) bool {
	var mode string
	err := s.eachRow(ctx, s.single, s.sql.journalMode, nil, func(rows *sql.Rows) error { return rows.Scan(&mode) })
	return err == nil && mode == "wal"
}

func (s *GormStore) deleteBatch(ctx context.Context, from, now time.Time, size int) (batch, error) {
	form := s.dialect.cleanup
	if s.noSkipLocked.Load() {
		form = pickUnlocked
	}
	var err error
	var done batch
	switch fromArg, nowArg := s.instant(from), s.instant(now); form {
	case deleteReturning:
		done, err = s.deleteReturning(ctx, fromArg, nowArg, size)
	case deleteReadPast:
		done, err = s.deleteBlindly(ctx, s.sql.deleteReadPast, nowArg, nowArg)
	case deletePausing:
		done, err = s.deleteBlindly(ctx, s.sql.deleteBatch, nowArg, size)
	default:
		pick := s.sql.pick
		if form == pickThenDelete {
			pick = s.sql.pickLocked
		}
		err = s.transaction(ctx, func(tx *gorm.DB) (err error) {
			done, err = s.pickAndDelete(ctx, tx, pick, fromArg, nowArg, size)
			return err
		})
	}
	if err != nil && form != pickUnlocked && slices.Contains(s.dialect.noSkipLocked, errorCode(err)) {
		s.noSkipLocked.Store(true)
		return s.deleteBatch(ctx, from, now, size)
	}
	return done, err
}

// deleteBlindly runs a statement that only says how many rows it deleted.
func (s *GormStore) deleteBlindly(ctx context.Context, statement string, args ...any) (batch, error) {
	deleted, err := exec(ctx, s.single, statement, args...)
	return batch{picked: int(deleted), deleted: deleted}, err
}

func (s *GormStore) deleteReturning(ctx context.Context, from, now any, size int) (done batch, err error) {
	err = s.eachRow(ctx, s.single, s.sql.deleteReturning, []any{from, now, size, now}, func(rows *sql.Rows) error {
		var upTo sqltime.Time
		err := rows.Scan(&done.picked, &done.deleted, &upTo)
		done.upTo = upTo.Time
		return err
	})
	return done, err
}

func (s *GormStore) pickAndDelete(ctx context.Context, db *gorm.DB, pick string, from, now any, size int) (done batch, err error) {
	var ids strings.Builder
	err = s.eachRow(ctx, db, pick, []any{from, now, size}, func(rows *sql.Rows) error {
		var id int64
		var upTo sqltime.Time
		if err := rows.Scan(&id, &upTo); err != nil {
			return err
		}
		if done.picked > 0 {
			ids.WriteByte(',')
		}
		ids.WriteString(strconv.FormatInt(id, 10))
		done.picked++
		done.upTo = upTo.Time
		return nil
	})
	if err != nil || done.picked == 0 {
		return done, err
	}
	done.deleted, err = exec(ctx, db, s.sql.deletePicked+"("+ids.String()+")", now)
	return done, err
}
