package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/securecookie"
	gorilla "github.com/gorilla/sessions"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/wader/gormstore/v2"
	"gorm.io/gorm"

	"example.com/usersession"
)

// A peer is a store of another library.
type peer struct {
	name, engine string
	// table has the statements of its documentation that create its table.
	table []string
	open  func(ctx context.Context, c config, e *engine, db *gorm.DB) (opened, error)
}

// opened is a store for scs or for gorilla/sessions.
type opened struct {
	scs     scs.Store
	gorilla gorilla.Store
	close   func()
}

const scsIndex = "CREATE INDEX sessions_expiry_idx ON sessions (expiry)"

var scsPostgres = []string{"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)", scsIndex}

// pooled opens a store of scs on the pool of this module's store.
func pooled(open func(*sql.DB) scs.Store) func(context.Context, config, *engine, *gorm.DB) (opened, error) {
	return func(_ context.Context, _ config, _ *engine, db *gorm.DB) (opened, error) {
		pool, err := db.DB()
		if err != nil {
			return opened{}, err
		}
		return opened{scs: open(pool), close: func() {}}, nil
	}
}

// openPgx opens pgxstore, which uses neither GORM nor database/sql.
func openPgx(ctx context.Context, c config, e *engine, _ *gorm.DB) (opened, error) {
	parsed, err := pgxpool.ParseConfig(c.postgres.DSN())
	if err != nil {
		return opened{}, err
	}
	parsed.ConnConfig.RuntimeParams["search_path"] = e.database
	parsed.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return opened{}, err
	}
	return opened{scs: pgxstore.NewWithCleanupInterval(pool, 0), close: pool.Close}, nil
}

func openGorilla(_ context.Context, _ config, _ *engine, db *gorm.DB) (opened, error) {
	store := gormstore.New(db, securecookie.GenerateRandomKey(32)) // creates its table
	store.MaxLength(0)
	return opened{gorilla: store, close: func() {}}, nil
}

var peers = []peer{
	{"scs/postgresstore", "postgres", scsPostgres, pooled(func(pool *sql.DB) scs.Store { return postgresstore.NewWithCleanupInterval(pool, 0) })},
	{"scs/pgxstore, without database/sql", "postgres", scsPostgres, openPgx},
	{"wader/gormstore", "postgres", nil, openGorilla},
	{
		"scs/mysqlstore", "mysql",
		[]string{"CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)", scsIndex},
		pooled(func(pool *sql.DB) scs.Store { return mysqlstore.NewWithCleanupInterval(pool, 0) }),
	},
	{"wader/gormstore", "mysql", nil, openGorilla},
	{
		"scs/sqlite3store", "sqlite",
		[]string{"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)", scsIndex},
		pooled(func(pool *sql.DB) scs.Store { return sqlite3store.NewWithCleanupInterval(pool, 0) }),
	},
	{"wader/gormstore", "sqlite", nil, openGorilla},
}

// with opens the peer on its own table and drops the table afterwards.
func (p peer) with(ctx context.Context, c config, e *engine, db *gorm.DB, use func(opened) error) error {
	for _, statement := range p.table {
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return err
		}
	}
	defer db.WithContext(context.WithoutCancel(ctx)).Exec("DROP TABLE IF EXISTS sessions")
	theirs, err := p.open(ctx, c, e, db)
	if err != nil {
		return err
	}
	defer theirs.close()
	return use(theirs)
}

// A level is a subject of the measurement: the bare stores, or an application on the stores.
type level struct {
	title, columns string
	// ours and theirs return the two keepers. ours has a partition of its own.
	ours   func(store *usersession.GormStore, library opened, partition string, ticket []byte) (keeper, error)
	theirs func(store opened, ticket []byte) keeper
}

var levels = []level{
	{
		"The bare stores", "find | create | update | delete",
		func(store *usersession.GormStore, _ opened, _ string, ticket []byte) (keeper, error) {
			return storeKeeper{store, block{ticket: ticket}}, nil
		},
		func(store opened, ticket []byte) keeper {
			if store.scs != nil {
				return scsKeeper{store.scs, ticket}
			}
			return newGorillaKeeper(store.gorilla, ticket)
		},
	},
	{
		"The session library, without HTTP", "find | new | commit | destroy",
		func(store *usersession.GormStore, library opened, partition string, ticket []byte) (keeper, error) {
			if library.scs != nil {
				manager, _, err := ourSCS(store, partition)
				return newManagerKeeper(manager, ticket), err
			}
			adapted, err := ourGorilla(store, partition)
			return newGorillaKeeper(adapted, ticket), err
		},
		func(store opened, ticket []byte) keeper {
			if store.scs != nil {
				return newManagerKeeper(theirSCS(store.scs), ticket)
			}
			return newGorillaKeeper(store.gorilla, ticket)
		},
	},
	{
		"Whole HTTP requests", "read | new | write | destroy",
		func(store *usersession.GormStore, library opened, partition string, ticket []byte) (keeper, error) {
			if library.scs != nil {
				manager, _, err := ourSCS(store, partition)
				return newRequestKeeper(scsApplication(manager, ticket)), err
			}
			adapted, err := ourGorilla(store, partition)
			return newRequestKeeper(gorillaApplication(adapted, ticket)), err
		},
		func(store opened, ticket []byte) keeper {
			if store.scs != nil {
				return newRequestKeeper(scsApplication(theirSCS(store.scs), ticket))
			}
			return newRequestKeeper(gorillaApplication(store.gorilla, ticket))
		},
	},
}

func measurePeers(ctx context.Context, c config, e *engine, out *report) error {
	c.scatter = timeout
	db, closePool := e.open()
	defer closePool()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	out.printf("\n%d sessions of each application, tickets of %d bytes, %d rounds of %d calls in turn, medians. Time of the other store ÷ time of this store: above 1, the other store is slower.\n", sessions, c.ticket, c.rounds, c.ops)
	for _, l := range levels {
		out.printf("\n%s:\n\n| store | %s |\n|---|---:|---:|---:|---:|\n", l.title, l.columns)
		for _, p := range peers {
			if p.engine != e.name || !strings.Contains(p.name, c.only) {
				continue
			}
			announce("%s: %s: %s", e.title, l.title, p.name)
			err := p.with(ctx, c, e, db, func(theirs opened) error {
				if err := db.WithContext(ctx).Exec(e.empty).Error; err != nil {
					return err
				}
				ours, err := l.ours(store, theirs, "bench", newTicket(c.ticket))
				if err != nil {
					return err
				}
				ratios, err := measureKeepers(ctx, c, e, db, []keeper{ours, l.theirs(theirs, newTicket(c.ticket))})
				if err == nil {
					out.printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", p.name, ratios[0], ratios[1], ratios[2], ratios[3])
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %s: %w", l.title, p.name, err)
			}
		}
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

// measureKeepers returns the ratios of find, create, update and remove.
func measureKeepers(ctx context.Context, c config, e *engine, db *gorm.DB, keepers []keeper) (ratios [4]float64, err error) {
	for _, k := range keepers {
		if err := fillKeeper(ctx, k); err != nil {
			return ratios, err
		}
	}
	for _, statement := range e.tidy {
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return ratios, err
		}
	}
	for op := range ratios {
		var all []float64
		for round := range c.rounds + 1 {
			var took [2]time.Duration
			for turn := range 2 {
				which := (turn + round) % 2
				took[which], err = keeperBlock(ctx, c, e, db, keepers[which], op)
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
