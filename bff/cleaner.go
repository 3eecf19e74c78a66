package bff

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"example.com/usersession/internal/wait"
)

// DefaultSessionCleanupInterval is the default of [Cleaner.SessionCleanupInterval].
const DefaultSessionCleanupInterval = 10 * time.Minute

// firstRetry is the delay after the first failed run. It doubles with every further
// failure in a row.
const firstRetry = time.Second

// A Cleaner removes expired user sessions from a store at regular intervals. Any number
// of hosts may each run a Cleaner on the same database.
//
// Set the fields before the first use and do not change them afterwards. After that, a
// Cleaner is safe for concurrent use.
type Cleaner struct {
	// Store is cleaned up. It must not be nil.
	Store UserSessionStoreCleanup

	// SessionCleanupInterval is the time between the end of one run and the
	// beginning of the next. It varies at random by up to a tenth. 0 means
	// [DefaultSessionCleanupInterval].
	SessionCleanupInterval time.Duration

	// Logger logs failed runs and the number of sessions removed. Nil disables logging.
	Logger *slog.Logger

	// Observe, if not nil, is called after every run, for metrics. The goroutine that
	// runs the cleanup calls it.
	Observe func(CleanupRun)
}

// A CleanupRun is the result of one run of a [Cleaner].
type CleanupRun struct {
	Removed  int64 // the number of sessions that this run removed, also if it failed
	Duration time.Duration
	Err      error // the reason why the run ended early, or nil
}

// Run cleans up until the context ends. It then returns nil promptly, even in the
// middle of a run. Run starts no goroutine; it blocks the caller's goroutine.
//
// The first run begins after a random part of the interval, so that hosts that start
// together do not clean up together. Run logs a failed run together with the time of
// the next attempt. The delay after a failure begins at one second and doubles with
// every further failure until it reaches the interval.
//
// Run returns an error only before the first run: if Store is nil or the interval is
// negative.
func (c *Cleaner) Run(ctx context.Context) error {
	if c.Store == nil {
		return errors.New("bff: Cleaner: the Store is nil")
	}
	if c.SessionCleanupInterval < 0 {
		return errors.New("bff: Cleaner: the SessionCleanupInterval is negative")
	}
	delay := rand.N(c.interval())
	for failures := 0; wait.For(ctx, delay) == nil; {
		run := c.run(ctx)
		if ctx.Err() != nil {
			break
		}
		if run.Err == nil {
			failures = 0
			delay = jitter(c.interval())
			continue
		}
		failures++
		delay = jitter(c.retryDelay(failures))
		c.logger().LogAttrs(ctx, slog.LevelError, "bff: session cleanup failed",
			slog.Any("error", run.Err), slog.Int64("removed", run.Removed), slog.Time("next_attempt", time.Now().Add(delay)))
	}
	return nil
}

// RunOnce cleans up once, immediately. It returns the number of sessions that it
// removed, also together with an error.
func (c *Cleaner) RunOnce(ctx context.Context) (int64, error) {
	if c.Store == nil {
		return 0, errors.New("bff: Cleaner: the Store is nil")
	}
	run := c.run(ctx)
	return run.Removed, run.Err
}

func (c *Cleaner) run(ctx context.Context) CleanupRun {
	begin := time.Now()
	removed, err := c.Store.DeleteExpiredSessions(ctx)
	run := CleanupRun{Removed: removed, Duration: time.Since(begin), Err: err}
	if c.Observe != nil {
		c.Observe(run)
	}
	if removed > 0 {
		c.logger().LogAttrs(ctx, slog.LevelInfo, "bff: removed expired user sessions",
			slog.Int64("removed", removed), slog.Duration("duration", run.Duration))
	}
	return run
}

func (c *Cleaner) interval() time.Duration {
	if c.SessionCleanupInterval == 0 {
		return DefaultSessionCleanupInterval
	}
	return c.SessionCleanupInterval
}

func (c *Cleaner) retryDelay(failures int) time.Duration {
	delay := firstRetry
	for range failures - 1 {
		if delay >= c.interval() {
			break
		}
		delay *= 2
	}
	return min(delay, c.interval())
}

func (c *Cleaner) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// jitter varies d at random by up to a tenth.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
