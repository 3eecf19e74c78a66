package usersession

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// The store makes at most maxAttempts attempts at an operation, with random pauses that
// grow from firstPause to longestPause: about two seconds in all.
const (
	maxAttempts  = 40
	firstPause   = time.Millisecond
	longestPause = 64 * time.Millisecond
)

// An access says whether an operation writes. A read that meets a dead connection is
// repeated. A write is not, because the database may have done it.
type access bool

const (
	reads  access = false
	writes access = true
)

// errConflict means that a session cannot be written because another writer's session
// has its key or its session id. It never leaves the package.
var errConflict = errors.New("conflict with another session")

// errNotVisible means that an update did not find the row, but a later query did. This happens
// if another node of a cluster has written the row. It never leaves the package.
var errNotVisible = errors.New("the row was not visible to the update")

// run executes an operation. It retries when the database asks for a retry, when another
// writer causes a conflict and when a read meets a dead connection. It returns the error
// for the caller of the store.
func (s *GormStore) run(ctx context.Context, access access, operation string, attempt func() error) error {
	if err := ctx.Err(); err != nil {
		return s.databaseErr(ctx, operation, err)
	}
	if err := s.conn.checkSettings(ctx); err != nil {
		return wrap(operation, err)
	}
	deadConns := 0
	for n := 1; ; {
		err := attempt()
		switch {
		case err == nil:
			return nil
		case isContractErr(err), errors.Is(err, errSettings):
			return wrap(operation, err)
		case errors.Is(err, errInexact):
			s.server.readsExactly.Store(true)
			continue // at once: with the exact statements
		case errors.Is(err, errConflict):
			if s.conn.inTx && s.conn.losesSavepoints(ctx) {
				return fmt.Errorf("usersession: %s: %w: roll the transaction back: it has deleted the sessions to be replaced, and under Group Replication the store sets no savepoint to restore them",
					operation, bff.ErrSessionExists)
			}
			if s.conn.inTx || n == maxAttempts {
				return wrap(operation, bff.ErrSessionExists)
			}
		case errors.Is(err, errNotVisible):
			if s.conn.inTx || n == maxAttempts {
				return wrap(operation, bff.ErrSessionChanged)
			}
		case access == reads && deadConns < maxDeadConns && s.conn.isDead(err):
			deadConns++
			s.logRetry(ctx, operation, n, err)
			continue // at once: the next connection is another one
		case n == maxAttempts || !s.conn.isRetryable(err):
			return s.databaseErr(ctx, operation, err)
		}
		s.logRetry(ctx, operation, n, err)
		if err := pause(ctx, n); err != nil {
			return s.databaseErr(ctx, operation, err)
		}
		n++
	}
}

func (s *GormStore) logRetry(ctx context.Context, operation string, attempt int, err error) {
	s.logger.LogAttrs(ctx, slog.LevelDebug, "usersession: trying again",
		slog.String("operation", operation), slog.Int("attempt", attempt), slog.String("code", errorCode(err)))
}

// pause waits for a random time, which grows with each attempt, so that writers that
// collided do not collide again.
func pause(ctx context.Context, attempt int) error {
	longest := min(firstPause<<min(attempt-1, 10), longestPause)
	return wait.For(ctx, rand.N(longest))
}

// contractErrs are the errors of package bff. They are results of an operation and not failures
// of the database.
var contractErrs = []error{
	bff.ErrSessionNotFound, bff.ErrSessionExists, bff.ErrSessionChanged, bff.ErrInvalidSession, bff.ErrInvalidFilter,
}

func isContractErr(err error) bool {
	return slices.ContainsFunc(contractErrs, func(known error) bool { return errors.Is(err, known) })
}

// databaseErr returns the caller's error for an operation that failed in the database.
func (s *GormStore) databaseErr(ctx context.Context, operation string, err error) error {
	if ctx.Err() != nil {
		// Drivers report the end of a context in ways of their own.
		return wrap(operation, ctx.Err())
	}
	text := "usersession: " + operation + ": " + describe(err)
	remedy := s.conn.dialect.remedies[errorCode(err)]
	if isWithoutPartition(err) {
		remedy = noPartition
	} else if remedy == "" && s.conn.dialect.isRefusal(err) && !isIDTaken(err) {
		remedy = refusedChange
	}
	if remedy != "" {
		text += ": " + strings.ReplaceAll(remedy, "{table}", s.table)
	}
	if s.conn.endsTransaction(ctx, err) {
		text += ": the server has rolled back the whole transaction: begin it again"
	}
	if isIDTaken(err) {
		text += ": the new row's id is taken: the sequence is behind the rows, as after a restore: " +
			"SELECT setval(pg_get_serial_sequence('" + s.table + "', 'id'), max(id)) FROM " + s.table
	}
	return &databaseError{text: text, cause: err}
}

func wrap(operation string, err error) error {
	return fmt.Errorf("usersession: %s: %w", operation, err)
}
