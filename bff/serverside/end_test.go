package serverside

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

// TestSignOut_TwoCookies: two is the smallest number of several.
func TestSignOut_TwoCookies(t *testing.T) {
	b := newTestBFF(t)
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", "s1"))
	two.signIn(as("alice", "s2"))
	r := one.request("/")
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: two.cookies[DefaultCookieName]})
	if err := b.SignOut(httptest.NewRecorder(), r); err != nil {
		t.Error(err)
	}
	if rows := b.store.rows(t, "alice"); len(rows) > 0 {
		t.Errorf("%d sessions are left", len(rows))
	}
}

// signOutAfter signs out, after a change of the store while the handler runs.
func (br *browser) signOutAfter(change func()) {
	br.t.Helper()
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		change()
		br.store.reset()
		if err := br.SignOut(w, r); err != nil {
			br.t.Errorf("sign-out: %v", err)
		}
	})
	br.settle()
}

const tokenMayLive = "a newer refresh token than the one that was read may remain valid"

// TestSignOut_TokenThatMayLive: a warning is logged when a session ends whose refresh token is
// not known, and only then. The session is read once.
func TestSignOut_TokenThatMayLive(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(b *testBFF)
		warnings int
		ended    int64
	}{
		"a session": {func(*testBFF) {}, 0, 1},
		"one that has ended before": {func(b *testBFF) {
			_, _ = b.store.InMemoryStore.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
		}, 0, 0},
		"one that cannot be read": {func(b *testBFF) { b.store.breakDown("get") }, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.Revoker = &provider{} })
			br := b.browser()
			br.signIn(alice())
			br.signOutAfter(func() { test.change(b) })
			if rows := b.store.rows(t, "alice"); len(rows) > 0 {
				t.Errorf("%d sessions are left", len(rows))
			}
			if n := b.store.count("get"); n != 1 {
				t.Errorf("the session was read %d times", n)
			}
			b.wantEnded(EndSignOut, test.ended)
			if test.ended > 0 && !strings.Contains(b.log.String(), `"reason":"sign_out","count":1,"subject_id":"alice"`) {
				t.Errorf("the user's sign-out is not in the log: %s", b.log.String())
			}
			if n := strings.Count(b.log.String(), tokenMayLive); n != test.warnings {
				t.Errorf("%d warnings, want %d: %s", n, test.warnings, b.log.String())
			}
		})
	}
}

// TestSignOut_AnotherHostWasFirst: the user asked for the end, so that the token that was read is
// revoked, whichever host has deleted the session.
func TestSignOut_AnotherHostWasFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		br := b.browser()
		br.signIn(alice())
		br.signOutAfter(func() {
			b.store.on("delete", func() {
				if n, err := b.store.InMemoryStore.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			})
		})
		p.want(t, "secret-refresh-token")
		b.wantEnded(EndSignOut, 0)
	})
}

// TestSignOut_TicketForgotten: the process keeps no tokens of a session that has ended.
func TestSignOut_TicketForgotten(t *testing.T) {
	for name, revoker := range map[string]TokenRevoker{"no revoker": nil, "revoker": &provider{}} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.Revoker = revoker })
			br := b.browser()
			br.signIn(alice())
			br.want("alice")
			row := b.store.rows(t, "alice")[0]
			if _, ok := b.tickets.get(row); !ok {
				t.Fatal("the ticket is not remembered: the test proves nothing")
			}
			br.signOutAfter(func() {})
			if _, ok := b.tickets.get(row); ok {
				t.Error("the ticket is still remembered")
			}
		})
	}
}

// TestSignOut_ContextEnds: when the browser has gone, the sessions that are left are not tried one
// by one.
func TestSignOut_ContextEnds(t *testing.T) {
	b := newTestBFF(t)
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", "s1"))
	two.signIn(as("alice", "s2"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.store.breakDown("delete")
	b.store.on("delete", cancel)
	if err := b.SignOut(httptest.NewRecorder(), twoCookies(one, two).WithContext(ctx)); !errors.Is(err, errDown) {
		t.Errorf("SignOut: %v", err)
	}
	if n := b.store.count("delete"); n != 1 {
		t.Errorf("%d deletes were tried, want 1", n)
	}
}

// TestRevokeSessions_UnreadableTicket: such a session ends like another.
func TestRevokeSessions_UnreadableTicket(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.Revoker = &provider{} })
	b.browser().signIn(alice())
	row := b.store.rows(t, "alice")[0]
	u := bff.UserSessionUpdate{
		SubjectID: row.SubjectID, SessionID: row.SessionID, Created: row.Created, Renewed: row.Renewed, Expires: row.Expires, Ticket: []byte("no ticket"),
	}
	if err := b.store.InMemoryStore.UpdateUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: row.Key}, u); err != nil {
		t.Fatal(err)
	}
	if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	b.settle()
}

// A swappingStore answers every read with one row.
type swappingStore struct {
	*spy
	row *bff.UserSession
}

func (s swappingStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if s.row.Key != "" {
		return *s.row, nil
	}
	return s.spy.GetUserSession(ctx, key)
}

// TestSignOut_RowOfAnotherSession: a ticket is bound to the key that was asked for, so that a
// sign-out does not revoke another user's token, whatever the store answers.
func TestSignOut_RowOfAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := &provider{}, &bff.UserSession{}
		var store *spy
		b := newTestBFF(t, func(c *Config) {
			store = c.Store.(*spy)
			c.Store, c.Revoker = swappingStore{store, other}, p
		})
		b.browser().signIn(as("bob", "s2"))
		br := b.browser()
		br.signIn(as("alice", "s1"))
		br.signOutAfter(func() { *other = store.rows(t, "bob")[0] })
		if rows := store.rows(t, "alice"); len(rows) > 0 {
			t.Errorf("%d sessions are left", len(rows))
		}
		p.want(t)
	})
}

// TestBackchannelLogout_LocalSessionsFail: the provider must deliver the token again if the
// sessions that it cannot name have not ended.
func TestBackchannelLogout_LocalSessionsFail(t *testing.T) {
	for name, test := range map[string]struct {
		revoker   TokenRevoker
		operation string
	}{
		"no revoker": {nil, "delete"}, "revoker": {&provider{}, "delete"},
		"no revoker, they cannot be read": {nil, "list"}, "revoker, they cannot be read": {&provider{}, "list"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBFF(t, func(c *Config) { c.Revoker = test.revoker })
				b.browser().signIn(as("alice", ""))
				b.store.breakDown(test.operation)
				filter := bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}
				if n, err := b.BackchannelLogout(t.Context(), filter); n != 0 || !errors.Is(err, errDown) || !strings.HasPrefix(err.Error(), "serverside: ending sessions: ") {
					t.Errorf("%d, %v", n, err)
				}
				b.store.breakDown()
				if n, err := b.BackchannelLogout(t.Context(), filter); n != 1 || err != nil {
					t.Errorf("the second delivery: %d, %v", n, err)
				}
				b.settle()
			})
		})
	}
}

// TestBackchannelLogout_RequestsOwnLocalSession: the rest of the request is signed out.
func TestBackchannelLogout_RequestsOwnLocalSession(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(as("alice", ""))
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := b.BackchannelLogout(r.Context(), bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the request is still signed in")
		}
	})
}

// TestSignIn_EndedByLogoutIsLogged: otherwise the user's failed sign-in has no visible cause.
func TestSignIn_EndedByLogoutIsLogged(t *testing.T) {
	b := newTestBFF(t)
	tk := as("alice", "s1")
	tk.IDTokenIssuedAt = b.clock.Now()
	if err := b.RecordLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, b.clock.plus(time.Second), b.clock.plus(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if _, err := b.SignIn(httptest.NewRecorder(), r, tk); !errors.Is(err, ErrLoggedOut) {
		t.Errorf("SignIn: %v", err)
	}
	if log := b.log.String(); !strings.Contains(log, `a back-channel logout has ended a sign-in under way","subject_id":"alice","session_id":"s1"`) {
		t.Errorf("the log: %s", log)
	}
	b.settle()
}
