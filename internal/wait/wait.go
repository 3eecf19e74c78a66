// Package wait sleeps until a duration has passed or a context ends.
package wait

import (
	"context"
	"time"
)

// For waits for d, or until the context ends. It returns the context's error if the context has
// ended, even if d is not positive.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}
