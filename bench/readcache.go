package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"example.com/usersession"
	"example.com/usersession/bench/site"
	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/progress"
)

// A cached is an operation with the plain store and through a read cache. The cache has all
// sessions in memory, so that every call through it is a hit.
type cached struct {
	name        string
	plain, read func(i int) error
}

// hitsPerRead is the number of calls through the cache for each call of the plain store, so
// that both blocks of a pair are long enough to be timed.
const hitsPerRead = 50

// measureReadCache compares reads of the store with reads through [bff.NewReadCache], and whole
// requests with both stores.
func measureReadCache(ctx context.Context, c config, e *engine, out *report) error {
	c.scatter = timeout
	db, closePool := e.open()
	defer closePool()
	if err := insert(ctx, db, 0, sessions, false, c); err != nil {
		return err
	}
	for _, statement := range e.tidy {
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return err
		}
	}
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	// A minute, so that no block of hits is interrupted by the end of the time.
	cache, err := bff.NewReadCache(store, bff.ReadCacheConfig{MaxStale: bff.MaxMaxStale})
	if err != nil {
		return err
	}
	get := func(store bff.UserSessionStore) func(int) error {
		return func(i int) error {
			_, err := store.GetUserSession(ctx, key(i%site.Browsers))
			return err
		}
	}
	kinds := []cached{{"GetUserSession", get(store), get(cache)}}
	request := cached{name: "whole request"}
	keys := ticket.InsecureRandomKeyRing()
	for _, kind := range []struct {
		partition string // the sessions of one would replace those of the other
		store     bff.UserSessionStore
		into      *func(int) error
	}{{"plain", store, &request.plain}, {"cached", cache, &request.read}} {
		config := serverside.Config{
			Store: kind.store, Protector: keys, Partition: kind.partition, Issuer: "https://id.example",
			Logger: slog.New(slog.DiscardHandler),
		}
		if *kind.into, err = site.Requests(ctx, config, site.Handle); err != nil {
			return err
		}
	}
	kinds = append(kinds, request)
	out.printf("\n%d sessions, tickets of %d bytes (requests: 3.8 kB of tokens), %d of them read in turn; %d rounds of %d calls of the plain store and %d through the cache, medians.\n\n",
		sessions, c.ticket, site.Browsers, c.rounds, c.ops, hitsPerRead*c.ops)
	out.printf("| operation | goroutines | plain µs | cached µs | plain ÷ cached | allocs/op plain → cached |\n|---|---:|---:|---:|---:|---:|\n")
	var parts requestParts
	work := newMeter(e.title, 2*len(kinds)*(c.rounds+1))
	for _, kind := range kinds {
		for _, goroutines := range []int{1, parallelism} {
			plain, hit, err := compareCached(c, out, kind, goroutines, cache, work)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			if kind.name == kinds[0].name && goroutines == 1 {
				parts.plainRead, parts.cachedRead = plain, hit
			}
		}
	}
	if parts.opening, parts.rest, err = withoutDatabase(ctx, c, keys); err != nil {
		return err
	}
	out.printf("\nA request with the store in memory takes %.1f µs, and %.1f µs more if opened tickets are not remembered.\n", parts.rest, parts.opening)
	if err := drawRequest(c, e, parts); err != nil {
		return err
	}
	return printMisses(c, out, get(store), get(cache), cache)
}

// withoutDatabase measures requests with the store in memory: what opening a ticket takes, and the
// whole request without that.
func withoutDatabase(ctx context.Context, c config, keys ticket.Protector) (opening, rest float64, err error) {
	var requests [2]func(int) error
	for i, size := range []int{-1, 0} { // nothing remembered, and the default
		config := serverside.Config{
			Store: bff.NewInMemoryStore(), Protector: keys, Issuer: "https://id.example", TicketCacheSize: size,
			Logger: slog.New(slog.DiscardHandler),
		}
		if requests[i], err = site.Requests(ctx, config, site.Handle); err != nil {
			return 0, 0, err
		}
	}
	var took [2][]float64
	for round := range c.rounds + 1 {
		for i, request := range requests {
			each, _, err := timed(5*c.ops, 1, request)
			if err != nil {
				return 0, 0, err
			}
			if round > 0 {
				took[i] = append(took[i], each)
			}
		}
	}
	rest = median(took[1])
	return max(median(took[0])-rest, 0), rest, nil
}

// compareCached prints a line of the table and returns the microseconds.
func compareCached(c config, out *report, kind cached, goroutines int, cache bff.ReadCache, work *progress.Meter) (plainTook, hitTook float64, err error) {
	var plain, hit, ratios []float64
	var plainAllocs, hitAllocs []int64
	for round := range c.rounds + 1 { // the first round warms up
		for i := range site.Browsers {
			if err := kind.read(i); err != nil { // the cache has the session for another minute
				return 0, 0, err
			}
		}
		var took [2]float64
		var allocs [2]int64
		misses := cache.Stats().Misses
		for turn := range 2 {
			which := (turn + round) % 2
			calls := []int{c.ops, hitsPerRead * c.ops}[which]
			took[which], allocs[which], err = timed(calls, goroutines, []func(int) error{kind.plain, kind.read}[which])
			if err != nil {
				return 0, 0, err
			}
		}
		work.Add(1)
		if round == 0 {
			continue
		}
		if cache.Stats().Misses != misses {
			return 0, 0, errors.New("a read was not a hit: the block took longer than the sessions stay in memory")
		}
		plain, hit, ratios = append(plain, took[0]), append(hit, took[1]), append(ratios, took[0]/took[1])
		plainAllocs, hitAllocs = append(plainAllocs, allocs[0]), append(hitAllocs, allocs[1])
	}
	out.printf("| %s | %d | %.1f | %.2f | %.1f | %d → %d |\n", kind.name, goroutines,
		median(plain), median(hit), median(ratios), median(plainAllocs), median(hitAllocs))
	return median(plain), median(hit), nil
}

// printMisses compares a read that the cache passes on to the store with a read of the plain
// store.
func printMisses(c config, out *report, plain, through func(int) error, cache bff.ReadCache) error {
	var ratios []float64
	for round := range c.rounds + 1 {
		var took [2]float64
		for turn := range 2 {
			which := (turn + round) % 2
			cache.Forget()
			var err error
			calls := min(c.ops, site.Browsers) // each session once
			if took[which], _, err = timed(calls, 1, []func(int) error{plain, through}[which]); err != nil {
				return err
			}
		}
		if round > 0 {
			ratios = append(ratios, took[1]/took[0])
		}
	}
	out.printf("\nA read that is not in memory takes %.2f times as long as one of the plain store.\n", median(ratios))
	return nil
}

// timed returns the microseconds and the allocations of a call.
func timed(calls, goroutines int, call func(i int) error) (float64, int64, error) {
	errs := make([]error, goroutines)
	var before, after runtime.MemStats
	var running sync.WaitGroup
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := time.Now()
	for g := range goroutines {
		running.Go(func() {
			for i := g; i < calls && errs[g] == nil; i += goroutines {
				errs[g] = call(i)
			}
		})
	}
	running.Wait()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return float64(took.Nanoseconds()) / 1000 / float64(calls), int64(after.Mallocs-before.Mallocs) / int64(calls), errors.Join(errs...)
}
