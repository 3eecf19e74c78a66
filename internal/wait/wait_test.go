package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/internal/wait"
)

func TestFor(t *testing.T) {
	for name, test := range map[string]struct {
		wait, deadline, took time.Duration
		err                  error
	}{
		"wait is over first":       {wait: time.Second, deadline: time.Minute, took: time.Second},
		"deadline passes first":    {wait: time.Minute, deadline: time.Second, took: time.Second, err: context.DeadlineExceeded},
		"no wait":                  {wait: 0, deadline: time.Second},
		"negative wait":            {wait: -time.Second, deadline: time.Second},
		"no wait, deadline passed": {wait: 0, deadline: 0, err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				ctx, cancel := context.WithDeadline(t.Context(), begin.Add(test.deadline))
				defer cancel()
				if err := wait.For(ctx, test.wait); !errors.Is(err, test.err) {
					t.Errorf("For returned %v, want %v", err, test.err)
				}
				if took := time.Since(begin); took != test.took {
					t.Errorf("For took %v, want %v", took, test.took)
				}
			})
		})
	}
}
