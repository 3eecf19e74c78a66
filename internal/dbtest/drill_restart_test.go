//go:build unix

package dbtest_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// TestDrill_RollingRestart restarts a database server while its pooled connections are idle.
// No request that the middleware serves afterwards fails: neither with many requests at the
// same time, nor with one request that finds one dead connection after the other.
func TestDrill_RollingRestart(t *testing.T) {
	for name, own := range map[string]struct {
		server func(*testing.T) *ownServer
		dsn    func(*ownServer) string
	}{
		"postgres": {ownPostgres, (*ownServer).postgresDSN},
		"mariadb":  {ownMariaDB, (*ownServer).mariaDBDSN},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := own.server(t)
			restartUnderLoad(t, server, own.dsn(server))
		})
	}
}

func restartUnderLoad(t *testing.T, server *ownServer, dsn string) {
	const connections = 16
	restarts := 2
	if fullDrill() {
		restarts = 10
	}
	server.up(t, dsn)
	db, err := openIn(server.engine.Name, dsn)
	must(t, err)
	must(t, db.AutoMigrate(&entities.UserSession{}))
	pool := dbtest.Pool(t, db)
	defer func() { _ = pool.Close() }()
	pool.SetMaxIdleConns(connections)
	pool.SetMaxOpenConns(connections)
	// The clock makes a renewal due in every request.
	h := newHost(t, db, nil)
	later := newHostLike(t, h, func(c *serverside.Config) {
		c.Clock = func() time.Time { return time.Now().Add(20 * time.Minute) }
	})
	cookies := make([]*http.Cookie, 2*connections)
	for user := range cookies {
		cookies[user] = h.mustSignIn(t, fmt.Sprintf("user-%d", user), fmt.Sprintf("sid-%d", user))
	}
	var served atomic.Int64
	load := func(restart int) {
		var all sync.WaitGroup
		for _, cookie := range cookies {
			all.Go(func() {
				for range 10 {
					if status := later.visit(cookie); status != http.StatusOK {
						t.Errorf("after %d restarts, a request has status %d", restart, status)
					}
					served.Add(1)
				}
			})
		}
		all.Wait()
	}
	load(0)
	meter := drillMeter("restarts", int64(restarts))
	for restart := 1; restart <= restarts; restart++ {
		meter.Set(int64(restart - 1))
		fillPool(t, pool, connections)
		server.stop(t, server.quit)
		server.up(t, dsn)
		if restart%2 == 1 { // one request alone meets the dead connections
			if status := h.visit(cookies[0]); status != http.StatusOK {
				t.Errorf("after %d restarts, the first request has status %d", restart, status)
			}
		}
		load(restart)
	}
	t.Logf("%d requests, %d restarts", served.Load(), restarts)
}
