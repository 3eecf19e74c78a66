package dbtest_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/internal/dbtest"
)

// TestCleanup_SafeUpdates: MariaDB with sql_safe_updates refuses a DELETE with a forced
// index. The store then deletes without forcing the index, also in later cleanups. MySQL
// accepts the DELETE.
func TestCleanup_SafeUpdates(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		recorder := &dbtest.Recorder{}
		_, store := openStore(t, d, dbtest.Setup{Recorder: recorder, Params: url.Values{"sql_safe_updates": {"1"}}})
		for round := range 2 {
			for i := range 3 {
				expired := testSession(fmt.Sprint("key-", i), "")
				expired.Expires = now.Add(-time.Hour)
				must(t, store.CreateUserSession(t.Context(), expired))
			}
			recorder.Take()
			deleted, err := store.DeleteExpiredSessions(t.Context())
			must(t, err)
			if deleted != 3 {
				t.Errorf("deleted %d sessions, want 3", deleted)
			}
			forced := 0
			for _, event := range recorder.Take() {
				if event.Kind != "prepare" && strings.Contains(event.SQL, "FORCE INDEX") {
					forced++
				}
			}
			if again := round > 0 && forced > 0; again && d.IsMariaDB() || forced > 1 {
				t.Errorf("cleanup %d forces the index %d times", round+1, forced)
			}
		}
	})
}

// TestCleanup_SafeUpdatesAtOnce: while a server refuses the forced index, another cleanup of
// the same store already knows about it.
func TestCleanup_SafeUpdatesAtOnce(t *testing.T) {
	fake := &fakeDriver{}
	db, err := gorm.Open(fakeDialects[2].dialector(sql.OpenDB(fake)), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	store, refused := newStore(t, db), 0
	fake.refuseForceIndex = func() error {
		if refused++; refused == 1 {
			must(t, errOf(store.DeleteExpiredSessions(t.Context())))
		}
		return &mysqldriver.MySQLError{Number: 1175}
	}
	must(t, errOf(store.DeleteExpiredSessions(t.Context())))
	must(t, errOf(store.DeleteExpiredSessions(t.Context())))
	if refused != 2 {
		t.Errorf("the server refused %d deletes, want 2", refused)
	}
}
