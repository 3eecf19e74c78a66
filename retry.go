package usersession

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// How often and how patiently the store tries again, if the database asks for it or
// another host was faster. It comes to about two seconds in all.
const (
	maxAttempts  = 40
	firstPause   = time.Millisecond
	longestPause = 64 * time.Millisecond
)

// errConflict says that a new session could not take its place because somebody else's
// came in between. It never leaves the package.
var errConflict = errors.New("conflict with another session")

// run executes an operation on the database, again if the database asks for it, and
// makes the error that the caller gets.
func (s *GormStore) run(ctx context.Context, operation string, attempt func() error) error {
	if err := ctx.Err(); err != nil {
		return s.databaseErr(ctx, operation, err)
	}
	for n := 1; ; n++ {
		err := attempt()
		switch {
		case err == nil:
			return nil
		case isOurs(err):
			return wrap(operation, err)
		case errors.Is(err, errConflict):
			if s.inTx || n == maxAttempts {
				return wrap(operation, bff.ErrSessionExists)
			}
		case n == maxAttempts || !s.isRetryable(err):
			return s.databaseErr(ctx, operation, err)
		}
		s.logger.LogAttrs(ctx, slog.LevelDebug, "usersession: trying again",
			slog.String("operation", operation), slog.Int("attempt", n), slog.String("code", errorCode(err)))
		if err := pause(ctx, n); err != nil {
			return s.databaseErr(ctx, operation, err)
		}
	}
}

// pause waits a random time, longer with each attempt, so that those who collided
// don't collide again.
func pause(ctx context.Context, attempt int) error {
	longest := min(firstPause<<min(attempt-1, 10), longestPause)
	return wait.For(ctx, rand.N(longest))
}

// transaction runs body in a transaction of its own, or inside a caller's transaction
// under a savepoint: if it returns an error, nothing of it was done.
//
// Nothing in it is prepared: preparing may need a second connection while the
// transaction holds the only one.
func (s *GormStore) transaction(ctx context.Context, body func(tx *gorm.DB) error) error {
	tx := s.plain.WithContext(ctx)
	if !s.inTx {
		resolvePrimary(tx)
		return tx.Transaction(body, &sql.TxOptions{Isolation: s.dialect.isolation})
	}
	if err := tx.Exec(s.dialect.savepoint).Error; err != nil {
		return err
	}
	if err := body(tx); err != nil {
		// If this fails too, then because the whole transaction is lost.
		if tx.Exec(s.dialect.rollbackTo).Error == nil {
			_ = s.release(tx)
		}
		return err
	}
	return s.release(tx)
}

func (s *GormStore) release(tx *gorm.DB) error {
	if s.dialect.release == "" {
		return nil
	}
	return tx.Exec(s.dialect.release).Error
}

// shielded runs a statement that may conflict with a unique index, and then fails or
// does nothing, so that a caller's transaction remains usable.
func (s *GormStore) shielded(ctx context.Context, fails bool, statement func(db *gorm.DB) error) error {
	if fails && s.inTx && s.dialect.errorsAbort {
		return s.transaction(ctx, statement)
	}
	return statement(s.single)
}
