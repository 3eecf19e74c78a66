package serverside

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// Run does the background work of the sessions until the context ends. At regular intervals it
// forgets remembered tickets that were not used for the idle timeout and, if
// EnableSessionCleanup is set, deletes expired sessions and counts them. When the context has
// ended, Run waits for refreshes and revocations that are under way, as [Sessions.Shutdown]
// does, at most for the sum of their timeouts. It then returns nil, or an error if work was
// still under way.
//
// Stop serving requests before the context of Run ends, and close the database after Run
// has returned.
func (s *Sessions) Run(ctx context.Context) error {
	s = s.outermost()
	if err := s.cleanUp(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.longestWork())
	defer cancel()
	return s.Shutdown(ctx)
}

// cleanUp forgets unused tickets, and deletes expired sessions, until the context ends.
func (s *Sessions) cleanUp(ctx context.Context) error {
	if !s.cfg.EnableSessionCleanup {
		for wait.For(ctx, cmp.Or(s.cfg.SessionCleanupInterval, bff.DefaultSessionCleanupInterval)) == nil {
			s.tickets.forgetUnused(s.cfg.Clock())
		}
		return nil
	}
	cleaner := bff.Cleaner{
		Store:                  s.cfg.Store.(bff.UserSessionStoreCleanup),
		SessionCleanupInterval: s.cfg.SessionCleanupInterval,
		Logger:                 s.cfg.Logger,
		Observe: func(run bff.CleanupRun) {
			s.tickets.forgetUnused(s.cfg.Clock())
			if run.Removed > 0 {
				s.cfg.Metrics.SessionEnded(ctx, EndExpired, run.Removed)
			}
		},
	}
	return cleaner.Run(ctx)
}

// Shutdown waits for the work that outlives requests: refreshes whose new tokens must be
// written, revocations at the provider, and the removal of failed sign-ins. Call it after
// the HTTP server's Shutdown and before the database is closed. It returns nil when no work
// is under way, or the context's error if that ends first. The Sessions remains usable.
func (s *Sessions) Shutdown(ctx context.Context) error {
	if err := s.background.wait(ctx); err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "serverside: refreshes or revocations were still under way at the shutdown")
		return fmt.Errorf("serverside: shutting down: %w", err)
	}
	return nil
}

// longestWork is the longest time that a refresh and the revocations after it take: asking
// the provider, writing the tokens, the claim, and the revocations.
func (s *Sessions) longestWork() time.Duration {
	return 3*s.cfg.TokenTimeout + s.cfg.StoreTimeout + revocationDelay
}

// withStoreTimeout returns a context for all that one entry point asks of the store.
func (s *Sessions) withStoreTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.StoreTimeout)
}
