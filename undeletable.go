package usersession

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/usersession/bff"
)

// maxKeptRows is the number of undeletable rows at which a cleanup gives up.
const maxKeptRows = 10_000

// errKeptSilently is the cause if the database reports none.
var errKeptSilently = errors.New("the DELETE left them without an error")

// keptRows are the expired rows that a cleanup could not delete.
type keptRows struct {
	ids   map[int64]bool
	cause error // of the last one
}

func (k *keptRows) add(id int64, err error) {
	if k.ids == nil {
		k.ids = make(map[int64]bool)
	}
	k.ids[id] = true
	if failed, ok := errors.AsType[*databaseError](err); ok {
		err = failed.cause
	}
	k.cause = err
}

// err returns the error of an operation that could not delete the rows, or nil if there are
// none.
func (k *keptRows) err(operation string) error {
	if len(k.ids) == 0 {
		return nil
	}
	return &databaseError{
		text: fmt.Sprintf("usersession: %s: %d sessions cannot be deleted, because a foreign key or a trigger keeps them: %s",
			operation, len(k.ids), describe(k.cause)),
		cause: k.cause,
	}
}

// isUndeletable reports whether an operation failed because a foreign key or a trigger keeps
// a row. In a transaction of the application the store cannot go on after that.
func (s *GormStore) isUndeletable(err error) bool {
	failed, ok := errors.AsType[*databaseError](err)
	return ok && !s.conn.inTx && s.conn.dialect.isRefusal(failed.cause)
}

// refusalClasses are classes of SQLSTATEs: errors of constraints and of triggers. 20000 is a
// CASE without a branch for the row, 2F005 a trigger of PostgreSQL that ends without a RETURN.
var refusalClasses = []string{"01", "02", "09", "20", "21", "22", "23", "27", "2F", "38", "39", "44", "45", "P0"}

// isRefusal reports whether an error means that a foreign key, a constraint or a trigger
// refuses a change. A trigger can raise an error with any code of its own, and fail for any
// reason that a statement can have.
func (d *dialect) isRefusal(err error) bool {
	code, state := errorCode(err), sqlState(err)
	if code == "" || d.isRetryable(err) {
		return false
	}
	if slices.Contains(d.refusal, code) || state != "" && slices.Contains(refusalClasses, state[:2]) {
		return true
	}
	// SQLSTATEs that begin with a letter after H are for applications.
	if state != "" && state[0] > 'H' && !slices.Contains([]string{"XX", "XA"}, state[:2]) {
		return true
	}
	number, err := strconv.Atoi(code)
	switch {
	case err != nil:
		return false
	case d.name == sqlite.name:
		return number&0xFF == sqliteConstraint
	default:
		return d.name == sqlserver.name && number >= msUserError && number < babelfishNumbers
	}
}

// deleteEachExpired deletes the rows of a batch one by one and adds those that cannot be
// deleted to kept.
func (s *GormStore) deleteEachExpired(ctx context.Context, operation string, from, now time.Time, size int, kept *keptRows) (batch, error) {
	var ids []int64
	var done batch
	before := len(kept.ids)
	fromArg, nowArg := s.conn.dialect.timeArg(from), s.conn.dialect.timeArg(now)
	err := s.run(ctx, reads, operation, func() (err error) {
		// Some of the rows may be kept already: they do not count.
		ids, done.upTo, err = pickIDs(ctx, s.conn, s.sql.pick, fromArg, nowArg, size+before)
		return err
	})
	if err != nil {
		return done, err
	}
	if len(ids) == size+before {
		done.picked = size // there may be more
	}
	silent := map[int64]bool{} // the DELETE reported neither a row nor an error
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
			if silent[id] { // no other host has deleted or renewed it
				kept.add(id, errKeptSilently)
			}
		}
	}
	if len(kept.ids) >= maxKeptRows {
		return done, kept.err(operation)
	}
	return done, nil
}

// deleteOne runs a statement that deletes the row with the id, and adds the row to kept if
// it cannot be deleted.
func (s *GormStore) deleteOne(ctx context.Context, operation string, id int64, kept *keptRows, statement func() (int64, error)) (deleted int64, err error) {
	err = s.run(ctx, writes, operation, func() (err error) {
		deleted, err = statement()
		return err
	})
	if s.isUndeletable(err) {
		kept.add(id, err)
		return 0, nil
	}
	return deleted, err
}

// deleteEach deletes the rows that match the filter one by one. Its error says how many
// cannot be deleted.
func (s *GormStore) deleteEach(ctx context.Context, operation, partitionKey string, filter bff.UserSessionsFilter) (deleted int64, err error) {
	shape, args := s.conn.dialect.filterArgs(partitionKey, filter)
	var ids []int64
	err = s.run(ctx, reads, operation, func() error {
		ids = nil
		return s.conn.eachRow(ctx, s.sql.pickMany[shape], args, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	var kept keptRows
	for _, id := range ids {
		n, err := s.deleteOne(ctx, operation, id, &kept, func() (int64, error) {
			return s.conn.execWhere(ctx, s.sql.deleteOne[shape], append(slices.Clone(args), id)...)
		})
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, kept.err(operation)
}
