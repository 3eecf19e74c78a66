package bff_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

// cleanupFunc implements [bff.UserSessionStoreCleanup] with a function.
type cleanupFunc func(ctx context.Context) (int64, error)

func (f cleanupFunc) DeleteExpiredSessions(ctx context.Context) (int64, error) { return f(ctx) }

// runs runs the cleaner for the given time, with each as its store's cleanup. It returns the
// times at which cleanups began, relative to the start. The cleaner has returned by then.
func runs(t *testing.T, cleaner *bff.Cleaner, during time.Duration, each func(context.Context) (int64, error)) []time.Duration {
	t.Helper()
	var begun []time.Duration
	start := time.Now()
	cleaner.Store = cleanupFunc(func(ctx context.Context) (int64, error) {
		begun = append(begun, time.Since(start))
		return each(ctx)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- cleaner.Run(ctx) }()
	time.Sleep(during)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v, want nil", err)
	}
	return begun
}

func succeed(context.Context) (int64, error) { return 0, nil }

func TestCleanerRun_Interval(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{
		{0, bff.DefaultSessionCleanupInterval},
		{time.Minute, time.Minute},
		{1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := runs(t, &bff.Cleaner{SessionCleanupInterval: tt.set}, 50*tt.want, succeed)
			if len(begun) < 45 || len(begun) > 56 {
				t.Errorf("interval %v: %d runs in 50 intervals", tt.set, len(begun))
			}
			if begun[0] >= tt.want {
				t.Errorf("interval %v: the first run came after %v, want within one interval", tt.set, begun[0])
			}
			for i := 1; i < len(begun); i++ {
				if gap := begun[i] - begun[i-1]; gap < tt.want*9/10 || gap > tt.want*11/10+1 {
					t.Errorf("interval %v: a gap of %v", tt.set, gap)
				}
			}
		})
	}
}

// Cleaners that start together spread out: neither their first runs nor their later runs
// coincide.
func TestCleanerRun_SimultaneousStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, gaps := map[time.Duration]bool{}, map[time.Duration]bool{}
		for range 20 {
			begun := runs(t, &bff.Cleaner{}, 3*bff.DefaultSessionCleanupInterval, succeed)
			first[begun[0]] = true
			gaps[begun[1]-begun[0]] = true
		}
		if len(first) < 19 || len(gaps) < 19 {
			t.Errorf("20 cleaners: %d different first runs, %d different intervals", len(first), len(gaps))
		}
	})
}

func TestCleanerRun_StoreError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := 0
		cleaner := &bff.Cleaner{SessionCleanupInterval: time.Minute, Logger: slog.New(slog.NewJSONHandler(&log, nil))}
		begun := runs(t, cleaner, time.Hour, func(context.Context) (int64, error) {
			if n++; n <= 12 || n == 31 {
				return 3, errors.New("connection refused")
			}
			return 0, nil
		})
		if len(begun) < 40 {
			t.Fatalf("%d runs in an hour", len(begun))
		}
		// The first retry comes soon. The delay doubles up to the interval.
		want := time.Second
		for i := 1; i < 33; i++ {
			switch {
			case i == 31: // one failure after successes
				want = time.Second
			case i > 12:
				want = time.Minute
			}
			if gap := begun[i] - begun[i-1]; gap < want*9/10 || gap > want*11/10+1 {
				t.Errorf("attempt %d came after %v, want about %v", i+1, gap, want)
			}
			want = min(2*want, time.Minute)
		}
		if got := strings.Count(log.String(), "session cleanup failed"); got != 13 {
			t.Errorf("the log has %d failures, want 13", got)
		}
		line, _, _ := strings.Cut(log.String()[strings.Index(log.String(), "cleanup failed"):], "\n")
		for _, part := range []string{`"error":"connection refused"`, `"removed":3`, `"next_attempt":`} {
			if !strings.Contains(line, part) {
				t.Errorf("the log line lacks %s: %s", part, line)
			}
		}
	})
}

// A run that the end of the context interrupts is no failure.
func TestCleanerRun_ContextEndsDuringCleanup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var observed []bff.CleanupRun
		cleaner := &bff.Cleaner{
			Logger:  slog.New(slog.NewTextHandler(&log, nil)),
			Observe: func(run bff.CleanupRun) { observed = append(observed, run) },
		}
		begun := runs(t, cleaner, bff.DefaultSessionCleanupInterval, func(ctx context.Context) (int64, error) {
			<-ctx.Done()
			return 7, ctx.Err()
		})
		if len(begun) != 1 {
			t.Errorf("%d runs, want 1", len(begun))
		}
		if strings.Contains(log.String(), "failed") {
			t.Errorf("the end of the context was logged as a failure: %s", &log)
		}
		if len(observed) != 1 || observed[0].Removed != 7 || !errors.Is(observed[0].Err, context.Canceled) {
			t.Errorf("observed %+v", observed)
		}
	})
}

func TestCleanerRunOnce_Observe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var observed []bff.CleanupRun
		failure := errors.New("failure")
		cleaner := &bff.Cleaner{Observe: func(run bff.CleanupRun) { observed = append(observed, run) }}
		cleaner.Store = cleanupFunc(func(context.Context) (int64, error) {
			time.Sleep(3 * time.Second)
			return 5, failure
		})
		removed, err := cleaner.RunOnce(t.Context())
		if removed != 5 || !errors.Is(err, failure) {
			t.Errorf("RunOnce returned %d, %v", removed, err)
		}
		if want := (bff.CleanupRun{Removed: 5, Duration: 3 * time.Second, Err: failure}); len(observed) != 1 || observed[0] != want {
			t.Errorf("observed %+v, want %+v", observed, want)
		}
	})
}

// The log has the number of sessions removed, of failed runs too, and no line about none.
func TestCleanerRunOnce_Log(t *testing.T) {
	for _, failure := range []error{nil, errors.New("failure")} {
		for removed, want := range map[int64]string{0: "", 1: `"removed":1`, 5: `"removed":5`} {
			var log bytes.Buffer
			cleaner := &bff.Cleaner{Logger: slog.New(slog.NewJSONHandler(&log, nil))}
			cleaner.Store = cleanupFunc(func(context.Context) (int64, error) { return removed, failure })
			_, _ = cleaner.RunOnce(t.Context())
			if got := log.String(); !strings.Contains(got, want) || (got == "") != (want == "") {
				t.Errorf("a run that removed %d sessions, with the error %v, has the log %q", removed, failure, got)
			}
		}
	}
}

func TestCleaner_InvalidFields(t *testing.T) {
	if err := new(bff.Cleaner).Run(t.Context()); err == nil {
		t.Error("Run accepts a nil Store")
	}
	if _, err := new(bff.Cleaner).RunOnce(t.Context()); err == nil {
		t.Error("RunOnce accepts a nil Store")
	}
	cleaner := &bff.Cleaner{Store: cleanupFunc(succeed), SessionCleanupInterval: -1}
	if err := cleaner.Run(t.Context()); err == nil {
		t.Error("Run accepts a negative interval")
	}
}

func TestCleanerRun_CancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cleaner := &bff.Cleaner{SessionCleanupInterval: 1, Store: cleanupFunc(func(context.Context) (int64, error) {
		t.Error("Run called DeleteExpiredSessions")
		return 0, nil
	})}
	if err := cleaner.Run(ctx); err != nil {
		t.Error(err)
	}
}
