package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"

	"example.com/usersession"
)

// A peer is a store of another library.
type peer struct {
	name, engine string
	// table has the statements of its documentation that create its table.
	table []string
	open  func(ctx context.Context, c config, e *engine, db *gorm.DB) (keeper, func(), error)
}

const scsIndex = "CREATE INDEX sessions_expiry_idx ON sessions (expiry)"

var scsPostgres = []string{"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)", scsIndex}

var peers = []peer{
	{"scs/postgresstore", "postgres", scsPostgres,
		func(_ context.Context, c config, _ *engine, db *gorm.DB) (keeper, func(), error) {
			pool, err := db.DB()
			return scsKeeper{postgresstore.NewWithCleanupInterval(pool, 0), newTicket(c.ticket)}, func() {}, err
		}},
	{"scs/pgxstore, without database/sql", "postgres", scsPostgres,
		func(ctx context.Context, c config, e *engine, _ *gorm.DB) (keeper, func(), error) {
			parsed, err := pgxpool.ParseConfig(c.postgres.DSN())
			if err != nil {
				return nil, nil, err
			}
			parsed.ConnConfig.RuntimeParams["search_path"] = e.database
			parsed.MaxConns = 16
			pool, err := pgxpool.NewWithConfig(ctx, parsed)
			if err != nil {
				return nil, nil, err
			}
			return scsKeeper{pgxstore.NewWithCleanupInterval(pool, 0), newTicket(c.ticket)}, pool.Close, nil
		}},
	{"wader/gormstore", "postgres", nil, openGorilla},
	{"scs/mysqlstore", "mysql",
		[]string{"CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)", scsIndex},
		func(_ context.Context, c config, _ *engine, db *gorm.DB) (keeper, func(), error) {
			pool, err := db.DB()
			return scsKeeper{mysqlstore.NewWithCleanupInterval(pool, 0), newTicket(c.ticket)}, func() {}, err
		}},
	{"wader/gormstore", "mysql", nil, openGorilla},
	{"scs/sqlite3store", "sqlite",
		[]string{"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)", scsIndex},
		func(_ context.Context, c config, _ *engine, db *gorm.DB) (keeper, func(), error) {
			pool, err := db.DB()
			return scsKeeper{sqlite3store.NewWithCleanupInterval(pool, 0), newTicket(c.ticket)}, func() {}, err
		}},
	{"wader/gormstore", "sqlite", nil, openGorilla},
}

func measurePeers(ctx context.Context, c config, e *engine, out *report) error {
	c.scatter = timeout
	db, closePool := e.open()
	defer closePool()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	ours := storeKeeper{store, block{ticket: newTicket(c.ticket)}}
	if err := fillKeeper(ctx, ours); err != nil {
		return err
	}
	out.printf("\n%d sessions in each table, tickets of %d bytes, %d rounds of %d calls in turn, medians. Time of the other store ÷ time of this store: above 1, the other store is slower.\n\n", sessions, c.ticket, c.rounds, c.ops)
	out.printf("| store | find | create | update | delete |\n|---|---:|---:|---:|---:|\n")
	for _, p := range peers {
		if p.engine != e.name || !strings.Contains(p.name, c.only) {
			continue
		}
		progress("%s: %s", e.title, p.name)
		ratios, err := p.measure(ctx, c, e, db, ours)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		out.printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", p.name, ratios[0], ratios[1], ratios[2], ratios[3])
	}
	return nil
}

func fillKeeper(ctx context.Context, k keeper) error {
	return inParallel(0, sessions, func(i int) error { return k.create(ctx, i) })
}

// inParallel calls do for the numbers from first up to, but not including, last. It is for
// calls that are not measured.
func inParallel(first, last int, do func(i int) error) error {
	var all sync.WaitGroup
	errs := make([]error, parallelism)
	for g := range errs {
		all.Go(func() {
			for i := first + g; i < last && errs[g] == nil; i += parallelism {
				errs[g] = do(i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// measure returns the ratios of find, create, update and remove.
func (p peer) measure(ctx context.Context, c config, e *engine, db *gorm.DB, ours keeper) (ratios [4]float64, err error) {
	for _, statement := range p.table {
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return ratios, err
		}
	}
	theirs, closeTheirs, err := p.open(ctx, c, e, db)
	if err != nil {
		return ratios, err
	}
	defer closeTheirs()
	defer db.WithContext(context.WithoutCancel(ctx)).Exec("DROP TABLE sessions")
	if err := fillKeeper(ctx, theirs); err != nil {
		return ratios, err
	}
	for op := range ratios {
		var all []float64
		for round := range c.rounds + 1 {
			var took [2]time.Duration
			for turn := range 2 {
				which := (turn + round) % 2
				took[which], err = keeperBlock(ctx, c, e, db, []keeper{ours, theirs}[which], op)
				if err != nil {
					return ratios, err
				}
			}
			if round > 0 { // the first round is a warm-up
				all = append(all, float64(took[1])/float64(took[0]))
			}
		}
		ratios[op] = median(all)
	}
	return ratios, nil
}

// keeperBlock returns the time of a block of calls of one operation. Afterwards the store
// has the same sessions as before.
func keeperBlock(ctx context.Context, c config, e *engine, db *gorm.DB, k keeper, op int) (time.Duration, error) {
	const finding, creating, updating, removing = 0, 1, 2, 3
	extra := sessions + c.ops
	if op == removing {
		if err := inParallel(sessions, extra, func(i int) error { return k.create(ctx, i) }); err != nil {
			return 0, err
		}
	}
	if e.settle != "" {
		if err := db.WithContext(ctx).Exec(e.settle).Error; err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	for n := range c.ops {
		var err error
		switch old := n * 7919 % sessions; op {
		case finding:
			err = k.find(ctx, old)
		case creating:
			err = k.create(ctx, sessions+n)
		case updating:
			err = k.update(ctx, old)
		case removing:
			err = k.remove(ctx, sessions+n)
		}
		if err != nil {
			return 0, err
		}
	}
	took := time.Since(begin)
	if op == creating {
		return took, inParallel(sessions, extra, func(i int) error { return k.remove(ctx, i) })
	}
	return took, nil
}
