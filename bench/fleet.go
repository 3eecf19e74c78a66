package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const fleetSize = 4

// measureFleet lets several hosts clean the same table at once: each with a pool of
// its own, so that they share nothing but the database.
func measureFleet(ctx context.Context, c config, e *engine, out io.Writer) error {
	if e.name == "sqlite" {
		return nil // one writer at a time, by design
	}
	kinds := []struct {
		by    cleaner
		hosts int
	}{{storeCleaner(c), 1}, {storeCleaner(c), fleetSize}, {entityLoop, 1}, {entityLoop, fleetSize}}
	results := make([][]cleaning, len(kinds))
	for round := range c.rounds {
		for i := range kinds {
			i = (i + round) % len(kinds)
			result, err := fleetRound(ctx, c, e, kinds[i].by, kinds[i].hosts)
			if err != nil {
				return fmt.Errorf("%d × %s: %w", kinds[i].hosts, kinds[i].by.name, err)
			}
			progress("%s, round %d: %d × %s: %.0f rows/s", e.title, round+1, kinds[i].hosts, kinds[i].by.name, result.perSecond)
			results[i] = append(results[i], result)
		}
	}
	fmt.Fprintf(out, "\nSeveral hosts at once, no foreground:\n\n")
	fmt.Fprintln(out, "| cleanup | hosts | rows/s together | ÷ one host | deleted | wasted deletes |")
	fmt.Fprintln(out, "|---|---:|---:|---:|---:|---:|")
	for i, kind := range kinds {
		single := results[i-i%2]
		var faster []float64
		var deleted, wasted int64
		for round, result := range results[i] {
			faster = append(faster, result.perSecond/single[round].perSecond)
			deleted += result.deleted
			wasted += result.wasted
		}
		fmt.Fprintf(out, "| %s | %d | %.0f | %.1f× | %d | %d |\n", kind.by.name, kind.hosts,
			medianOf(results[i], func(r cleaning) float64 { return r.perSecond }), median(faster), deleted, wasted)
	}
	return nil
}

func fleetRound(ctx context.Context, c config, e *engine, by cleaner, hosts int) (total cleaning, err error) {
	if err := e.refill(ctx); err != nil {
		return total, err
	}
	if by.boxed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.box, errTimeIsUp)
		defer cancel()
	}
	var (
		mu      sync.Mutex
		running sync.WaitGroup
		begin   = time.Now()
	)
	for range hosts {
		running.Go(func() {
			db, closePool := e.open()
			defer closePool()
			deleted, wasted, cleanErr := by.clean(ctx, db)
			mu.Lock()
			defer mu.Unlock()
			total.deleted += deleted
			total.wasted += wasted
			err = errors.Join(err, cleanErr)
		})
	}
	running.Wait()
	total.perSecond = float64(total.deleted) / time.Since(begin).Seconds()
	if err != nil || by.boxed {
		return total, err
	}
	// A host skips what another one has locked, and may come to the end before the
	// other commits: but nothing is counted twice, and nothing forgotten.
	left, err := e.expiredLeft(ctx)
	if err == nil && (left != 0 || total.deleted != int64(c.rows)) {
		err = fmt.Errorf("%d deleted of %d, %d left", total.deleted, c.rows, left)
	}
	return total, err
}
