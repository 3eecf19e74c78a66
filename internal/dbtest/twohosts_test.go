package dbtest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/internal/dbtest"
)

// TestTwoHosts_FirstDropsPackets: the first host of a PostgreSQL DSN drops all packets. With a
// connect_timeout below StoreTimeout, a new connection reaches the second host within the
// deadline of the request that needs it. A request on a pooled connection to the first host
// has status 503 in time, and the requests after it succeed.
func TestTwoHosts_FirstDropsPackets(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		network, address, err := d.Address()
		must(t, err)
		if network != "tcp" {
			t.Skip("the server of the test has no TCP address")
		}
		d.Migrate(t, d.Open(t, dbtest.Setup{}))
		first := startProxy(t, network, address)
		params := url.Values{"target_session_attrs": {"read-write"}, "connect_timeout": {"1"}}
		dsn, err := d.DSNAt(first.address()+","+address, params)
		must(t, err)
		for _, pooled := range []int{0, 2} {
			t.Run(fmt.Sprintf("%d pooled connections", pooled), func(t *testing.T) {
				db, err := openIn(d.Engine.Name, dsn)
				must(t, err)
				pool := dbtest.Pool(t, db)
				t.Cleanup(func() { _ = pool.Close() })
				pool.SetMaxIdleConns(pooled)
				h := newHost(t, db, func(c *serverside.Config) { c.StoreTimeout = 2 * time.Second })
				cookie := h.mustSignIn(t, "alice", "sid")
				fillPool(t, pool, pooled)
				first.setHole(true)
				defer first.setHole(false)
				failed := 0
				for range pooled + 3 {
					begin := time.Now()
					status := h.visit(cookie)
					if took := time.Since(begin); took > h.config.StoreTimeout+deadlineSlack {
						t.Errorf("a request took %v", took)
					}
					if status != http.StatusOK {
						failed++
					}
				}
				if failed > pooled {
					t.Errorf("%d requests failed; there were %d connections to the first host", failed, pooled)
				}
				t.Logf("%d of %d requests failed", failed, pooled+3)
			})
		}
	})
}
