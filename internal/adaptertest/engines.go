package adaptertest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// OnEveryEngine runs the scenario on the in-memory store and on every engine. Each part has a
// table of its own.
func OnEveryEngine(t *testing.T, library Library) {
	t.Run("memory", func(t *testing.T) {
		Run(t, library, func(*testing.T) bff.UserSessionStore { return bff.NewInMemoryStore() })
	})
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		setup := dbtest.Setup{}
		if d.Engine == dbtest.SQLite {
			setup.MaxOpen = 4 // SQLite has one writer
		}
		connections := d.Open(t, setup)
		tables := 0
		Run(t, library, func(t *testing.T) bff.UserSessionStore {
			tables++
			db := d.OpenOn(t, connections, &gorm.Config{
				NamingStrategy: schema.NamingStrategy{TablePrefix: fmt.Sprintf("t%d_", tables)},
			})
			d.Migrate(t, db)
			store, err := usersession.NewGormStore(db)
			if err != nil {
				t.Fatal(err)
			}
			return store
		})
	})
}
