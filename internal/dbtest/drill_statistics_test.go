package dbtest_test

import (
	"fmt"
	"testing"

	"example.com/usersession/internal/dbtest"
)

// TestDrill_Statistics: in the MySQL family cleaners never wait for each other's rows, whatever
// the optimizer knows about the table. A wait can end in a deadlock, and then the store tries
// again.
func TestDrill_Statistics(t *testing.T) {
	for _, stale := range []bool{false, true} {
		for _, rows := range []int{2_000, newDrillSize().rows} {
			t.Run(fmt.Sprintf("stale=%v, %d rows", stale, rows), func(t *testing.T) {
				onEnginesExcept(t, []*dbtest.Engine{dbtest.MySQL}, exceptTiDB, func(t *testing.T, database *dbtest.Database) {
					d := newDrill(t, database)
					d.size.rows = rows
					if stale {
						// The statistics remain those of an empty table.
						must(t, d.db.Exec("ALTER TABLE user_sessions STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0").Error)
						must(t, d.db.Exec("ANALYZE TABLE user_sessions").Error)
					}
					d.fill(t)
					if !stale {
						must(t, d.db.Exec("ANALYZE TABLE user_sessions").Error)
					}
					d.audit(t)
					d.run(t, nil)
					d.verify(t)
					if d.retries > 0 {
						t.Errorf("the cleaners tried again %d times", d.retries)
					}
				})
			})
		}
	}
}

func exceptTiDB(d *dbtest.Database) string {
	if d.IsTiDB() {
		return "has other statistics, and no triggers"
	}
	return ""
}
