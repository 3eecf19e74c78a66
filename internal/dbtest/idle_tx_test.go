package dbtest_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"example.com/usersession/internal/dbtest"
)

// TestIdleTransaction_EndedByServer: a host stands still in a transaction. With the server's
// setting that README names, another host's sign-in gets the locks.
func TestIdleTransaction_EndedByServer(t *testing.T) {
	settings := map[string]url.Values{
		"postgres": {"idle_in_transaction_session_timeout": {"500"}},
		"mysql":    {"wait_timeout": {"1"}}, // MySQL has no other
		"mariadb":  {"idle_transaction_timeout": {"1"}},
	}
	leftOut := func(d *dbtest.Database) string {
		if d.IsTiDB() || d.IsCockroachDB() {
			return "has other settings"
		}
		return ""
	}
	onEnginesExcept(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, leftOut, func(t *testing.T, d *dbtest.Database) {
		names := []string{d.Engine.Name}
		if d.IsMariaDB() {
			names = append(names, "mariadb")
		}
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				d := d.Engine.New(t)
				db, store := openStore(t, d, dbtest.Setup{})
				must(t, store.CreateUserSession(t.Context(), testSession("old", "sid")))
				frozen := d.Open(t, dbtest.Setup{Params: settings[name]})
				must(t, errOf(newStore(t, frozen).WithTx(beginTx(t, frozen)).DeleteUserSession(t.Context(), keyOf("old"))))
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				must(t, newStore(t, db).ReplaceUserSession(ctx, testSession("new", "sid")))
			})
		}
	})
}
