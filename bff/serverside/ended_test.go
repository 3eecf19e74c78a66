package serverside

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

// Sessions that another host removes right before this host deletes them are counted
// there and not here.

// removeAll deletes a user's rows without this host, as another host would.
func (b *testBFF) removeAll(subjectID string) func() {
	return func() {
		if _, err := b.store.InMemoryStore.DeleteUserSessions(b.t.Context(), "app", bff.UserSessionsFilter{SubjectID: subjectID}); err != nil {
			b.t.Error(err)
		}
	}
}

func TestSignOut_CountsOnlyOwnDelete(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	b.store.on("delete", b.removeAll("alice"))
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	b.wantEnded(EndSignOut, 0)
	br.signIn(alice())
	br.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) })
	b.wantEnded(EndSignOut, 1)
}

// A sign-out whose session cannot be read still deletes and counts it.
func TestSignOut_CountsUnreadableSession(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		b.store.breakDown("get")
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
		b.store.breakDown()
	})
	b.wantEnded(EndSignOut, 1)
}

func TestSignIn_CountsOnlyOwnReplacement(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(as("alice", "s1"))
	b.store.on("delete", b.removeAll("alice"))
	br.signIn(as("bob", "s2"))
	b.wantEnded(EndReplaced, 0)
	br.signIn(as("carol", "s3"))
	b.wantEnded(EndReplaced, 1)
}

func TestSignIn_CountsOnlyOwnDeletesBeyondMaximum(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 1 })
	b.browser().signIn(as("alice", "s1"))
	old := b.store.rows(t, "alice")[0]
	b.store.on("delete", func() {
		_, _ = b.store.InMemoryStore.DeleteUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: old.Key})
	})
	b.browser().signIn(as("alice", "s2"))
	b.wantEnded(EndMaximum, 0)
	b.browser().signIn(as("alice", "s3"))
	b.wantEnded(EndMaximum, 1)
}

func TestRevokeOtherSessions_CountsOnlyOwnDeletes(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	b.browser().signIn(as("alice", "s1"))
	b.browser().signIn(as("alice", "s2"))
	br.signIn(as("alice", "s3"))
	old := b.store.rows(t, "alice")[0]
	b.store.on("delete", func() {
		_, _ = b.store.InMemoryStore.DeleteUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: old.Key})
	})
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := b.RevokeOtherSessions(r.Context()); n != 1 || err != nil {
			t.Errorf("revoked %d sessions, %v; want 1", n, err)
		}
	})
	b.wantEnded(EndRevoked, 1)
	br.want("alice")
}

// A session that ends with its refresh token expires first. If cleanup deletes it then, or
// if the delete fails, cleanup counts it.
func TestEndSessionWithRefreshToken_CountsOnlyOwnDelete(t *testing.T) {
	for name, test := range map[string]struct {
		disturb func(b *testBFF)
		want    int64
	}{
		"undisturbed":          {func(*testBFF) {}, 1},
		"another host deletes": {func(b *testBFF) { b.store.on("delete", b.removeAll("alice")) }, 0},
		"delete fails":         {func(b *testBFF) { b.store.breakDown("delete") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, func(c *Config) { c.EndSessionWithRefreshToken = true })
				br := browsers[0]
				p.spent = map[string]bool{"secret-refresh-token": true}
				test.disturb(br.testBFF)
				_, _ = br.token(t.Context())
				time.Sleep(time.Minute)
				synctest.Wait()
				br.wantEnded(EndTokens, test.want)
				br.want("")
				if log := br.log.String(); strings.Contains(log, "a session that ended could not be deleted") != (name == "delete fails") {
					t.Errorf("the log: %s", log)
				}
			})
		})
	}
}

// keeping is a store in which the row with a session id cannot be deleted: a foreign key of
// the team's keeps it.
type keeping struct {
	*spy
	sessionID string
}

var errKept = errors.New("a foreign key keeps the row")

func (s keeping) kept(ctx context.Context, key bff.UserSessionKey) bool {
	row, err := s.InMemoryStore.GetUserSession(ctx, key)
	return err == nil && row.SessionID == s.sessionID
}

func (s keeping) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if s.kept(ctx, key) {
		return 0, errKept
	}
	return s.spy.DeleteUserSession(ctx, key)
}

func (s keeping) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if s.kept(ctx, key) {
		return 0, errKept
	}
	return s.spy.DeleteUserSessionVersion(ctx, key, version)
}

func TestRevokeOtherSessions_OneCannotBeDeleted(t *testing.T) {
	for _, revoker := range []TokenRevoker{nil, &provider{}} {
		b := newTestBFF(t, func(c *Config) {
			c.Store = keeping{c.Store.(*spy), "s2"}
			c.Revoker = revoker
		})
		var browsers []*browser
		for _, sessionID := range []string{"s1", "s2", "s3", "s4"} {
			br := b.browser()
			br.signIn(as("alice", sessionID))
			browsers = append(browsers, br)
		}
		browsers[3].visit(func(_ http.ResponseWriter, r *http.Request) {
			if n, err := b.RevokeOtherSessions(r.Context()); n != 2 || !errors.Is(err, errKept) {
				t.Errorf("%d, %v", n, err)
			}
		})
		browsers[0].want("")
		browsers[1].want("alice")
		browsers[2].want("")
		browsers[3].want("alice")
	}
}
