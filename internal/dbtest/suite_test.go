package dbtest_test

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
	"example.com/usersession/internal/dbtest"
)

// conformance runs the suite on an engine. wrap makes the store that is tested of a GORM store.
// Every store has a table of its own, named by a NamingStrategy; two hosts share one.
func conformance(t *testing.T, d *dbtest.Database, maxStale time.Duration, wrap func(bff.UserSessionStore, func() time.Time) bff.UserSessionStore) {
	conformanceOn(t, d, d.Migrate, maxStale, wrap)
}

// conformanceOn does the same on tables that the function migrate makes.
func conformanceOn(t *testing.T, d *dbtest.Database, migrate func(testing.TB, *gorm.DB, ...any), maxStale time.Duration, wrap func(bff.UserSessionStore, func() time.Time) bff.UserSessionStore) {
	t.Log(d.Version)
	setup := dbtest.Setup{}
	if d.Engine == dbtest.SQLite {
		setup.MaxOpen = 4 // SQLite has one writer; more connections only wait for its lock
	}
	connections, others := d.Open(t, setup), d.Open(t, setup)
	tables := 0
	open := func(t *testing.T, connections *gorm.DB, clock func() time.Time) bff.UserSessionStore {
		db := d.OpenOn(t, connections, &gorm.Config{
			NamingStrategy: schema.NamingStrategy{TablePrefix: fmt.Sprintf("t%d_", tables)},
		})
		migrate(t, db)
		return wrap(newStore(t, db, usersession.WithClock(clock)), clock)
	}
	bfftest.Run(t, bfftest.Harness{
		New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
			tables++
			return open(t, connections, clock)
		},
		MaxStale: maxStale,
		Hosts: func(t *testing.T, clock func() time.Time) (one, other bff.UserSessionStore) {
			tables++
			return open(t, connections, clock), open(t, others, clock)
		},
	})
}

// TestConformance runs the conformance suite on every engine.
func TestConformance(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		conformance(t, d, 0, func(store bff.UserSessionStore, _ func() time.Time) bff.UserSessionStore { return store })
	})
}

// TestConformance_ReadCache runs it through a read cache, on one engine: the cache does not depend
// on it.
func TestConformance_ReadCache(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		conformance(t, d, bff.DefaultMaxStale, func(store bff.UserSessionStore, clock func() time.Time) bff.UserSessionStore {
			cache, err := bff.NewReadCache(store, bff.ReadCacheConfig{Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			return cache
		})
	})
}
