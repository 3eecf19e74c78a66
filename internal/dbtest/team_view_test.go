package dbtest_test

import (
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
)

// TestTeamTable_View: a view in the place of the table works where the database can write to
// it, also for the cleanup.
func TestTeamTable_View(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		if d.IsTiDB() {
			t.Run("left out", func(t *testing.T) { t.Skip("TiDB's views are read-only") })
			return
		}
		db, store := openStore(t, d, dbtest.Setup{})
		must(t, db.Exec("ALTER TABLE user_sessions RENAME TO real_sessions").Error)
		must(t, db.Exec("CREATE VIEW user_sessions AS SELECT * FROM real_sessions").Error)
		for range 2 {
			expired := testSession("expired", "")
			expired.Expires = expired.Created
			must(t, store.CreateUserSession(t.Context(), expired))
			if n, err := store.DeleteExpiredSessions(t.Context()); n != 1 || err != nil {
				t.Errorf("cleanup: %d, %v", n, err)
			}
		}
		checkStore(t, store)
	})
}

// TestTeamTable_Rule: PostgreSQL refuses a part of the store's statements on a table with a
// rule. The first error names the rule, also in a transaction of the application.
func TestTeamTable_Rule(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{})
		must(t, db.Exec("CREATE TABLE log (x text)").Error)
		must(t, db.Exec("CREATE RULE r AS ON DELETE TO user_sessions DO ALSO INSERT INTO log VALUES (OLD.key)").Error)
		if _, err := store.WithTx(beginTx(t, db)).DeleteExpiredSessions(t.Context()); err == nil || !strings.Contains(err.Error(), "does the table have a rule?") {
			t.Errorf("the first cleanup: %v", err)
		}
		must(t, errOf(store.WithTx(beginTx(t, db)).DeleteExpiredSessions(t.Context())))
	})
}
