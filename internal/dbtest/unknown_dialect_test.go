package dbtest_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
	"example.com/usersession/internal/dbtest"
)

// An unknownDialect is a dialector whose dialect the store does not know.
type unknownDialect struct{ gorm.Dialector }

func (unknownDialect) Name() string { return "unknown" }

// Translate implements [gorm.ErrorTranslator].
func (s unknownDialect) Translate(err error) error {
	return s.Dialector.(gorm.ErrorTranslator).Translate(err)
}

// openUnknownDialect returns a handle on the connections of db with an unknownDialect.
func openUnknownDialect(t *testing.T, d *dbtest.Database, db *gorm.DB, config gorm.Config) *gorm.DB {
	t.Helper()
	config.Logger = logger.Discard
	handle, err := gorm.Open(unknownDialect{d.Engine.DialectorOn(dbtest.Pool(t, db))}, &config)
	must(t, err)
	return handle
}

// TestUnknownDialect_Conformance runs the conformance suite on a database whose dialect the
// store does not know.
func TestUnknownDialect_Conformance(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		connections := d.Open(t, dbtest.Setup{})
		tables := 0
		bfftest.Run(t, bfftest.Harness{
			New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
				tables++
				config := gorm.Config{NamingStrategy: schema.NamingStrategy{TablePrefix: fmt.Sprintf("t%d_", tables)}}
				d.Migrate(t, d.OpenOn(t, connections, new(config)))
				return newStore(t, openUnknownDialect(t, d, connections, config), usersession.WithClock(clock))
			},
		})
	})
}

// TestUnknownDialect_InTransaction: conflicts leave the application's transaction usable in
// an unknown dialect, too.
func TestUnknownDialect_InTransaction(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		d.Migrate(t, db)
		handle := openUnknownDialect(t, d, db, gorm.Config{})
		checkStore(t, newStore(t, handle).WithTx(beginTx(t, handle)))
	})
}

// TestUnknownDialect_Cleanup: several hosts clean up without locks, and no host counts a row
// that another host deleted.
func TestUnknownDialect_Cleanup(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		const expired = 300
		db, _ := openWithExpired(t, d, expired)
		var deleted atomic.Int64
		var hosts sync.WaitGroup
		for range 4 {
			store := newStore(t, openUnknownDialect(t, d, db, gorm.Config{}), usersession.WithCleanupBatchSize(20))
			hosts.Go(func() {
				n, err := store.DeleteExpiredSessions(t.Context())
				deleted.Add(n)
				if err != nil && d.Engine == dbtest.PostgreSQL { // the store does not know the code of MySQL's deadlocks here
					t.Error(err)
				}
			})
		}
		hosts.Wait()
		last, err := newStore(t, openUnknownDialect(t, d, db, gorm.Config{})).DeleteExpiredSessions(t.Context())
		must(t, err)
		if sum := deleted.Load() + last; sum != expired {
			t.Errorf("all hosts together count %d deleted rows, want %d", sum, expired)
		}
		if left := countRows(t, db, "user_sessions"); left != 1 {
			t.Errorf("%d rows are left, want the live one", left)
		}
	})
}
