// Package wait sleeps until a duration has passed or a context ends.
package wait

import (
	"context"
	"time"
)

// For waits for d, or until the context ends if that comes first: then it returns the
// context's error. A d that is not positive still reports a context that has ended.
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
