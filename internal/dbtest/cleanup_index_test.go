package dbtest_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

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
			transactions := 0
			for _, event := range recorder.Take() {
				if event.Kind == "begin" {
					transactions++
				}
			}
			want := 1
			if d.IsMariaDB() && round == 0 {
				want = 2
			}
			if transactions != want {
				t.Errorf("cleanup %d needs %d transactions, want %d", round+1, transactions, want)
			}
		}
	})
}
