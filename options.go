package usersession

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// An Option changes a default of [NewGormStore].
type Option func(*config) error

type config struct {
	clock          func() time.Time
	logger         *slog.Logger
	table          string
	disablePrepare bool

	cleanupBatch int            // 0 means the dialect's default
	cleanupPause *time.Duration // nil means the dialect's default
	progress     func(deleted int64)
}

func newConfig(opts []Option) (config, error) {
	c := config{clock: time.Now, logger: slog.New(slog.DiscardHandler), progress: func(int64) {}}
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return config{}, fmt.Errorf("usersession: %w", err)
		}
	}
	return c, nil
}

// WithClock sets the clock that determines which sessions are live. The default is
// [time.Now]. The clock must be safe for concurrent use.
func WithClock(now func() time.Time) Option {
	return func(c *config) error {
		if now == nil {
			return errors.New("WithClock: the clock is nil")
		}
		c.clock = now
		return nil
	}
}

// WithLogger sets the logger for events that an operation's result does not show, such as
// retries. By default the store logs nothing. The store never logs a key or a ticket.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		c.logger = logger
		return nil
	}
}

// WithTable sets the name of the table, with or without its schema: "bff_sessions",
// "auth.user_sessions". By default the NamingStrategy of the *gorm.DB names the table of
// [example.com/usersession/entities.UserSession]: user_sessions.
func WithTable(name string) Option {
	return func(c *config) error {
		for part := range strings.SplitSeq(name, ".") {
			// GORM splits names at dots and treats ? and @ as placeholders.
			if part == "" || strings.ContainsAny(part, "\x00\"'`[];?@") {
				return fmt.Errorf("WithTable: %q is not a table name: want table or schema.table, unquoted", name)
			}
		}
		c.table = name
		return nil
	}
}

// WithoutPreparedStatements makes the store prepare no statements. It is for connection
// poolers that give the connection to another client after every transaction.
//
// By default the store prepares each statement once for each connection, except on
// PostgreSQL and SQL Server: PostgreSQL's driver prepares statements itself and is
// configured by the DSN, and on SQL Server the store runs each statement in sp_executesql
// with parameters of fixed types, so that the server keeps one plan of it.
func WithoutPreparedStatements() Option {
	return func(c *config) error {
		c.disablePrepare = true
		return nil
	}
}

// WithCleanupBatchSize sets the number of sessions that [GormStore.DeleteExpiredSessions]
// deletes in one batch. Larger batches are faster and make requests wait longer. The
// default is 250, and 1000 on SQLite.
func WithCleanupBatchSize(sessions int) Option {
	return func(c *config) error {
		if sessions < 1 {
			return fmt.Errorf("WithCleanupBatchSize: %d is less than 1", sessions)
		}
		c.cleanupBatch = sessions
		return nil
	}
}

// WithCleanupPause sets the pause of [GormStore.DeleteExpiredSessions] between two batches.
// By default there is no pause except on SQLite, where it lets other writers in: half of
// the batch's duration, or a tenth of it if the database has a write-ahead log.
func WithCleanupPause(pause time.Duration) Option {
	return func(c *config) error {
		if pause < 0 {
			return fmt.Errorf("WithCleanupPause: %v is less than 0", pause)
		}
		c.cleanupPause = &pause
		return nil
	}
}

// WithCleanupProgress sets a function that [GormStore.DeleteExpiredSessions] calls after each
// batch in which it deleted sessions, with the number that the call has deleted so far. It is
// for the first run on a table that was never cleaned up, which can take minutes. The function
// must be safe for concurrent use if several goroutines clean up.
func WithCleanupProgress(progress func(deleted int64)) Option {
	return func(c *config) error {
		if progress == nil {
			return errors.New("WithCleanupProgress: the function is nil")
		}
		c.progress = progress
		return nil
	}
}
