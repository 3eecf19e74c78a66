package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/entities"
)

// A comparison has the measurements of one operation by the raw store and by the store.
type comparison struct {
	raw, store                     []time.Duration // per call
	ratios, parallelRatios         []float64       // with one goroutine, with several
	rawAllocs, storeAllocs         []int64
	rawStatements, storeStatements float64
}

// parallelism is the number of goroutines of parallel calls.
const parallelism = 8

// A comparer runs both stores on the same database, pool and driver.
type comparer struct {
	config
	db     *gorm.DB
	raw    contender
	store  contender
	block  block
	engine *engine
	next   int // the first session number that no block has used yet
}

func newComparer(ctx context.Context, c config, e *engine, db *gorm.DB) (*comparer, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	raw, err := newRawStore(ctx, e, pool)
	if err != nil {
		return nil, err
	}
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return nil, err
	}
	return &comparer{config: c, db: db, raw: raw, store: gormStore{store}, engine: e, next: sessions}, nil
}

func measureOperations(ctx context.Context, c config, e *engine, out *report) error {
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
	r, err := newComparer(ctx, c, e, db)
	if err != nil {
		return err
	}
	r.block = block{ticket: newTicket(c.ticket), versions: make([]int64, sessions)}
	for i := range r.block.versions {
		r.block.versions[i] = 1
	}
	out.printf("\n%d sessions, tickets of %d bytes, %d rounds of %d calls in turn, medians.\n\n", sessions, c.ticket, c.rounds, c.ops)
	out.printf("| operation | raw µs | store µs | store ÷ raw | 8 goroutines: store ÷ raw | allocs/op raw → store | statements/op raw → store |\n")
	out.printf("|---|---:|---:|---:|---:|---:|---:|\n")
	for _, op := range operations {
		if !strings.Contains(op.name, c.only) {
			continue
		}
		announce("%s: %s", e.title, op.name)
		result, err := r.compare(ctx, op)
		if err == nil {
			err = r.count(ctx, e, op, result)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		out.printf("| %s | %.0f | %.0f | %.2f | %.2f | %d → %d | %.3g → %.3g |\n", op.name,
			float64(median(result.raw).Nanoseconds())/1000, float64(median(result.store).Nanoseconds())/1000,
			median(result.ratios), median(result.parallelRatios),
			median(result.rawAllocs), median(result.storeAllocs), result.rawStatements, result.storeStatements)
	}
	return nil
}

// compare runs the operation on both stores in turn, in short blocks, and computes the ratio
// of each pair of blocks. Other load on the machine slows down both blocks of a pair.
func (r *comparer) compare(ctx context.Context, op operation) (*comparison, error) {
	result := &comparison{}
	for round := range r.rounds + 1 {
		for _, goroutines := range []int{1, parallelism} {
			var took [2]time.Duration
			var allocs [2]int64
			for turn := range 2 {
				which := (turn + round) % 2
				var err error
				took[which], allocs[which], err = r.run(ctx, op, []contender{r.raw, r.store}[which], r.ops, goroutines)
				if err != nil {
					return nil, err
				}
			}
			ratio := float64(took[1]) / float64(took[0])
			switch {
			case round == 0: // a warm-up
			case goroutines == 1:
				result.raw = append(result.raw, took[0])
				result.store = append(result.store, took[1])
				result.rawAllocs = append(result.rawAllocs, allocs[0])
				result.storeAllocs = append(result.storeAllocs, allocs[1])
				result.ratios = append(result.ratios, ratio)
			default:
				result.parallelRatios = append(result.parallelRatios, ratio)
			}
		}
	}
	return result, nil
}

// run runs a block of calls on a store. It returns the time and the allocations per call.
func (r *comparer) run(ctx context.Context, op operation, by contender, calls, goroutines int) (time.Duration, int64, error) {
	r.block.first = r.next
	r.next += calls * max(op.needs, 1)
	r.next += 10 - r.next%10
	if op.needs > 0 {
		if err := insert(ctx, r.db, r.block.first, r.block.first+calls*op.needs, false, r.config); err != nil {
			return 0, 0, err
		}
	}
	if r.engine.settle != "" {
		if err := r.db.WithContext(ctx).Exec(r.engine.settle).Error; err != nil {
			return 0, 0, err
		}
	}
	b := r.block
	errs := make([]error, goroutines)
	var before, after runtime.MemStats
	var running sync.WaitGroup
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := time.Now()
	for g := range goroutines {
		running.Go(func() {
			for i := g; i < calls && errs[g] == nil; i += goroutines {
				errs[g] = op.call(ctx, by, &b, i)
			}
		})
	}
	running.Wait()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	if err := errors.Join(errs...); err != nil {
		return 0, 0, fmt.Errorf("%T: %w", by, err)
	}
	err := r.db.WithContext(ctx).Where("id > ?", sessions).Delete(&entities.UserSession{}).Error
	return took / time.Duration(calls), int64(after.Mallocs-before.Mallocs) / int64(calls), err
}

// count counts the statements of calls whose statements are already prepared.
func (r *comparer) count(ctx context.Context, e *engine, op operation, result *comparison) error {
	const calls = 20
	counted := &counter{Connector: e.connector}
	db, closePool := e.openThrough(counted)
	defer closePool()
	counting, err := newComparer(ctx, r.config, e, db)
	if err != nil {
		return err
	}
	counting.db, counting.block, counting.next = r.db, r.block, r.next
	for which, into := range []*float64{&result.rawStatements, &result.storeStatements} {
		by := []contender{counting.raw, counting.store}[which]
		for range 2 { // the first block prepares the statements
			before := counted.calls.Load()
			if _, _, err := counting.run(ctx, op, by, calls, 1); err != nil {
				return err
			}
			*into = float64(counted.calls.Load()-before) / calls
		}
	}
	r.next = counting.next
	return nil
}
