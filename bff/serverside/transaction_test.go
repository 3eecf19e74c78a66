package serverside

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// Alice's browser has the session here, and another one the session phone.
var transactions = map[string]struct {
	do   func(t *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error
	want outcome // of a commit
}{
	"SignIn": {
		do: func(_ *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			_, err := tx.SignIn(w, r, of("carol", "new"))
			return err
		},
		want: outcome{user: "carol", cookies: "set", device: "Firefox", started: 1, ended: map[EndReason]int64{EndReplaced: 1},
			left: []string{"phone", "bob's", "new"}},
	},
	"SignIn, end all others": {
		do: func(t *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			_, err := tx.SignIn(w, r, of("alice", "new"))
			n, err2 := tx.RevokeOtherSessions(r.Context())
			if n != 1 {
				t.Errorf("ended %d other sessions", n)
			}
			return errors.Join(err, err2)
		},
		want: outcome{user: "alice", cookies: "set", device: "Firefox", started: 1, ended: map[EndReason]int64{EndReplaced: 1, EndRevoked: 1},
			left: []string{"new", "bob's"}, revoked: []string{"of phone"}},
	},
	"SignIn beyond the maximum": {
		do: func(_ *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			_, err := tx.SignIn(w, r, of("bob", "new"))
			return err
		},
		want: outcome{user: "bob", cookies: "set", device: "Firefox", started: 1, ended: map[EndReason]int64{EndReplaced: 1, EndMaximum: 1},
			left: []string{"phone", "new"}, revoked: []string{"of bob's"}},
	},
	"SignIn fails": {
		do: func(_ *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			tx.cfg.Store.(*transactionStore).breakDown("delete") // of the replaced session
			if _, err := tx.SignIn(w, r, of("carol", "new")); !errors.Is(err, errDown) {
				return errors.New("signed in")
			}
			return nil
		},
		want: outcome{user: "alice", device: "Firefox", left: []string{"here", "phone", "bob's"}, revoked: []string{"of new"}},
	},
	"SignOut": {
		do: func(_ *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			return tx.SignOut(w, r)
		},
		want: outcome{cookies: "deleted", ended: map[EndReason]int64{EndSignOut: 1}, left: []string{"phone", "bob's"}, revoked: []string{"of here"}},
	},
	"SignIn, SignOut": {
		do: func(_ *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			_, err := tx.SignIn(w, r, of("carol", "new"))
			return errors.Join(err, tx.SignOut(w, r))
		},
		want: outcome{cookies: "deleted", started: 1, ended: map[EndReason]int64{EndReplaced: 1, EndSignOut: 1},
			left: []string{"phone", "bob's"}, revoked: []string{"of new"}},
	},
	"RevokeSessions": {
		do: func(t *testing.T, tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			n, err := tx.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
			if _, ok := tx.Ticket(r.Context()); ok || n != 2 {
				t.Errorf("ended %d; signed in within the transaction: %v", n, ok)
			}
			if token, err := tx.AccessToken(r.Context()); token != "" || !errors.Is(err, ErrNoSession) {
				t.Errorf("AccessToken: %q, %v", token, err)
			}
			return err
		},
		want: outcome{ended: map[EndReason]int64{EndRevoked: 2}, left: []string{"bob's"}, revoked: []string{"of here", "of phone"}},
	},
	"BackchannelLogout": {
		do: func(_ *testing.T, tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			return errOf(tx.BackchannelLogout(r.Context(), bff.UserSessionsFilter{SessionID: "phone"}))
		},
		want: outcome{user: "alice", device: "Firefox", ended: map[EndReason]int64{EndBackchannel: 1}, left: []string{"here", "bob's"}, revoked: []string{"of phone"}},
	},
	"RevokeOtherSessions": {
		do: func(_ *testing.T, tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			return errOf(tx.RevokeOtherSessions(r.Context()))
		},
		want: outcome{user: "alice", device: "Firefox", ended: map[EndReason]int64{EndRevoked: 1}, left: []string{"here", "bob's"}, revoked: []string{"of phone"}},
	},
	"Update": {
		do: func(t *testing.T, tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			err := tx.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Properties["device"] = "renamed"; return nil })
			tk, _ := tx.Ticket(r.Context())
			session, err2 := tx.Reload(r.Context())
			if tk.Properties["device"] != "renamed" || session.Properties["device"] != "renamed" {
				t.Errorf("within the transaction: %v, %v", tk.Properties, session.Properties)
			}
			return errors.Join(err, err2)
		},
		want: outcome{user: "alice", device: "renamed", left: []string{"here", "phone", "bob's"}},
	},
	"UserSessions": {
		do: func(t *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			_, err := tx.SignIn(w, r, of("alice", "new"))
			sessions, err2 := tx.UserSessions(r.Context(), "alice")
			if len(sessions) != 2 || !sessions[1].Current || sessions[1].SessionID != "new" || sessions[0].Current {
				t.Errorf("%+v", sessions)
			}
			return errors.Join(err, err2)
		},
		want: outcome{user: "alice", cookies: "set", device: "Firefox", started: 1, ended: map[EndReason]int64{EndReplaced: 1},
			left: []string{"phone", "new", "bob's"}},
	},
	"nested": {
		do: func(t *testing.T, tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			inner, committed := tx.WithStore(tx.cfg.Store)
			err := inner.SignOut(w, r)
			if _, ok := tx.Ticket(r.Context()); !ok {
				t.Error("signed out of the outer transaction before the inner one was committed")
			}
			committed()
			if _, ok := tx.Ticket(r.Context()); ok {
				t.Error("still signed in within the outer transaction")
			}
			return err
		},
		want: outcome{cookies: "deleted", ended: map[EndReason]int64{EndSignOut: 1}, left: []string{"phone", "bob's"}, revoked: []string{"of here"}},
	},
}

// TestWithStore: before the commit, and after a rollback, nothing happens outside of the
// transaction. After the commit everything happens once. Nothing uses the store of the
// transaction after its end.
func TestWithStore(t *testing.T) {
	for name, test := range transactions {
		for _, commit := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", commit", false: ", rollback"}[commit], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := &provider{}
					b := newTestBFF(t, func(c *Config) { c.Revoker, c.MaxSessionsPerUser = p, 2 })
					browser, phone, bobs := b.browser(), b.browser(), b.browser()
					browser.signIn(of("alice", "here"))
					phone.signIn(of("alice", "phone"))
					bobs.signIn(of("bob", "bob's"))
					b.tally.started, b.cfg.MaxSessionsPerUser = 0, 2
					if name == "SignIn beyond the maximum" {
						b.cfg.MaxSessionsPerUser = 1
					}
					b.log.b.Reset()
					nothing := outcome{user: "alice", device: "Firefox", left: []string{"here", "phone", "bob's"}}
					want := nothing
					w, r := httptest.NewRecorder(), browser.request("/")
					b.Middleware(http.HandlerFunc(func(w2 http.ResponseWriter, r2 *http.Request) {
						r = r2
						store := b.begin()
						tx, committed := b.WithStore(store)
						if err := test.do(t, tx, w2, r); err != nil {
							t.Error(err)
						}
						time.Sleep(2 * revocationDelay)
						synctest.Wait()
						before := b.outcome(w, r, p)
						before.left = nothing.left // the store does not isolate the transaction
						before.check(t, "before the end", nothing)
						if !commit {
							store.rollback(t)
							store.reset()
							return
						}
						want = test.want
						want.logged = want.started > 0 || len(want.ended) > 0
						store.end()
						store.reset()
						committed()
						committed()
						if n := len(store.calls); n > 0 {
							t.Errorf("the store of the transaction was used after its end: %v", store.calls)
						}
					})).ServeHTTP(w, r)
					b.settle()
					b.outcome(w, r, p).check(t, "in the end", want)
					if log := b.log.String(); strings.Contains(log, errEnded.Error()) {
						t.Errorf("the log: %s", log)
					}
				})
			})
		}
	}
}

// TestWithStore_AccessToken: within a transaction a valid token is returned, also if a refresh
// is due, and no token is refreshed.
func TestWithStore_AccessToken(t *testing.T) {
	for name, test := range map[string]struct {
		expires time.Duration
		want    error
	}{"valid": {time.Hour, nil}, "due": {10 * time.Second, nil}, "expired": {-time.Second, errNoRefresh}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, nil)
				br := browsers[0]
				tk := alice()
				tk.AccessTokenObtained, tk.AccessTokenExpires = time.Now().Add(-time.Hour), time.Now().Add(test.expires)
				br.signIn(tk)
				br.visit(func(_ http.ResponseWriter, r *http.Request) {
					tx, committed := br.WithStore(br.store)
					if token, err := tx.AccessToken(r.Context()); !errors.Is(err, test.want) || (token == "") != (err != nil) {
						t.Errorf("%q, %v", token, err)
					}
					if err := tx.RefreshTokens(r.Context()); !errors.Is(err, errNoRefresh) {
						t.Errorf("RefreshTokens: %v", err)
					}
					committed()
				})
				if p.calls > 0 {
					t.Errorf("%d refreshes", p.calls)
				}
			})
		})
	}
}

// TestWithStore_CommittedTooLate: the cookie cannot be sent any more, so that the session is
// taken back, outside of the transaction.
func TestWithStore_CommittedTooLate(t *testing.T) {
	p := &provider{}
	b := newTestBFF(t, func(c *Config) { c.Revoker = p })
	br := b.browser()
	response := br.visit(func(w http.ResponseWriter, r *http.Request) {
		store := b.begin()
		tx, committed := b.WithStore(store)
		if _, err := tx.SignIn(w, r, of("alice", "new")); err != nil {
			t.Error(err)
		}
		store.end()
		w.WriteHeader(http.StatusOK)
		committed()
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the request is signed in")
		}
		if _, err := tx.SignIn(w, r, of("alice", "newer")); !errors.Is(err, errResponseBegun) {
			t.Errorf("SignIn: %v", err)
		}
	})
	b.settle()
	if rows := b.store.rows(t, "alice"); len(rows) > 0 || len(response.Cookies()) > 0 || b.tally.started > 0 {
		t.Errorf("%d sessions, cookies %v, %d started", len(rows), response.Cookies(), b.tally.started)
	}
	if log := b.log.String(); !slices.Equal(p.revoked, []string{"of new"}) || !strings.Contains(log, "the response has begun") {
		t.Errorf("revoked %q; the log: %s", p.revoked, log)
	}
}

// TestWithStore_ServesRequests: the Middleware, the UserHandler and Run of tx are those of s.
func TestWithStore_ServesRequests(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.EnableSessionCleanup = true })
	br := b.browser()
	br.signIn(alice())
	tx, _ := b.WithStore(plain{&transactionStore{}}) // panics when it is used
	w := httptest.NewRecorder()
	tx.Middleware(tx.UserHandler()).ServeHTTP(w, br.request("/"))
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	w = httptest.NewRecorder()
	tx.UserHandler().ServeHTTP(w, br.request("/"))
	if w.Code != http.StatusOK {
		t.Errorf("the user endpoint alone: status %d", w.Code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tx.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestWithStore_WithoutMiddleware: an operator's page or a job has no request of the user's.
func TestWithStore_WithoutMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		b.browser().signIn(of("alice", "here"))
		tx, committed := b.WithStore(b.begin())
		if n, err := tx.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		p.want(t)
		b.wantEnded(EndRevoked, 0)
		committed()
		if err := tx.Shutdown(t.Context()); err != nil || len(p.revoked) != 1 {
			t.Errorf("Shutdown: %v, before the revocation", err)
		}
		p.want(t, "of here")
		b.wantEnded(EndRevoked, 1)
	})
}

// TestWithStore_SlowReads: within a transaction no statement is cut off to read tokens, which
// would end the transaction; the rest is deleted in time.
func TestWithStore_SlowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		for _, sid := range []string{"s1", "s2", "s3", "s4"} {
			b.browser().signIn(of("alice", sid))
		}
		store := &slowStore{transactionStore: b.begin()}
		tx, committed := b.WithStore(store)
		if n, err := tx.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 4 || err != nil || store.cutOff {
			t.Errorf("%d, %v; a statement was cut off: %v", n, err, store.cutOff)
		}
		committed()
		b.wantEnded(EndRevoked, 4)
		p.want(t, "of s1", "of s2")
		if log := b.log.String(); !strings.Contains(log, "were not revoked") {
			t.Errorf("the log: %s", log)
		}
	})
}

func TestWithStore_SeveralCookies(t *testing.T) {
	b := newTestBFF(t)
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", "s1"))
	two.signIn(as("alice", "s2"))
	b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tx, committed := b.WithStore(b.begin())
		if err := tx.SignOut(w, r); err != nil {
			t.Error(err)
		}
		if log := b.log.String(); strings.Contains(log, "several session cookies") {
			t.Errorf("logged before the commit: %s", log)
		}
		committed()
		b.wantEnded(EndSignOut, 2)
		b.store.reset()
		if err := b.SignOut(w, r); err != nil || len(b.store.calls) > 0 {
			t.Errorf("signing out again: %v, calls %v", err, b.store.calls)
		}
	})).ServeHTTP(httptest.NewRecorder(), twoCookies(one, two))
}

// TestWithStore_LogoutBeforeCommit: a back-channel logout does not see the session of a
// transaction that is not committed yet. The session ends with the commit.
func TestWithStore_LogoutBeforeCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		tk := of("alice", "s1")
		tk.IDTokenIssuedAt = b.clock.Now()
		b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
			tx := b.begin()
			inTx, committed := b.WithStore(tx)
			if _, err := inTx.SignIn(w, r, tk); err != nil {
				t.Fatal(err)
			}
			if err := b.RecordLogout(r.Context(), bff.UserSessionsFilter{SessionID: "s1"}, b.clock.Now(), b.clock.plus(noteTime)); err != nil {
				t.Error(err)
			}
			tx.end()
			committed()
			if _, ok := FromContext(r.Context()); ok || len(w.Header()["Set-Cookie"]) > 0 {
				t.Error("the request is signed in")
			}
		})
		b.settle()
		if rows := b.store.rows(t, "alice"); len(rows) > 0 {
			t.Error("the session has survived the logout")
		}
		p.want(t, tk.RefreshToken)
	})
}
