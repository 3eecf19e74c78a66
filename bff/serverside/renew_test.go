package serverside

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

const notRenewed = "a user session could not be renewed"

// rewrite changes alice's row as another host might, with its version moving on.
func (b *testBFF) rewrite(change func(*bff.UserSessionUpdate)) {
	b.t.Helper()
	row := b.store.rows(b.t, "alice")[0]
	u := bff.UserSessionUpdate{
		SubjectID: row.SubjectID, SessionID: row.SessionID, Created: row.Created, Renewed: row.Renewed, Expires: row.Expires, Ticket: row.Ticket,
	}
	change(&u)
	if err := b.store.InMemoryStore.UpdateUserSession(context.Background(), bff.UserSessionKey{PartitionKey: "app", Key: row.Key}, u); err != nil {
		b.t.Fatal(err)
	}
}

// TestRenew_Conflict: a renewal that meets another write is repeated on the new row, and one that
// is not due any more is left out.
func TestRenew_Conflict(t *testing.T) {
	for name, test := range map[string]struct {
		conflicts int // of the renewal
		fail      bool
		renewed   bool
		warned    bool
	}{
		"none": {0, false, true, false}, "one": {1, false, true, false}, "two": {2, false, true, false},
		"as many as attempts": {renewAttempts, false, false, false}, "the database fails": {0, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			br := b.browser()
			br.signIn(alice())
			b.clock.pass(40 * time.Minute)
			left := test.conflicts
			var conflict func()
			conflict = func() {
				if left--; left >= 0 {
					b.rewrite(func(*bff.UserSessionUpdate) {})
					b.store.on("update", conflict)
				}
			}
			b.store.on("update", conflict)
			if test.fail {
				b.store.breakDown("update")
			}
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				session, ok := FromContext(r.Context())
				if !ok || session.Renewed.Equal(b.clock.Now()) != test.renewed {
					t.Errorf("signed in: %t, renewed at %v", ok, session.Renewed)
				}
			})
			if row := b.store.rows(t, "alice")[0]; row.Renewed.Equal(b.clock.Now()) != test.renewed {
				t.Errorf("the row was renewed at %v", row.Renewed)
			}
			if log := b.log.String(); strings.Contains(log, notRenewed) != test.warned {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// TestRenew_EndsDuringConflict: a renewal never brings back a session that has ended.
func TestRenew_EndsDuringConflict(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	b.clock.pass(40 * time.Minute)
	b.store.on("update", func() {
		b.rewrite(func(*bff.UserSessionUpdate) {})
		b.store.on("get", func() {
			_, _ = b.store.InMemoryStore.DeleteUserSessions(context.Background(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
		})
	})
	br.want("")
	if log := b.log.String(); strings.Contains(log, notRenewed) {
		t.Errorf("the log: %s", log)
	}
}

// TestLoad_RowWithoutExpiry: a row that an application wrote without an expiry ends after the idle
// timeout all the same.
func TestLoad_RowWithoutExpiry(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	b.rewrite(func(u *bff.UserSessionUpdate) { u.Expires = time.Time{} })
	b.clock.pass(20 * time.Minute)
	br.want("alice")
	b.clock.pass(40 * time.Minute)
	br.want("")
}

// TestRevokeOtherSessions_StoreWithoutLister ends them all.
func TestRevokeOtherSessions_StoreWithoutLister(t *testing.T) {
	var store *spy
	b := newTestBFF(t, func(c *Config) {
		store = c.Store.(*spy)
		c.Store = plain{store}
	})
	for _, id := range []string{"s1", "s2", "s3"} {
		b.browser().signIn(as("alice", id))
	}
	br := b.browser()
	br.signIn(as("alice", "s4"))
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := b.RevokeOtherSessions(r.Context()); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	if rows := store.rows(t, "alice"); len(rows) != 1 || rows[0].SessionID != "s4" {
		t.Errorf("%d sessions are left", len(rows))
	}
}

// TestLongestWork: Run waits for it, so that it is part of a deployment's timeouts.
func TestLongestWork(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.TokenTimeout, c.StoreTimeout = 7*time.Second, 3*time.Second })
	if got := b.longestWork(); got != 24*time.Second+revocationDelay {
		t.Errorf("longestWork = %v", got)
	}
}

// TestRenew_SealsUnderPrimaryKey: after a rotation, the sessions that are in use move to the new
// key by themselves.
func TestRenew_SealsUnderPrimaryKey(t *testing.T) {
	key := func(first byte) ticket.Key {
		secret := make([]byte, ticket.KeySize)
		secret[0] = first
		k, err := ticket.NewKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ring := func(primary ticket.Key, others ...ticket.Key) *ticket.KeyRing {
		r, err := ticket.NewKeyRing(primary, others...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	b := newTestBFF(t, func(c *Config) { c.Protector = ring(key(1)) })
	br := b.browser()
	br.signIn(alice())
	rotated := ring(key(2), key(1))
	b.cfg.Protector = rotated
	for _, step := range []struct {
		pass time.Duration
		old  bool
	}{{0, true}, {40 * time.Minute, false}} {
		b.clock.pass(step.pass)
		br.want("alice")
		if old := ticket.NeedsReseal(rotated, b.store.rows(t, "alice")[0].Ticket); old != step.old {
			t.Errorf("after %v: under the old key: %t", step.pass, old)
		}
	}
}
