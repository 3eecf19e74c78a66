package usersession

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/usersession/internal/sqltime"
	"example.com/usersession/internal/wait"
)

// A cleanupForm is a way to delete a batch of expired sessions. In every form the DELETE
// checks the expiry again, so that a session that was renewed in the meantime stays, and
// the store counts only the rows that the DELETE reports.
type cleanupForm int

const (
	// formUnlocked selects ids and deletes them. It is for databases that cannot
	// skip locked rows, and for unknown dialects.
	formUnlocked cleanupForm = iota
	// formLocked selects and locks ids, skipping locked rows, and deletes them in
	// the same transaction.
	formLocked
	// formCTE does the work of formLocked in one statement.
	formCTE
	// formReadPast skips locked rows with SQL Server's READPAST.
	formReadPast
	// formPausing deletes in one statement, which locks the database, and then
	// pauses to let other writers in.
	formPausing
)

// A batch is the result of deleting one batch.
type batch struct {
	picked  int       // fewer than the batch size if no expired row is left
	deleted int64     // the rows that this batch deleted itself
	upTo    time.Time // the latest expiry picked; zero if unknown
}

// DeleteExpiredSessions implements [bff.UserSessionStoreCleanup]. It deletes the sessions
// that have expired by the time of the call, oldest first, in small batches. A batch skips
// rows that another host or a request has locked; a later call deletes them. Any number
// of hosts may call it at once. It reads no tickets, and its memory does not grow with
// the number of rows.
func (s *GormStore) DeleteExpiredSessions(ctx context.Context) (int64, error) {
	var (
		deleted int64
		now     = s.clock()
		// Earlier than every expiry. The zero time would not do: under an unknown
		// dialect name the MySQL driver sends it as 0000-00-00, and on TiDB no
		// comparison with 0000-00-00 is true.
		from = time.Time{}.Add(time.Microsecond)
		size = s.cleanupBatch
	)
	for {
		begin := time.Now()
		var done batch
		err := s.run(ctx, writes, "delete expired sessions", func() (err error) {
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
		// The next batch begins at the last expiry of this one. PostgreSQL's index
		// still holds the deleted rows before it.
		if done.upTo.After(from) {
			from = done.upTo
		}
		if err := wait.For(ctx, s.pauseAfter(ctx, time.Since(begin))); err != nil {
			return deleted, s.databaseErr(ctx, "delete expired sessions", err)
		}
	}
}

// pauseAfter returns the pause after a batch of the given duration. During a batch SQLite
// admits no other writer, and waiting writers only poll for the lock, so the pause must be
// long enough for a poll. With a write-ahead log most of a batch's duration is the
// checkpoint, which lets other writers in. Without a write-ahead log the batch blocks other
// writers for its whole duration.
func (s *GormStore) pauseAfter(ctx context.Context, batch time.Duration) time.Duration {
	switch {
	case s.cleanupPause != nil:
		return *s.cleanupPause
	case s.conn.dialect.cleanup != formPausing:
		return 0
	case s.hasWAL(ctx):
		return batch / 10
	default:
		return batch / 2
	}
}

func (s *GormStore) hasWAL(ctx context.Context) bool {
	var mode string
	err := s.conn.eachRow(ctx, s.sql.journalMode, nil, func(rows *sql.Rows) error { return rows.Scan(&mode) })
	return err == nil && mode == "wal"
}

func (s *GormStore) deleteBatch(ctx context.Context, from, now time.Time, size int) (batch, error) {
	d := s.conn.dialect
	form, unforced := d.cleanup, s.refused.forceIndex.Load()
	if s.refused.skipLocked.Load() {
		form = formUnlocked
	}
	done, err := s.deleteBatchAs(ctx, form, d.timeArg(from), d.timeArg(now), size)
	switch code := errorCode(err); {
	case err == nil || isStalePlan(err):
		return done, err
	case form != formUnlocked && slices.Contains(d.refusesSkipLocked, code):
		s.refused.skipLocked.Store(true)
	case !unforced && slices.Contains(d.refusesForceIndex, code):
		s.refused.forceIndex.Store(true)
	default:
		return done, err
	}
	return s.deleteBatch(ctx, from, now, size)
}

func (s *GormStore) deleteBatchAs(ctx context.Context, form cleanupForm, from, now any, size int) (done batch, err error) {
	switch form {
	case formCTE:
		return s.deleteReporting(ctx, s.sql.deleteReturning, from, now, size, now)
	case formReadPast:
		return s.deleteCounted(ctx, s.sql.deleteReadPast, now, now)
	case formPausing:
		return s.deleteCounted(ctx, s.sql.deleteBatch, now, size)
	default:
		pick := s.sql.pick
		if form == formLocked {
			pick = s.sql.pickLocked
		}
		err = s.conn.transaction(ctx, func(tx *conn) (err error) {
			done, err = s.pickAndDelete(ctx, tx, pick, from, now, size)
			return err
		})
		return done, err
	}
}

// deleteCounted runs a statement that reports only the number of deleted rows.
func (s *GormStore) deleteCounted(ctx context.Context, statement string, args ...any) (batch, error) {
	deleted, err := s.conn.exec(ctx, statement, args...)
	return batch{picked: int(deleted), deleted: deleted}, err
}

// deleteReporting runs a statement that returns the result of the batch as a row.
func (s *GormStore) deleteReporting(ctx context.Context, statement string, args ...any) (done batch, err error) {
	err = s.conn.eachRow(ctx, statement, args, func(rows *sql.Rows) error {
		var upTo sqltime.Time
		err := rows.Scan(&done.picked, &done.deleted, &upTo)
		done.upTo = upTo.Time
		return err
	})
	return done, err
}

// pickAndDelete selects ids with the statement pick and deletes the rows that have them.
func (s *GormStore) pickAndDelete(ctx context.Context, tx *conn, pick string, from, now any, size int) (done batch, err error) {
	var ids strings.Builder
	err = tx.eachRow(ctx, pick, []any{from, now, size}, func(rows *sql.Rows) error {
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
	statement := s.sql.deletePicked
	if s.refused.forceIndex.Load() {
		statement = s.sql.deleteUnforced
	}
	done.deleted, err = tx.exec(ctx, statement+"("+ids.String()+")", now)
	return done, err
}
