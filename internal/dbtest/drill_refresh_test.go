package dbtest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/internal/dbtest"
)

var drillEngines = []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}

// A refreshShape is how the requests arrive that find an access token expired: so many from
// each of so many hosts, all within a time.
type refreshShape struct {
	hosts, requests int
	within          time.Duration
}

var refreshShapes = []refreshShape{{8, 20, 0}, {2, 1, 100 * time.Millisecond}}

// TestDrill_OneRefreshAcrossHosts lets a user's access token expire again and again, at a
// provider that treats the re-use of a refresh token as theft. Each expiry must cost one call
// of the provider, whichever hosts the requests reach, and the user must stay signed in.
func TestDrill_OneRefreshAcrossHosts(t *testing.T) {
	expiries, latencies := 6, []time.Duration{50 * time.Millisecond}
	if os.Getenv("USERSESSION_DRILL") == "full" {
		expiries, latencies = 100, []time.Duration{50 * time.Millisecond, time.Second}
	}
	dbtest.On(t, drillEngines, func(t *testing.T, d *dbtest.Database) {
		f := newFleet(t, d, 8, serverside.DefaultTokenTimeout, serverside.DefaultStoreTimeout)
		for _, latency := range latencies {
			for _, shape := range refreshShapes {
				t.Run(fmt.Sprintf("%d hosts, %d requests each, %v", shape.hosts, shape.requests, latency), func(t *testing.T) {
					f.provider.setLatency(latency)
					f.expireRepeatedly(t, shape, expiries)
				})
			}
		}
	})
}

// A refreshTally counts the events at the expiries of a drill.
type refreshTally struct {
	expiries, calls                            int
	otherThanOne                               int // expiries with another number of calls than one
	revoked                                    int // grants
	answers, signedOut, failed, invalid, stale int // answers
	slowest                                    time.Duration
}

// expireRepeatedly runs the expiries. Every other time the access token has not expired yet
// but is due for a refresh: an answer may then have either token.
func (f *fleet) expireRepeatedly(t *testing.T, shape refreshShape, expiries int) {
	t.Helper()
	var tally refreshTally
	user := f.signIn(t)
	meter := drillMeter("expiries", int64(expiries))
	for n := range expiries {
		meter.Set(int64(n))
		early := n%2 == 1
		if early {
			f.pass(t, tokenLife-serverside.DefaultRefreshBefore/2)
		} else {
			f.pass(t, 2*tokenLife)
		}
		before := len(f.provider.asked())
		answers := f.burst(t, shape, user)
		f.pass(t, 0) // until the refresh is complete: a request with a valid token does not wait for it
		tally.expiries++
		calls := len(f.provider.asked()) - before
		if tally.calls += calls; calls != 1 {
			tally.otherThanOne++
		}
		revoked, latest, previous := f.provider.state(user.grant)
		tally.count(answers, latest, previous, early)
		if revoked {
			tally.revoked++
			user = f.signIn(t) // the drill goes on, for the count
		}
	}
	t.Logf("%d expiries: %.2f calls of the provider each, %d with another number than 1; %d grants revoked; "+
		"%d answers, %d of them 401, %d other failures, %d without a valid token, %d with the former token while that was valid; slowest answer: %v",
		tally.expiries, float64(tally.calls)/float64(tally.expiries), tally.otherThanOne, tally.revoked,
		tally.answers, tally.signedOut, tally.failed, tally.invalid, tally.stale, tally.slowest.Round(time.Millisecond))
	if tally.otherThanOne+tally.revoked+tally.signedOut+tally.failed+tally.invalid != 0 {
		t.Error("want one call at each expiry, no grant revoked, and a valid access token in every answer")
	}
}

// burst sends the requests of an expiry and returns the answers.
func (f *fleet) burst(t *testing.T, shape refreshShape, user drillUser) []drillAnswer {
	t.Helper()
	answers := make([]drillAnswer, shape.hosts*shape.requests)
	var requests sync.WaitGroup
	for i := range answers {
		requests.Go(func() {
			if i > 0 && shape.within > 0 {
				time.Sleep(rand.N(shape.within))
			}
			answers[i] = f.token(t.Context(), f.hosts[i%shape.hosts], user)
		})
	}
	requests.Wait()
	return answers
}

// count adds the answers of an expiry. If the expiry is early, the previous token is valid, too.
func (c *refreshTally) count(answers []drillAnswer, latest, previous string, early bool) {
	for _, a := range answers {
		c.answers++
		c.slowest = max(c.slowest, a.took)
		switch {
		case a.err != nil:
			c.failed++
		case a.status == http.StatusUnauthorized:
			c.signedOut++
		case a.status != http.StatusOK:
			c.failed++
		case early && a.body == previous:
			c.stale++
		case a.body != latest:
			c.invalid++
		}
	}
}

// TestDrill_KilledClaimant kills the host that asks the provider. The other host asks after
// the end of the claim, and not before. Whether the user stays signed in depends on the
// provider if that had used the refresh token.
func TestDrill_KilledClaimant(t *testing.T) {
	const tokenTimeout, storeTimeout = 2 * time.Second, 2 * time.Second
	cases := map[string]struct {
		spend  bool // whether the provider had used the refresh token
		leeway time.Duration
		stays  bool // whether the user stays signed in
	}{
		"refresh token not used":            {spend: false, stays: true},
		"refresh token used, leeway":        {spend: true, leeway: time.Hour, stays: true},
		"refresh token used without leeway": {spend: true, stays: false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.On(t, drillEngines, func(t *testing.T, d *dbtest.Database) {
				f := newFleet(t, d, 2, tokenTimeout, storeTimeout)
				f.provider.setLeeway(c.leeway)
				user := f.signIn(t)
				f.pass(t, 2*tokenLife)
				killed, left := f.hosts[0], f.hosts[1]

				held := f.provider.holdNext(c.spend)
				unanswered := make(chan drillAnswer, 1)
				go func() { unanswered <- f.token(t.Context(), killed, user) }()
				select {
				case <-held.asked:
				case answer := <-unanswered:
					t.Fatalf("the first host did not ask the provider: %d, %v", answer.status, answer.err)
				}
				killed.kill(t)
				begin := time.Now()
				answer := f.token(t.Context(), left, user)
				t.Logf("the other host answered %d after %v", answer.status, answer.took.Round(time.Millisecond))

				calls := f.provider.asked()
				if len(calls) != 2 {
					t.Fatalf("%d calls of the provider, want 2; the answer: %d %s, %v", len(calls), answer.status, answer.body, answer.err)
				}
				if waited := calls[1].Sub(begin); waited < tokenTimeout+storeTimeout {
					t.Errorf("the other host asked %v after it could see the claim, want at least %v", waited, tokenTimeout+storeTimeout)
				}
				rows := countRows(t, f.db, "user_sessions")
				again := f.token(t.Context(), left, user)
				revoked, latest, _ := f.provider.state(user.grant)
				signedIn := answer.body == latest && again.body == latest && rows == 1
				signedOut := answer.status == http.StatusUnauthorized && again.status == http.StatusUnauthorized && rows == 0
				if signedIn != c.stays || signedOut == c.stays || revoked == c.stays {
					t.Errorf("the answers are %d and %d, %d rows, grant revoked: %v; the user stays signed in: want %v",
						answer.status, again.status, rows, revoked, c.stays)
				}
				if n := len(f.provider.asked()); n != 2 {
					t.Errorf("%d calls of the provider after the next request, want 2", n)
				}
			})
		})
	}
}
