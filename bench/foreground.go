package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/usersession"
	"example.com/usersession/bench/chart"
	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// A foreground is the load of an application during a cleanup: two readers and two updaters
// of live sessions, which call the store and wait a millisecond after every call.
type foreground struct {
	rows   int // the number of live sessions; their numbers are even and below 2*rows
	ticket []byte
	store  *usersession.GormStore

	phase   atomic.Int32
	ending  atomic.Bool
	running sync.WaitGroup
	close   func()

	mu     sync.Mutex
	reads  [phases][]time.Duration
	writes [phases][]time.Duration
	ended  []time.Time // when each of the writes while cleaning ended
	errs   []error
}

// The phases of a foreground.
const (
	warmUp = iota
	alone
	whileCleaning
	phases
)

func startForeground(ctx context.Context, c config, e *engine) (*foreground, error) {
	db, closePool := e.open()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		closePool()
		return nil, err
	}
	f := &foreground{rows: c.rows, ticket: newTicket(c.ticket), store: store, close: closePool}
	for range 2 {
		f.running.Go(func() { f.work(ctx, &f.reads, f.read) })
		f.running.Go(func() { f.work(ctx, &f.writes, f.update) })
	}
	return f, nil
}

// end ends the foreground and returns the errors of its requests. It waits for the running
// requests, which can be the slowest of all.
func (f *foreground) end() error {
	f.ending.Store(true)
	f.running.Wait()
	f.close()
	return errors.Join(f.errs...)
}

// timeline returns the seconds from begin until the end of each update while cleaning, and the
// milliseconds that it took.
func (f *foreground) timeline(begin time.Time) chart.Series {
	line := chart.Series{}
	for i, took := range f.writes[whileCleaning] {
		line.X = append(line.X, f.ended[i].Sub(begin).Seconds())
		line.Y = append(line.Y, millis(took))
	}
	return line
}

func (f *foreground) work(ctx context.Context, into *[phases][]time.Duration, request func(context.Context, bff.UserSessionKey) error) {
	var took [phases][]time.Duration
	var ended []time.Time
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for phase := range phases {
			into[phase] = append(into[phase], took[phase]...)
		}
		if into == &f.writes {
			f.ended = append(f.ended, ended...)
		}
	}()
	for ctx.Err() == nil && !f.ending.Load() {
		begin := time.Now()
		err := request(ctx, key(2*rand.N(f.rows)))
		// The phase at the end of the request counts: a request that began before the
		// cleanup and had to wait for it is part of the cleanup's phase.
		phase := f.phase.Load()
		end := time.Now()
		took[phase] = append(took[phase], end.Sub(begin))
		if phase == whileCleaning {
			ended = append(ended, end)
		}
		if err != nil {
			f.mu.Lock()
			f.errs = append(f.errs, err)
			f.mu.Unlock()
		}
		_ = wait.For(ctx, time.Millisecond)
	}
}

func (f *foreground) read(ctx context.Context, key bff.UserSessionKey) error {
	_, err := f.store.GetUserSession(ctx, key)
	return err
}

func (f *foreground) update(ctx context.Context, key bff.UserSessionKey) error {
	now := time.Now()
	return f.store.UpdateUserSession(ctx, key, bff.UserSessionUpdate{
		SubjectID: "subject",
		Created:   now, Renewed: now, Expires: now.Add(8 * time.Hour),
		Ticket: f.ticket,
	})
}

// percentile returns a percentile of the times, 0 without any.
func percentile(took []time.Duration, percent int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// median returns the median of the values, 0 without any.
func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
