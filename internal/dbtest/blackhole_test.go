package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/dbtest"
)

const (
	// holeTimeout is the StoreTimeout of the tests with a black hole.
	holeTimeout = time.Second
	// answerBound is the time within which every entry point answers.
	answerBound = holeTimeout + time.Second
	// holeIdle is the number of idle connections that a pool keeps.
	holeIdle = 3
	// settleBound is the time within which connections and goroutines must have ended.
	// pgx gives a connection whose context has ended 15 seconds to close.
	settleBound = time.Minute
)

// servedInSequence runs a test on the engines that have a server, one after the other: the test
// counts the goroutines of the process.
func servedInSequence(t *testing.T, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	for _, e := range []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) { test(t, e.New(t)) })
	}
}

// openThrough opens a database through a new proxy.
func openThrough(t *testing.T, d *dbtest.Database, maxOpen int) (*gorm.DB, *proxy) {
	t.Helper()
	network, address, err := d.Address()
	must(t, err)
	p := startProxy(t, network, address)
	dsn, err := d.DSNAt(p.address(), nil)
	must(t, err)
	db, err := openIn(d.Engine.Name, dsn)
	must(t, err)
	pool := dbtest.Pool(t, db)
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(maxOpen)
	pool.SetMaxIdleConns(holeIdle)
	return db, p
}

// An entryPoint is an entry point of package serverside. It runs behind the middleware, in
// the request of a session of its own; the middleware itself has no call.
type entryPoint struct {
	name    string
	revokes bool // with a Revoker, it takes other steps
	call    func(h *host, user int, w http.ResponseWriter, r *http.Request) error
}

var entryPoints = []entryPoint{
	{"middleware", false, nil},
	{"SignIn", false, func(h *host, user int, w http.ResponseWriter, r *http.Request) error {
		_, err := h.SignIn(w, r, hostTicket(holeSubject(user), holeSession(user))) // replaces the session
		return err
	}},
	{"SignOut", true, func(h *host, _ int, w http.ResponseWriter, r *http.Request) error { return h.SignOut(w, r) }},
	{"RevokeSessions", true, func(h *host, user int, _ http.ResponseWriter, r *http.Request) error {
		return errOf(h.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: holeSubject(user)}))
	}},
	{"RevokeOtherSessions", true, func(h *host, _ int, _ http.ResponseWriter, r *http.Request) error {
		return errOf(h.RevokeOtherSessions(r.Context()))
	}},
	{"BackchannelLogout", true, func(h *host, user int, _ http.ResponseWriter, r *http.Request) error {
		return errOf(h.BackchannelLogout(r.Context(), bff.UserSessionsFilter{SessionID: holeSession(user)}))
	}},
	{"UserSessions", false, func(h *host, user int, _ http.ResponseWriter, r *http.Request) error {
		_, err := h.UserSessions(r.Context(), holeSubject(user))
		return err
	}},
	{"AccessToken", false, func(h *host, _ int, _ http.ResponseWriter, r *http.Request) error {
		_, err := h.AccessToken(r.Context())
		return err
	}},
}

func holeSubject(user int) string { return fmt.Sprintf("user-%d", user) }
func holeSession(user int) string { return fmt.Sprintf("sid-%d", user) }

// meet sends a request of a user to the entry point and returns the status. It calls ready
// when the middleware has loaded the session, or before the middleware if that is the entry
// point.
func (h *host) meet(cookie *http.Cookie, e entryPoint, user int, ready func()) int {
	if e.call == nil {
		ready()
		return h.visit(cookie)
	}
	return h.request(cookie, func(w http.ResponseWriter, r *http.Request) {
		ready()
		if err := e.call(h, user, w, r); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}).StatusCode
}

// holeProvider is an identity provider that answers at once.
type holeProvider struct{}

func (holeProvider) RefreshTokens(context.Context, string) (serverside.Tokens, error) {
	return serverside.Tokens{AccessToken: "new", RefreshToken: "new", AccessTokenExpires: time.Now().Add(time.Hour)}, nil
}

func (holeProvider) RevokeRefreshToken(context.Context, string) error { return nil }

func holeHost(t *testing.T, db *gorm.DB, revoker bool, change func(*serverside.Config)) *host {
	t.Helper()
	return newHost(t, db, func(c *serverside.Config) {
		c.StoreTimeout, c.TokenTimeout, c.Refresher = holeTimeout, 2*time.Second, holeProvider{}
		if revoker {
			c.Revoker = holeProvider{}
		}
		if change != nil {
			change(c)
		}
	})
}

// TestDrill_BlackHoleEntryPoints: the network loses every packet between the host and the
// database, without a reset. Every entry point answers within StoreTimeout. When the network
// is back, requests succeed, and the numbers of goroutines and connections are as before.
func TestDrill_BlackHoleEntryPoints(t *testing.T) {
	servedInSequence(t, func(t *testing.T, d *dbtest.Database) {
		const requests = 8
		limits := []int{holeIdle}
		if fullDrill() {
			limits = append(limits, 0)
		}
		for _, maxOpen := range limits {
			t.Run(fmt.Sprintf("at most %d connections", maxOpen), func(t *testing.T) {
				direct := d.Open(t, dbtest.Setup{})
				d.Migrate(t, direct)
				db, p := openThrough(t, d, maxOpen)
				h := holeHost(t, db, true, nil)
				for _, e := range entryPoints {
					t.Run(e.name, func(t *testing.T) { testHole(t, dbtest.Pool(t, db), p, h, e, requests) })
				}
			})
		}
	})
}

// A lossyNetwork is a network between a host and a database that can lose all packets.
type lossyNetwork interface {
	setHole(hole bool)
	// recovery is the time after a black hole within which requests succeed.
	recovery() time.Duration
}

// testHole begins a black hole, lets requests meet it in the entry point, and ends it.
func testHole(t *testing.T, pool *sql.DB, network lossyNetwork, h *host, e entryPoint, requests int) {
	patient := newHostLike(t, h, func(c *serverside.Config) { c.StoreTimeout = hangBound }) // on a slow machine, too
	cookies := make([]*http.Cookie, requests)
	signInAgain := func() {
		inParallel(requests, func(n int) {
			response := patient.signIn(holeSubject(n), holeSession(n))
			if response.StatusCode != http.StatusOK {
				t.Errorf("a sign-in without a black hole: status %d", response.StatusCode)
				return
			}
			cookies[n] = response.Cookies()[0]
		})
	}
	signInAgain()
	if t.Failed() {
		return
	}
	fillPool(t, pool, holeIdle)
	goroutines, open := runtime.NumGoroutine(), pool.Stats().OpenConnections

	var loaded, begun sync.WaitGroup // all requests have their session before the hole begins
	var longest maximum
	loaded.Add(requests)
	begun.Add(1)
	go func() {
		loaded.Wait()
		network.setHole(true)
		begun.Done()
	}()
	inParallel(requests, func(user int) {
		var begin time.Time
		ready := sync.OnceFunc(loaded.Done)
		status := h.meet(cookies[user], e, user, func() {
			ready()
			begun.Wait()
			begin = time.Now()
		})
		if ready(); begin.IsZero() {
			t.Errorf("before the black hole, the status is %d", status)
			return
		}
		longest.add(time.Since(begin))
		if status != http.StatusServiceUnavailable {
			t.Errorf("the status is %d in a black hole, want 503", status)
		}
	})
	if took := longest.get(); took > answerBound {
		t.Errorf("an answer took %v, want at most %v", took, answerBound)
	}

	network.setHole(false)
	for end := time.Now().Add(network.recovery()); patient.visit(cookies[0]) == http.StatusServiceUnavailable; {
		if time.Now().After(end) {
			t.Error("after the black hole, the database cannot be reached")
			break
		}
	}
	signInAgain()
	inParallel(requests, func(n int) {
		if cookies[n] != nil && patient.visit(cookies[n]) != http.StatusOK {
			t.Error("a request after the black hole fails")
		}
	})
	settles(t, pool, goroutines, open)
}

// fillPool opens connections until n of them are idle in the pool, which must keep so many.
func fillPool(t *testing.T, pool *sql.DB, n int) {
	t.Helper()
	var conns []*sql.Conn
	for range n {
		conn, err := pool.Conn(context.WithoutCancel(t.Context()))
		must(t, err)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		must(t, conn.Close())
	}
}

// settles waits until there are no more goroutines and open connections than before.
func settles(t *testing.T, pool *sql.DB, goroutines, open int) {
	t.Helper()
	for end := time.Now().Add(settleBound); ; time.Sleep(20 * time.Millisecond) {
		stats, now := pool.Stats(), runtime.NumGoroutine()
		if stats.InUse == 0 && stats.OpenConnections <= open && now <= goroutines {
			return
		}
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d connections in use, %d open, %d goroutines; before %d open, %d goroutines\n%s",
				stats.InUse, stats.OpenConnections, now, open, goroutines, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestDrill_BlackHoleEveryStep begins the black hole before the first packet of an operation,
// before the second and so on, until the operation ends before it. It finds the steps that
// have no deadline, such as the COMMIT of a driver.
func TestDrill_BlackHoleEveryStep(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		for _, e := range entryPoints {
			for _, revoker := range []bool{false, true} {
				if revoker && !e.revokes {
					continue
				}
				t.Run(fmt.Sprintf("%s, revoker %v", e.name, revoker), func(t *testing.T) {
					t.Parallel()
					d := d.Engine.New(t) // on MariaDB, the locks of a step can block the steps of other entry points
					direct := d.Open(t, dbtest.Setup{})
					d.Migrate(t, direct)
					db, p := openThrough(t, d, 1)
					keys := ticket.InsecureRandomKeyRing()
					other := newHost(t, direct, func(c *serverside.Config) { c.Protector = keys })
					h := holeHost(t, db, revoker, func(c *serverside.Config) {
						c.Protector, c.StoreTimeout = keys, stepTimeout
						c.Clock = func() time.Time { return time.Now().Add(20 * time.Minute) } // a renewal is due
					})
					step := 0
					for holeAtStep(t, p, h, other, e, step) {
						step++
					}
					t.Logf("%d steps", step)
				})
			}
		}
	})
}

// stepTimeout is the StoreTimeout of TestDrill_BlackHoleEveryStep.
const stepTimeout = holeTimeout / 2

// holeAtStep lets a request meet a black hole at a step of the entry point. It returns false
// if the request ended before that step. The other host begins the session.
func holeAtStep(t *testing.T, p *proxy, h, other *host, e entryPoint, step int) bool {
	t.Helper()
	bound := stepTimeout + time.Second
	if e.name == "AccessToken" { // each step of a refresh has a deadline of its own
		bound += 2*stepTimeout + h.config.TokenTimeout
	}
	for tries := 1; ; tries++ {
		cookie := other.mustSignIn(t, holeSubject(0), holeSession(0))
		begin := time.Now()
		status := h.meet(cookie, e, 0, func() {
			p.holeAfter(step)
			begin = time.Now()
		})
		took, met := time.Since(begin), p.isHole()
		p.setHole(false)
		if took > bound {
			t.Errorf("step %d: the answer took %v and has status %d", step, took, status)
		}
		shutdown, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), settleBound)
		err := h.Shutdown(shutdown)
		cancel()
		if err != nil {
			t.Errorf("step %d: background work does not end: %v", step, err)
		}
		if met || status == http.StatusOK || t.Failed() {
			return met && !t.Failed()
		}
		if tries == 10 { // a busy machine can be too slow for stepTimeout, but not each time
			t.Errorf("without a black hole, the status is %d", status)
			return false
		}
	}
}

// inParallel calls f with 0 to n-1, all at the same time.
func inParallel(n int, f func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// A maximum is the longest of several durations.
type maximum struct {
	mu      sync.Mutex
	longest time.Duration
}

func (m *maximum) add(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.longest = max(m.longest, d)
}

func (m *maximum) get() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.longest
}
