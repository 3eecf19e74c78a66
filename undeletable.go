package usersession

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"example.com/usersession/bff"
)

// maxKeptRows is the number of undeletable rows at which a cleanup gives up.
const maxKeptRows = 10_000

// keptRows are the expired rows that a cleanup could not delete.
type keptRows struct {
	ids   map[int64]bool
	cause error // the reason for the last of them
}

// add adds a row and the reason why it could not be deleted.
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

// err returns the error of an operation that could not delete the rows, or nil if there is no
// such row.
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
// a row. It is false in a transaction of the application, which the store cannot continue after
// an error.
func (s *GormStore) isUndeletable(err error) bool {
	failed, ok := errors.AsType[*databaseError](err)
	return ok && !s.conn.inTx && s.conn.dialect.isRefusal(failed.cause)
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

// deleteEach deletes the rows that match the filter one by one. Its error says how many rows
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
			return s.conn.execWhere(ctx, s.sql.deleteIfMatching[shape], append(slices.Clone(args), id)...)
		})
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, kept.err(operation)
}
