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
	"example.com/usersession/bff"
)

// A foreground is requests that read and update live sessions through the store, as
// they do while a cleanup runs: two readers and two updaters, each of which waits a
// millisecond after every call.
type foreground struct {
	rows   int // live sessions: those with even numbers below twice as many
	ticket []byte
	store  *usersession.GormStore

	phase   atomic.Int32
	ending  atomic.Bool
	running sync.WaitGroup
	close   func()

	mu     sync.Mutex
	reads  [phases][]time.Duration
	writes [phases][]time.Duration
	errs   []error
}

// What a foreground does at the moment.
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

// end lets the requests finish that are waiting, since those are the slowest of all,
// and returns the errors of all of them.
func (f *foreground) end() error {
	f.ending.Store(true)
	f.running.Wait()
	f.close()
	return errors.Join(f.errs...)
}

func (f *foreground) work(ctx context.Context, into *[phases][]time.Duration, request func(context.Context, bff.UserSessionKey) error) {
	var took [phases][]time.Duration
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for phase := range phases {
			into[phase] = append(into[phase], took[phase]...)
		}
	}()
	for ctx.Err() == nil && !f.ending.Load() {
		begin := time.Now()
		err := request(ctx, key(2*rand.N(f.rows)))
		// What began before the cleanup and had to wait for it counts as during it.
		phase := f.phase.Load()
		took[phase] = append(took[phase], time.Since(begin))
		if err != nil {
			f.mu.Lock()
			f.errs = append(f.errs, err)
			f.mu.Unlock()
		}
		wait(ctx, time.Millisecond)
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

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// percentile returns the time that so many of a hundred calls took at most.
func percentile(took []time.Duration, percent int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// median returns the middle one of some values, of any kind that has an order.
func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
