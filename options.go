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
	clock      func() time.Time
	logger     *slog.Logger
	table      string
	unprepared bool

	cleanupBatch int            // 0: the dialect's, until the store is made
	cleanupPause *time.Duration // nil: the dialect's
}

func newConfig(opts []Option) (config, error) {
	c := config{clock: time.Now, logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return config{}, fmt.Errorf("usersession: %w", err)
		}
	}
	return c, nil
}

// WithClock sets the clock that decides which sessions are live. The default is
// [time.Now]. It must be safe for concurrent use.
func WithClock(now func() time.Time) Option {
	return func(c *config) error {
		if now == nil {
			return errors.New("WithClock: the clock is nil")
		}
		c.clock = now
		return nil
	}
}

// WithLogger sets where the store reports what it does beyond an operation's result,
// such as retries. The default is nowhere. No key or ticket is ever logged.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		c.logger = logger
		return nil
	}
}

// WithTable sets the table, with or without its schema: "bff_sessions",
// "auth.user_sessions". The default is what the NamingStrategy of the *gorm.DB calls
// [example.com/usersession/entities.UserSession]: user_sessions.
func WithTable(name string) Option {
	return func(c *config) error {
		for part := range strings.SplitSeq(name, ".") {
			// GORM splits names at dots and takes ? and @ for placeholders.
			if part == "" || strings.ContainsAny(part, "\x00\"'`[];?@") {
				return fmt.Errorf("WithTable: %q is not a table name: want table or schema.table, unquoted", name)
			}
		}
		c.table = name
		return nil
	}
}

// WithoutPreparedStatements makes the store prepare nothing, for connection poolers
// that hand a connection to somebody else after every transaction.
//
// By default statements are prepared once for each connection on every database
// but PostgreSQL, where the driver does so by itself and is configured by the DSN,
// and SQL Server, which caches plans by their text.
func WithoutPreparedStatements() Option {
	return func(c *config) error {
		c.unprepared = true
		return nil
	}
}

// WithCleanupBatchSize sets how many sessions [GormStore.DeleteExpiredSessions] deletes
// at once. More is faster and makes requests wait longer. The default is 250, and 1000
// on SQLite.
func WithCleanupBatchSize(sessions int) Option {
	return func(c *config) error {
		if sessions < 1 {
			return fmt.Errorf("WithCleanupBatchSize: %d is less than 1", sessions)
		}
		c.cleanupBatch = sessions
		return nil
	}
}

// WithCleanupPause sets how long [GormStore.DeleteExpiredSessions] pauses between two
// batches. By default it does not, except on SQLite, so that others come to write: for
// half the time that the batch took, or a tenth of it with a write-ahead log.
func WithCleanupPause(pause time.Duration) Option {
	return func(c *config) error {
		if pause < 0 {
			return fmt.Errorf("WithCleanupPause: %v is less than 0", pause)
		}
		c.cleanupPause = &pause
		return nil
	}
}
