package dbtest_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"example.com/usersession/internal/dbtest"
)

// TestCleanup_SafeUpdates: a server with sql_safe_updates refuses to delete by a forced
// index. The store then lets the optimizer choose, and remembers that.
func TestCleanup_SafeUpdates(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		recorder := &dbtest.Recorder{}
		_, store := open(t, d, dbtest.Setup{Recorder: recorder, Params: url.Values{"sql_safe_updates": {"1"}}})
		for round := range 2 {
			for i := range 3 {
				expired := sample(fmt.Sprint("key-", i), "")
				expired.Expires = now.Add(-time.Hour)
				must(t, store.CreateUserSession(t.Context(), expired))
			}
			recorder.Take()
			deleted, err := store.DeleteExpiredSessions(t.Context())
			must(t, err)
			if deleted != 3 {
				t.Errorf("deleted %d sessions, want 3", deleted)
			}
			begun := 0
			for _, event := range recorder.Take() {
				if event.Kind == "begin" {
					begun++
				}
			}
			if want := 2 - round; begun != want {
				t.Errorf("run %d takes %d transactions, want %d", round+1, begun, want)
			}
		}
	})
}
