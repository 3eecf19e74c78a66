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

// TestConformance runs the conformance suite on every engine. Every store has a table of
// its own, named by a NamingStrategy.
func TestConformance(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		t.Log(d.Version)
		setup := dbtest.Setup{}
		if d.Engine == dbtest.SQLite {
			setup.MaxOpen = 4 // SQLite has one writer; more connections only wait for its lock
		}
		connections := d.Open(t, setup)
		tables := 0
		bfftest.Run(t, bfftest.Harness{
			New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
				tables++
				db := d.OpenOn(t, connections, &gorm.Config{
					NamingStrategy: schema.NamingStrategy{TablePrefix: fmt.Sprintf("t%d_", tables)},
				})
				d.Migrate(t, db)
				return newStore(t, db, usersession.WithClock(clock))
			},
		})
	})
}
