package bff

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// DefaultSessionCleanupInterval is how often a [CleanupHost] cleans up if it is not
// told.
const DefaultSessionCleanupInterval = 10 * time.Minute

// firstRetry is how long a CleanupHost waits after an error; it doubles with every
// further one in a row.
const firstRetry = time.Second

// A CleanupHost removes expired user sessions from a store, time and again. Any number
// of hosts may each run one on the same database.
//
// Set its fields before the first use, and don't change them after.
type CleanupHost struct {
	// Store is what to clean up. It must not be nil.
	Store UserSessionStoreCleanup

	// SessionCleanupInterval is the time between the end of one run and the
	// beginning of the next, give or take a tenth. 0 means
	// [DefaultSessionCleanupInterval].
	SessionCleanupInterval time.Duration

	// Logger is told of failed runs, and of what was removed. Nil means nobody is.
	Logger *slog.Logger

	// Observe, if not nil, is called after every run, for metrics. It is called by
	// the goroutine that runs the cleanup.
	Observe func(CleanupRun)
}

// A CleanupRun is what one run of a cleanup came to.
type CleanupRun struct {
	Removed  int64 // how many sessions it removed itself; also if it failed
	Duration time.Duration
	Err      error // nil, or why it ended early
}

// Run cleans up until the context ends, and then returns nil, promptly even in the
// middle of a run. It starts no goroutine: the caller has one for it.
//
// It begins after a random part of the interval, and every interval is a little
// different, so that hosts that start together do not clean up together. A run that
// fails is logged with the time of the next attempt, which comes sooner than the
// interval at first, and later with every further failure until it is the interval.
//
// It returns an error only at once: for a Store that is nil or a negative interval.
func (h *CleanupHost) Run(ctx context.Context) error {
	if h.Store == nil {
		return errors.New("bff: CleanupHost: the Store is nil")
	}
	if h.SessionCleanupInterval < 0 {
		return errors.New("bff: CleanupHost: the SessionCleanupInterval is negative")
	}
	wait := rand.N(h.interval())
	for failures := 0; sleep(ctx, wait); {
		run := h.run(ctx)
		if ctx.Err() != nil {
			break
		}
		if run.Err == nil {
			failures = 0
			wait = jitter(h.interval())
			continue
		}
		failures++
		wait = jitter(h.retryDelay(failures))
		h.logger().LogAttrs(ctx, slog.LevelError, "bff: session cleanup failed",
			slog.Any("error", run.Err), slog.Int64("removed", run.Removed), slog.Time("next_attempt", time.Now().Add(wait)))
	}
	return nil
}

// RunOnce cleans up once, now, and returns how many sessions it removed, also together
// with an error.
func (h *CleanupHost) RunOnce(ctx context.Context) (int64, error) {
	if h.Store == nil {
		return 0, errors.New("bff: CleanupHost: the Store is nil")
	}
	run := h.run(ctx)
	return run.Removed, run.Err
}

func (h *CleanupHost) run(ctx context.Context) CleanupRun {
	begin := time.Now()
	removed, err := h.Store.DeleteExpiredSessions(ctx)
	run := CleanupRun{Removed: removed, Duration: time.Since(begin), Err: err}
	if h.Observe != nil {
		h.Observe(run)
	}
	if removed > 0 {
		h.logger().LogAttrs(ctx, slog.LevelInfo, "bff: removed expired user sessions",
			slog.Int64("removed", removed), slog.Duration("duration", run.Duration))
	}
	return run
}

func (h *CleanupHost) interval() time.Duration {
	if h.SessionCleanupInterval == 0 {
		return DefaultSessionCleanupInterval
	}
	return h.SessionCleanupInterval
}

func (h *CleanupHost) retryDelay(failures int) time.Duration {
	delay := firstRetry
	for range failures - 1 {
		if delay >= h.interval() {
			break
		}
		delay *= 2
	}
	return min(delay, h.interval())
}

func (h *CleanupHost) logger() *slog.Logger {
	if h.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Logger
}

// jitter returns d give or take a tenth.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// sleep reports whether it came to its end, rather than to that of the context.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
