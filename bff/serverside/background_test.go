package serverside

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackground_Wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b background
		if err := b.wait(t.Context()); err != nil {
			t.Errorf("without work: %v", err)
		}
		begin := time.Now()
		for i := range 3 {
			b.run(func() { time.Sleep(time.Duration(i+1) * time.Second) })
		}
		b.run(func() { // work that starts more work before it ends
			time.Sleep(time.Second)
			b.run(func() { time.Sleep(4 * time.Second) })
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := b.wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("after %v: %v, want the context's error after 2s", time.Since(begin), err)
		}
		if err := b.wait(t.Context()); err != nil || time.Since(begin) != 5*time.Second {
			t.Errorf("after %v: %v, want nil after 5s", time.Since(begin), err)
		}
		if err := b.wait(t.Context()); err != nil {
			t.Errorf("again without work: %v", err)
		}
	})
}
