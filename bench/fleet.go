package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"
)

// fleetSize is the number of hosts that clean up at once.
const fleetSize = 4

// measureFleet runs the cleanup of one host and of several hosts at once. Each host has a
// pool of its own, so that the hosts share only the database.
func measureFleet(ctx context.Context, c config, e *engine, out *report) error {
	if e.name == "sqlite" {
		return nil // SQLite has one writer at a time
	}
	kinds := []struct {
		by    cleaner
		hosts int
	}{{storeCleaner(c), 1}, {storeCleaner(c), fleetSize}, {entityLoop, 1}, {entityLoop, fleetSize}}
	results := make([][]cleaning, len(kinds))
	work := newMeter(e.title+": rounds of the hosts", c.rounds*len(kinds))
	for round := range c.rounds {
		for i := range kinds {
			i = (i + round) % len(kinds)
			result, err := fleetRound(ctx, c, e, kinds[i].by, kinds[i].hosts)
			if err != nil {
				return fmt.Errorf("%d × %s: %w", kinds[i].hosts, kinds[i].by.name, err)
			}
			work.Add(1)
			results[i] = append(results[i], result)
		}
	}
	out.printf("\nSeveral hosts at once, no foreground:\n\n")
	out.printf("| cleanup | hosts | rows/s together | ÷ one host | deleted | wasted deletes |\n")
	out.printf("|---|---:|---:|---:|---:|---:|\n")
	for i, kind := range kinds {
		single := results[i-i%2]
		var faster []float64
		var deleted, wasted int64
		for round, result := range results[i] {
			faster = append(faster, result.perSecond/single[round].perSecond)
			deleted += result.deleted
			wasted += result.wasted
		}
		out.printf("| %s | %d | %.0f | %.1f× | %d | %d |\n", kind.by.name, kind.hosts,
			medianOf(results[i], func(r cleaning) float64 { return r.perSecond }), median(faster), deleted, wasted)
	}
	return nil
}

func fleetRound(ctx context.Context, c config, e *engine, by cleaner, hosts int) (total cleaning, err error) {
	if err := e.refill(ctx); err != nil {
		return total, err
	}
	pools := make([]*gorm.DB, hosts)
	for i := range pools {
		db, closePool := e.open()
		defer closePool()
		if err := db.WithContext(ctx).Exec("SELECT 1").Error; err != nil { // connects
			return total, err
		}
		pools[i] = db
	}
	within, cancel := c.within(ctx, by)
	defer cancel()
	var (
		mu      sync.Mutex
		running sync.WaitGroup
		begin   = time.Now()
	)
	for _, db := range pools {
		running.Go(func() {
			deleted, wasted, cleanErr := by.clean(within, db)
			mu.Lock()
			defer mu.Unlock()
			total.deleted += deleted
			total.wasted += wasted
			err = errors.Join(err, cleanErr)
		})
	}
	running.Wait()
	total.perSecond = float64(total.deleted) / time.Since(begin).Seconds()
	if err != nil {
		return total, err
	}
	stopped := 0
	if within.Err() != nil {
		stopped = hosts
	}
	return total, e.check(ctx, c, total.deleted, stopped)
}
