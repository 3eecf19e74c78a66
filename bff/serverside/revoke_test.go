package serverside

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

const notRevoked = "refresh tokens of ended sessions were not revoked"

// TestRevokeSessions_RequestsOwnSession: the rest of the request is signed out if its own session
// has ended, and only then.
func TestRevokeSessions_RequestsOwnSession(t *testing.T) {
	for name, test := range map[string]struct {
		filter bff.UserSessionsFilter
		ended  bool
	}{
		"its user":                 {bff.UserSessionsFilter{SubjectID: "alice"}, true},
		"its session id":           {bff.UserSessionsFilter{SessionID: "s1"}, true},
		"both":                     {bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}, true},
		"another user":             {bff.UserSessionsFilter{SubjectID: "bob"}, false},
		"another session id":       {bff.UserSessionsFilter{SessionID: "s2"}, false},
		"its user, another id":     {bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s2"}, false},
		"another user, its own id": {bff.UserSessionsFilter{SubjectID: "bob", SessionID: "s1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			b.browser().signIn(as("bob", "s2"))
			br := b.browser()
			br.signIn(as("alice", "s1"))
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				if _, err := b.RevokeSessions(r.Context(), test.filter); err != nil {
					t.Error(err)
				}
				if _, ok := FromContext(r.Context()); ok == test.ended {
					t.Errorf("the request is signed in: %t", ok)
				}
			})
		})
	}
}

// TestRevokeSessions_NothingLeftUnrevoked: no line of the log says that a refresh token was not
// revoked if there is no token, or nothing that revokes it.
func TestRevokeSessions_NothingLeftUnrevoked(t *testing.T) {
	for name, test := range map[string]struct {
		revoker TokenRevoker
		token   string
	}{"no Revoker": {nil, "refresh"}, "no refresh token": {&provider{}, ""}, "revoked": {&provider{}, "refresh"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBFF(t, func(c *Config) { c.Revoker = test.revoker })
				tk := alice()
				tk.RefreshToken = test.token
				b.browser().signIn(tk)
				if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				b.settle()
				if log := b.log.String(); strings.Contains(log, notRevoked) || strings.Contains(log, "could not all be read") {
					t.Errorf("the log: %s", log)
				}
			})
		})
	}
}

// hangingReads is a store whose reads of single rows last until their context ends.
type hangingReads struct{ *spy }

func (hangingReads) GetUserSession(ctx context.Context, _ bff.UserSessionKey) (bff.UserSession, error) {
	return bff.UserSession{}, hang(ctx)
}

// TestRevokeSessions_ReadsHang: half of StoreTimeout is left for the statement that ends the
// sessions.
func TestRevokeSessions_ReadsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBFF(t, func(c *Config) { c.Revoker = &provider{} })
		b.browser().signIn(as("alice", "s1"))
		b.browser().signIn(as("alice", "s2"))
		b.cfg.Store = hangingReads{b.store}
		begin := time.Now()
		if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if took := time.Since(begin); took != b.cfg.StoreTimeout/2 {
			t.Errorf("it took %v", took)
		}
		log := b.log.String()
		if !strings.Contains(log, "the refresh tokens of sessions that end could not all be read") || !strings.Contains(log, notRevoked+`","count":2`) {
			t.Errorf("the log: %s", log)
		}
	})
}

// partly is a store that ends one of the sessions that match a filter, and then fails.
type partly struct{ keeping }

func (s partly) DeleteUserSessions(ctx context.Context, partition string, f bff.UserSessionsFilter) (int64, error) {
	n, err := s.keeping.DeleteUserSessions(ctx, partition, bff.UserSessionsFilter{SubjectID: f.SubjectID, SessionID: "s3"})
	return n, errors.Join(err, errDown)
}

// TestRevokeSessions_SomeEnded: the number counts the sessions that have ended also beside an error.
func TestRevokeSessions_SomeEnded(t *testing.T) {
	for name, test := range map[string]struct {
		inTransaction bool
		n             int64
		err           error
	}{"no transaction": {false, 2, errDown}, "transaction": {true, 1, errKept}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBFF(t, func(c *Config) {
					c.Store = partly{keeping{c.Store.(*spy), "s2"}}
					c.Revoker = &provider{}
				})
				for _, sessionID := range []string{"s1", "s2", "s3", "s4"} {
					b.browser().signIn(as("alice", sessionID))
				}
				b.store.onNth(2, "delete", func() { b.store.breakDown("delete") }) // after s1
				s := b.Sessions
				if test.inTransaction {
					s, _ = b.WithStore(b.cfg.Store)
				}
				if n, err := s.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != test.n || !errors.Is(err, test.err) {
					t.Errorf("%d, %v, want %d, %v", n, err, test.n, test.err)
				}
				b.settle()
			})
		})
	}
}

func TestSubjectOfSession(t *testing.T) {
	b := newTestBFF(t)
	b.browser().signIn(as("alice", "s1"))
	if subject, found, err := b.SubjectOfSession(t.Context(), "s1"); subject != "alice" || !found || err != nil {
		t.Errorf("%q, %t, %v", subject, found, err)
	}
	if subject, found, err := b.SubjectOfSession(t.Context(), "s2"); subject != "" || found || err != nil {
		t.Errorf("a session id that no session has: %q, %t, %v", subject, found, err)
	}
	b.store.breakDown("list")
	if subject, found, err := b.SubjectOfSession(t.Context(), "s1"); subject != "" || found || !errors.Is(err, errDown) {
		t.Errorf("the database is down: %q, %t, %v", subject, found, err)
	}
	b.store.breakDown()
	b.clock.pass(time.Hour)
	if _, found, err := b.SubjectOfSession(t.Context(), "s1"); found || err != nil {
		t.Errorf("the session has expired: %t, %v", found, err)
	}
}

// TestRevokeSessions_ContextEndsAfterwards: without the middleware too, the revocation outlives the
// context that asked for the end of the sessions.
func TestRevokeSessions_ContextEndsAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &ctxRevoker{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		b.browser().signIn(alice())
		ctx, cancel := context.WithCancel(t.Context())
		if n, err := b.RevokeSessions(ctx, bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		cancel()
		p.want(t, "secret-refresh-token")
	})
}

// TestRevokeSessions_AfterHandler: a goroutine that outlives its handler revokes tokens, too.
func TestRevokeSessions_AfterHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		br := b.browser()
		br.signIn(alice())
		var ctx context.Context
		br.visit(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })
		if n, err := b.RevokeSessions(ctx, bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		p.want(t, "secret-refresh-token")
	})
}

// failingRevoker notes the tokens, and fails for those that begin with a minus.
type failingRevoker struct{ provider }

func (p *failingRevoker) RevokeRefreshToken(ctx context.Context, token string) error {
	_ = p.provider.RevokeRefreshToken(ctx, token)
	if strings.HasPrefix(token, "-") {
		return errDown
	}
	return nil
}

// TestRevocations_FailuresInARow: the rest is given up after a number of failures without a success
// between them. Then there is room again for other revocations.
func TestRevocations_FailuresInARow(t *testing.T) {
	failing := slices.Repeat([]string{"-"}, maxRevocationFailures-1)
	for name, test := range map[string]struct {
		tokens []string
		calls  int
		log    string // on what was not revoked
	}{
		"one fewer":            {failing, maxRevocationFailures - 1, ""},
		"as many":              {slices.Concat(failing, []string{"-"}), maxRevocationFailures, ""},
		"more":                 {slices.Concat(failing, []string{"-", "a", "b"}), maxRevocationFailures, `"count":2,"reason":"the provider fails"`},
		"a success in between": {slices.Concat(failing, []string{"a"}, failing, []string{"b"}), 2 * maxRevocationFailures, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &failingRevoker{}
				b := newTestBFF(t, func(c *Config) { c.Revoker = p })
				for range maxRevocations - 1 { // so that the tokens are revoked one by one
					b.revocations.slots <- struct{}{}
				}
				b.revokeAll(t.Context(), test.tokens)
				if len(p.revoked) != test.calls {
					t.Errorf("the provider was asked %d times, want %d", len(p.revoked), test.calls)
				}
				if log := b.log.String(); strings.Contains(log, notRevoked) != (test.log != "") || !strings.Contains(log, test.log) {
					t.Errorf("the log: %s", log)
				}
				if waiting, busy := b.revocations.waiting.Load(), len(b.revocations.slots); waiting != 0 || busy != maxRevocations-1 {
					t.Errorf("%d tokens count as waiting, and %d revocations as running", waiting, busy)
				}
			})
		})
	}
}

// TestRevocations_TooManyWait: tokens beyond the maximum are not revoked, and their number is logged.
func TestRevocations_TooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		b.revocations.waiting.Store(maxWaitingRevocations - 1)
		b.revokeAll(t.Context(), []string{"a", "b", "c"})
		p.want(t, "a")
		if log := b.log.String(); !strings.Contains(log, notRevoked+`","count":2,"reason":"too many wait"`) {
			t.Errorf("the log: %s", log)
		}
		if waiting := b.revocations.waiting.Load(); waiting != maxWaitingRevocations-1 {
			t.Errorf("%d tokens count as waiting", waiting)
		}
	})
}
