package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bench/chart"
	"example.com/usersession/internal/wait"
)

// A cleaning is the result of one round of one cleaner.
type cleaning struct {
	perSecond float64
	deleted   int64
	wasted    int64
	errors    int // of the foreground

	alone, during latency // of the foreground, without and with the cleaner
	calls         int     // updates of the foreground while cleaning
	slowest       time.Duration
	slower        float64      // the p99 of updates with the cleaner ÷ without it
	updates       chart.Series // of the foreground: seconds since the cleaner began, and milliseconds
}

// A latency has percentiles of the foreground's calls.
type latency struct{ read50, read99, update50, update99 time.Duration }

// measureCleanup compares the cleaners on one engine.
func measureCleanup(ctx context.Context, c config, e *engine, out *report) error {
	announce("%s: filling a table with %d sessions", e.title, 2*c.rows)
	if err := e.fill(ctx, c); err != nil {
		return err
	}
	cleaners := []cleaner{storeCleaner(c), oneDelete, entityLoop, entityLoopInTx}
	results := make([][]cleaning, len(cleaners))
	work := newMeter(e.title+": rounds of the cleaners", c.rounds*len(cleaners))
	for round := range c.rounds {
		for i := range cleaners {
			// Each round begins with another cleaner.
			i = (i + round) % len(cleaners)
			result, err := measureCleaning(ctx, c, e, cleaners[i])
			if err != nil {
				return fmt.Errorf("%s: %w", cleaners[i].name, err)
			}
			work.Add(1)
			results[i] = append(results[i], result)
		}
	}
	printCleanup(c, out, cleaners, results)
	if err := drawCleanup(c, e, cleaners, results); err != nil {
		return err
	}
	return measureFleet(ctx, c, e, out)
}

// measureCleaning runs the foreground alone for a while, and then together with the cleaner.
func measureCleaning(ctx context.Context, c config, e *engine, by cleaner) (result cleaning, err error) {
	if err := e.refill(ctx); err != nil {
		return result, err
	}
	requests, err := startForeground(ctx, c, e)
	if err != nil {
		return result, err
	}
	_ = wait.For(ctx, 300*time.Millisecond)
	requests.phase.Store(alone)
	_ = wait.For(ctx, c.baseline)

	db, closePool := e.open()
	defer closePool()
	if err := db.WithContext(ctx).Exec("SELECT 1").Error; err != nil { // connects
		return result, errors.Join(err, requests.end())
	}
	within, cancel := c.within(ctx, by)
	defer cancel()
	requests.phase.Store(whileCleaning)
	begin := time.Now()
	result.deleted, result.wasted, err = by.clean(within, db)
	took := time.Since(begin)
	stopped := 0
	if within.Err() != nil {
		stopped = 1
	}
	if foregroundErr := requests.end(); foregroundErr != nil {
		result.errors = len(requests.errs)
		warn("the foreground, during %s: %v", by.name, requests.errs[0])
	}
	if err != nil {
		return result, err
	}
	if err := e.check(ctx, c, result.deleted, stopped); err != nil {
		return result, err
	}
	result.perSecond = float64(result.deleted) / took.Seconds()
	result.alone, result.during = requests.latency(alone), requests.latency(whileCleaning)
	result.updates = requests.timeline(begin)
	result.calls = len(requests.writes[whileCleaning])
	result.slowest = percentile(requests.writes[whileCleaning], 100)
	result.slower = float64(result.during.update99) / float64(max(result.alone.update99, 1))
	return result, nil
}

// within returns the context of a cleaner, which ends when the round's time is up. The one
// DELETE has no limit.
func (c config) within(ctx context.Context, by cleaner) (context.Context, context.CancelFunc) {
	if by.name == oneDelete.name {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, c.box, errTimeIsUp)
}

// largestBatch is the largest default batch size of the store.
const largestBatch = 1000

// check compares the number of reported deletions with the number of expired rows that are
// left. A row must not be counted twice or be missing. A host that was stopped during a
// batch does not know whether the database deleted that batch, so it may be missing.
func (e *engine) check(ctx context.Context, c config, deleted int64, stoppedHosts int) error {
	left, err := e.expiredLeft(ctx)
	unknown := int64(stoppedHosts * max(c.batch, largestBatch))
	if missing := int64(c.rows) - left - deleted; err == nil && (missing < 0 || missing > unknown) {
		err = fmt.Errorf("%d deleted and %d left of %d", deleted, left, c.rows)
	}
	return err
}

func (f *foreground) latency(phase int) latency {
	return latency{
		percentile(f.reads[phase], 50), percentile(f.reads[phase], 99),
		percentile(f.writes[phase], 50), percentile(f.writes[phase], 99),
	}
}

func printCleanup(c config, out *report, cleaners []cleaner, results [][]cleaning) {
	out.printf("\n%d expired sessions beside %d live ones, tickets of %d bytes, %d rounds in turn, medians.\n", c.rows, c.rows, c.ticket, c.rounds)
	out.printf("All cleaners except the one DELETE are stopped after %v. Where less than 100 %% was deleted, rows/s are measured on the deleted part.\n\n", c.box)
	out.printf("| cleanup | rows/s | deleted | DeleteExpiredSessions is | read p50 / p99 ms | update p50 / p99 ms | slowest update | update p99 ÷ without cleanup | updates measured | foreground errors |\n")
	out.printf("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	var all []cleaning
	for i, by := range cleaners {
		all = append(all, results[i]...)
		var errs, calls int
		var slowest time.Duration
		for _, result := range results[i] {
			errs += result.errors
			calls += result.calls
			slowest = max(slowest, result.slowest)
		}
		// The ratio is computed for each round; the table shows the median.
		var faster []float64
		for round := range results[i] {
			faster = append(faster, results[0][round].perSecond/results[i][round].perSecond)
		}
		during := func(of func(cleaning) time.Duration) time.Duration { return medianOf(results[i], of) }
		out.printf("| %s | %.0f | %.0f %% | %.1f× | %s / %s | %s / %s | %s | %.1f | %d | %d |\n", by.name,
			medianOf(results[i], func(r cleaning) float64 { return r.perSecond }),
			100*medianOf(results[i], func(r cleaning) float64 { return float64(r.deleted) / float64(c.rows) }), median(faster),
			ms(during(func(r cleaning) time.Duration { return r.during.read50 })), ms(during(func(r cleaning) time.Duration { return r.during.read99 })),
			ms(during(func(r cleaning) time.Duration { return r.during.update50 })), ms(during(func(r cleaning) time.Duration { return r.during.update99 })),
			ms(slowest), medianOf(results[i], func(r cleaning) float64 { return r.slower }), calls, errs)
	}
	without := func(of func(cleaning) time.Duration) string { return ms(medianOf(all, of)) }
	out.printf("| none | | | | %s / %s | %s / %s | | 1.0 | | |\n",
		without(func(r cleaning) time.Duration { return r.alone.read50 }), without(func(r cleaning) time.Duration { return r.alone.read99 }),
		without(func(r cleaning) time.Duration { return r.alone.update50 }), without(func(r cleaning) time.Duration { return r.alone.update99 }))
}

func medianOf[T int64 | float64 | time.Duration](results []cleaning, of func(cleaning) T) T {
	values := make([]T, len(results))
	for i, result := range results {
		values[i] = of(result)
	}
	return median(values)
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
}
