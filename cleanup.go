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

// A batch is the result of one batch of the cleanup.
type batch struct {
	picked  int       // fewer than the batch size if no expired row remains
	deleted int64     // the rows that the batch deleted itself
	upTo    time.Time // the latest expiry picked; zero if unknown
	kept    bool      // a trigger may keep rows without an error
}

// DeleteExpiredSessions implements [bff.UserSessionStoreCleanup]. It deletes the sessions
// that have expired by the time of the call, oldest first, in small batches. A batch skips
// rows that another host or a request has locked; a later call deletes them. Any number
// of hosts may call it at once. It reads no tickets, and its memory does not grow with
// the number of rows.
//
// If a foreign key or a trigger keeps a row, with an error or without one, the cleanup deletes
// the other rows and returns an error that says how many rows remain.
func (s *GormStore) DeleteExpiredSessions(ctx context.Context) (int64, error) {
	const operation = "delete expired sessions"
	var (
		deleted int64
		kept    keptRows
		now     = s.clock()
		// from is earlier than every expiry. It is not the zero time: under an unknown
		// dialect name the MySQL driver sends the zero time as 0000-00-00, and on TiDB
		// no comparison with 0000-00-00 is true.
		from = time.Time{}.Add(time.Microsecond)
		size = s.cleanupBatch
	)
	for {
		begin := time.Now()
		var done batch
		err := s.run(ctx, writes, operation, func() (err error) {
			done, err = s.deleteBatch(ctx, from, now, size)
			return err
		})
		before := len(kept.ids)
		if s.isUndeletable(err) || err == nil && done.kept {
			inBatch := done.deleted
			done, err = s.deleteEachExpired(ctx, operation, from, now, size, &kept)
			done.deleted += inBatch
		}
		deleted += done.deleted
		if done.deleted > 0 {
			s.progress(deleted)
		}
		if err != nil {
			return deleted, err
		}
		s.logger.LogAttrs(ctx, slog.LevelDebug, "usersession: deleted a batch of expired sessions",
			slog.Int64("deleted", done.deleted), slog.Int("picked", max(done.picked, int(done.deleted))))
		advanced := done.deleted > 0 || done.upTo.After(from) || len(kept.ids) > before
		if done.picked < size || !advanced {
			return deleted, kept.err(operation)
		}
		// The next batch begins at the last expiry of this batch, because PostgreSQL's
		// index still holds the deleted rows before that expiry.
		if done.upTo.After(from) {
			from = done.upTo
		}
		if err := wait.For(ctx, s.pauseAfter(ctx, time.Since(begin))); err != nil {
			return deleted, s.databaseErr(ctx, operation, err)
		}
	}
}

// pauseAfter returns the pause after a batch that took the given time. During a batch SQLite
// admits no other writer, and waiting writers only poll for the lock, so the pause must be
// long enough for a poll. With a write-ahead log most of a batch's duration is the
// checkpoint, which lets other writers in. Without a write-ahead log the batch blocks other
// writers for its whole duration.
func (s *GormStore) pauseAfter(ctx context.Context, took time.Duration) time.Duration {
	switch {
	case s.cleanupPause != nil:
		return *s.cleanupPause
	case s.conn.dialect.cleanup != formPausing:
		return 0
	case s.hasWAL(ctx):
		return took / 10
	default:
		return took / 2
	}
}

func (s *GormStore) hasWAL(ctx context.Context) bool {
	var mode string
	err := s.conn.eachRow(ctx, s.sql.journalMode, nil, func(rows *sql.Rows) error { return rows.Scan(&mode) })
	return err == nil && mode == "wal"
}

// deleteBatch deletes a batch in the dialect's form, or with formUnlocked if the server
// refuses the dialect's form.
func (s *GormStore) deleteBatch(ctx context.Context, from, now time.Time, size int) (batch, error) {
	if s.server.refusesCleanup.Load() {
		return s.deleteBatchAs(ctx, formUnlocked, from, now, size)
	}
	done, err := s.deleteBatchAs(ctx, s.conn.dialect.cleanup, from, now, size)
	switch {
	case err == nil || !s.conn.dialect.isCleanupRefused(err):
	case s.conn.needsSavepoint(): // the application's transaction is lost; the next one uses formUnlocked
		s.server.refusesCleanup.Store(true)
	default:
		if done, err = s.deleteBatchAs(ctx, formUnlocked, from, now, size); err == nil {
			s.server.refusesCleanup.Store(true)
		}
	}
	return done, err
}

// deleteBatchAs deletes a batch in the given form.
func (s *GormStore) deleteBatchAs(ctx context.Context, form cleanupForm, after, until time.Time, size int) (done batch, err error) {
	from, now := s.conn.dialect.timeArg(after), s.conn.dialect.timeArg(until)
	switch form {
	case formCTE:
		done, err = s.deleteReporting(ctx, s.sql.deleteReturning, from, now, size, now)
	case formReadPast:
		done, err = s.deleteReporting(ctx, s.sql.deleteReadPast, size, from, now)
	case formPausing:
		done, err = s.deleteCounted(ctx, s.sql.deleteOldest, now, size)
		done.kept = done.picked < size // a trigger keeps rows, or no expired row remains
		return done, err
	default:
		pick := s.sql.pick
		if form == formLocked {
			pick = s.sql.pickLocked
		}
		err = s.conn.transaction(ctx, func(tx *conn) (err error) {
			done, err = s.pickAndDelete(ctx, tx, pick, from, now, size)
			return err
		})
	}
	if form == formUnlocked { // another host may have deleted the rows
		done.kept = done.picked == size && done.deleted == 0 && !done.upTo.After(after)
	} else {
		done.kept = done.deleted < int64(done.picked)
	}
	return done, err
}

// deleteCounted runs a statement that reports only the number of deleted rows.
func (s *GormStore) deleteCounted(ctx context.Context, statement string, args ...any) (batch, error) {
	deleted, err := s.conn.exec(ctx, statement, args...)
	return batch{picked: int(deleted), deleted: deleted}, err
}

// deleteReporting runs a statement that deletes a batch and returns the batch's result as a row.
func (s *GormStore) deleteReporting(ctx context.Context, statement string, args ...any) (done batch, err error) {
	var upTo sqltime.Time
	err = s.conn.report(ctx, statement, args, &done.picked, &done.deleted, &upTo)
	done.upTo = upTo.Time
	return done, err
}

// pickAndDelete selects ids with the statement pick and deletes the rows that have them.
func (s *GormStore) pickAndDelete(ctx context.Context, tx *conn, pick string, from, now any, size int) (done batch, err error) {
	ids, upTo, err := pickIDs(ctx, tx, pick, from, now, size)
	if err != nil || len(ids) == 0 {
		return done, err
	}
	done = batch{picked: len(ids), upTo: upTo}
	done.deleted, err = s.deleteIDs(ctx, tx, now, ids...)
	return done, err
}

// pickIDs returns the ids that the statement pick selects, and the latest expiry.
func pickIDs(ctx context.Context, c *conn, pick string, from, now any, size int) (ids []int64, upTo time.Time, err error) {
	err = c.eachRow(ctx, pick, []any{from, now, size}, func(rows *sql.Rows) error {
		var id int64
		var expires sqltime.Time
		err := rows.Scan(&id, &expires)
		ids, upTo = append(ids, id), expires.Time
		return err
	})
	return ids, upTo, err
}

// deleteIDs deletes the expired rows that have the ids.
func (s *GormStore) deleteIDs(ctx context.Context, c *conn, now any, ids ...int64) (int64, error) {
	list := make([]byte, 0, 12*len(ids))
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, id, 10)
	}
	run := func(statement string) (int64, error) {
		return c.exec(ctx, strings.Replace(statement, "{ids}", string(list), 1), now)
	}
	if s.server.refusesForceIndex.Load() {
		return run(s.sql.deleteUnforced)
	}
	deleted, err := run(s.sql.deletePicked)
	if err != nil && slices.Contains(s.conn.dialect.forceIndexRefused, errorCode(err)) {
		s.server.refusesForceIndex.Store(true)
		return run(s.sql.deleteUnforced)
	}
	return deleted, err
}

// deleteEachExpired deletes the rows of a batch one by one. It adds the rows that cannot be
// deleted to kept.
func (s *GormStore) deleteEachExpired(ctx context.Context, operation string, from, now time.Time, size int, kept *keptRows) (batch, error) {
	var ids []int64
	var done batch
	before := len(kept.ids)
	fromArg, nowArg := s.conn.dialect.timeArg(from), s.conn.dialect.timeArg(now)
	err := s.run(ctx, reads, operation, func() (err error) {
		// The query may return every row in kept again, besides the rows of the batch.
		ids, done.upTo, err = pickIDs(ctx, s.conn, s.sql.pick, fromArg, nowArg, size+before)
		return err
	})
	if err != nil {
		return done, err
	}
	if len(ids) == size+before {
		done.picked = size // more expired rows may remain
	}
	silent := map[int64]bool{} // rows for which the DELETE reported neither a deletion nor an error
	for _, id := range ids {
		if kept.ids[id] {
			continue
		}
		n, err := s.deleteOne(ctx, operation, id, kept, func() (int64, error) { return s.deleteIDs(ctx, s.conn, nowArg, id) })
		done.deleted += n
		if err != nil {
			return done, err
		}
		if n == 0 && !kept.ids[id] {
			silent[id] = true
		}
	}
	if len(silent) > 0 {
		err := s.run(ctx, reads, operation, func() (err error) {
			ids, _, err = pickIDs(ctx, s.conn, s.sql.pick, fromArg, nowArg, size+before)
			return err
		})
		if err != nil {
			return done, err
		}
		for _, id := range ids {
			if silent[id] { // the row is still there and expired
				kept.add(id, errKeptSilently)
			}
		}
	}
	if len(kept.ids) >= maxKeptRows {
		return done, kept.err(operation)
	}
	return done, nil
}
