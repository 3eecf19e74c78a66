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
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/wait"
)

// A vanishedStore is a database that has vanished without a reset: every operation hangs
// until its context ends.
type vanishedStore struct{ bff.UserSessionStore }

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (vanishedStore) GetUserSession(ctx context.Context, _ bff.UserSessionKey) (bff.UserSession, error) {
	return bff.UserSession{}, hang(ctx)
}
func (vanishedStore) CreateUserSession(ctx context.Context, _ bff.UserSession) error {
	return hang(ctx)
}
func (vanishedStore) UpdateUserSession(ctx context.Context, _ bff.UserSessionKey, _ bff.UserSessionUpdate) error {
	return hang(ctx)
}
func (vanishedStore) DeleteUserSession(ctx context.Context, _ bff.UserSessionKey) (int64, error) {
	return 0, hang(ctx)
}
func (vanishedStore) GetUserSessions(ctx context.Context, _ string, _ bff.UserSessionsFilter) ([]bff.UserSession, error) {
	return nil, hang(ctx)
}
func (vanishedStore) DeleteUserSessions(ctx context.Context, _ string, _ bff.UserSessionsFilter) (int64, error) {
	return 0, hang(ctx)
}

// TestStoreTimeout_EveryEntryPoint: with a database that has vanished, every method ends within
// one StoreTimeout, although the request has no deadline.
func TestStoreTimeout_EveryEntryPoint(t *testing.T) {
	for name, call := range map[string]func(b *testBFF, w http.ResponseWriter, r *http.Request) error{
		"SignIn": func(b *testBFF, w http.ResponseWriter, r *http.Request) error {
			_, err := b.SignIn(w, r, as("alice", "another"))
			return err
		},
		"SignOut": func(b *testBFF, w http.ResponseWriter, r *http.Request) error { return b.SignOut(w, r) },
		"Update": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
			return b.Update(r.Context(), func(*ticket.Ticket) error { return nil })
		},
		"UserSessions": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
			_, err := b.UserSessions(r.Context(), "alice")
			return err
		},
		"RevokeSessions": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
			return errOf(b.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"}))
		},
		"RevokeOtherSessions": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
			return errOf(b.RevokeOtherSessions(r.Context()))
		},
		"BackchannelLogout": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
			return errOf(b.BackchannelLogout(r.Context(), bff.UserSessionsFilter{SessionID: "s"}))
		},
		"SubjectOfSession": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
			_, _, err := b.SubjectOfSession(r.Context(), "s")
			return err
		},
		"RefreshTokens": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error { return b.RefreshTokens(r.Context()) },
	} {
		for _, revoker := range []TokenRevoker{nil, &provider{}} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newTestBFF(t, func(c *Config) { c.Revoker, c.Refresher = revoker, &provider{}; c.MaxSessionsPerUser = 3 })
					br := b.browser()
					br.signIn(alice())
					br.visit(func(w http.ResponseWriter, r *http.Request) {
						b.cfg.Store = vanishedStore{}
						begin := time.Now()
						err := call(b, w, r)
						if !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("%v, want the deadline's error", err)
						} else if !strings.HasPrefix(err.Error(), "serverside: ") && name != "SubjectOfSession" { // package backchannel names it
							t.Errorf("%q does not name the package", err)
						}
						if took := time.Since(begin); took > b.cfg.StoreTimeout {
							t.Errorf("it took %v", took)
						}
					})
					b.settle()
				})
			})
		}
	}
}

// TestErrorHandler: the middleware and the user endpoint answer within StoreTimeout, with
// status 503 or as the application wants, and never cached.
func TestErrorHandler(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request, err error) {
		w.WriteHeader(http.StatusBadGateway)
		if errors.Is(err, context.DeadlineExceeded) {
			_, _ = w.Write([]byte("back soon"))
		}
	}
	for _, c := range []struct {
		handler func(http.ResponseWriter, *http.Request, error)
		status  int
		body    string
	}{{nil, 503, "Service Unavailable\n"}, {page, 502, "back soon"}} {
		synctest.Test(t, func(t *testing.T) {
			b := newTestBFF(t, func(c2 *Config) { c2.ErrorHandler = c.handler })
			br := b.browser()
			br.signIn(alice())
			b.cfg.Store = vanishedStore{}
			for name, handler := range map[string]http.Handler{
				"middleware": b.Middleware(http.NotFoundHandler()), "user endpoint": b.UserHandler(),
			} {
				begin, w := time.Now(), httptest.NewRecorder()
				handler.ServeHTTP(w, br.request("/"))
				if took := time.Since(begin); took != DefaultStoreTimeout {
					t.Errorf("%s: the answer took %v", name, took)
				}
				if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Cache-Control") != "no-store" || len(w.Result().Cookies()) > 0 {
					t.Errorf("%s: %d %q %v", name, w.Code, w.Body, w.Header())
				}
			}
		})
	}
}

// A slowRevoker takes its time, and notes when it was asked for which token.
type slowRevoker struct {
	provider
	delay time.Duration
	at    []time.Time
}

func (p *slowRevoker) RevokeRefreshToken(ctx context.Context, token string) error {
	p.mu.Lock()
	p.at = append(p.at, time.Now())
	p.mu.Unlock()
	if err := wait.For(ctx, p.delay); err != nil {
		return err
	}
	return p.provider.RevokeRefreshToken(ctx, token)
}

// TestSignOut_RevocationInBackground: a sign-out does not wait for a provider that hangs. The
// provider is asked after the handler has returned; without the middleware, after a second.
func TestSignOut_RevocationInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowRevoker{delay: time.Hour}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		br := b.browser()
		br.signIn(alice())
		begin := time.Now()
		br.visit(func(w http.ResponseWriter, r *http.Request) {
			if err := b.SignOut(w, r); err != nil || time.Since(begin) != 0 {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
			time.Sleep(3 * time.Second) // the handler goes on
		})
		b.settle()
		if len(p.at) != 1 || p.at[0].Sub(begin) != 3*time.Second {
			t.Errorf("the provider was asked at %v, want once after the handler", p.at)
		}
		if took := time.Since(begin); took != 3*time.Second+b.cfg.TokenTimeout {
			t.Errorf("the revocation ended after %v", took)
		}

		br.signIn(as("alice", "s2"))
		begin = time.Now()
		if n, err := b.RevokeSessions(context.WithoutCancel(t.Context()), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil || time.Since(begin) != 0 {
			t.Errorf("%d, %v after %v", n, err, time.Since(begin))
		}
		b.settle()
		if len(p.at) != 2 || p.at[1].Sub(begin) != revocationDelay {
			t.Errorf("the provider was asked at %v, want after %v", p.at, revocationDelay)
		}
	})
}

// TestEnd_RevokesTokenInRow: when another host refreshes between the read and the delete,
// the refresh token that was in the row when it went is revoked, on every kind of store.
func TestEnd_RevokesTokenInRow(t *testing.T) {
	for _, kind := range []string{"delete by version", "six operations"} {
		for name, end := range map[string]func(b *testBFF, w http.ResponseWriter, r *http.Request) error{
			"SignOut": func(b *testBFF, w http.ResponseWriter, r *http.Request) error { return b.SignOut(w, r) },
			"RevokeSessions": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
				return errOf(b.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"}))
			},
			"BackchannelLogout": func(b *testBFF, _ http.ResponseWriter, r *http.Request) error {
				return errOf(b.BackchannelLogout(r.Context(), bff.UserSessionsFilter{SessionID: "idp-session"}))
			},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, browsers := fleet(t, 2, nil)
					operation := "delete"
					if kind == "six operations" {
						browsers[0].cfg.Store, operation = plain{browsers[0].store}, "update"
					}
					browsers[0].store.on(operation, func() {
						if token, err := browsers[1].token(t.Context()); token != "access-1" || err != nil {
							t.Errorf("%q, %v", token, err)
						}
					})
					browsers[0].visit(func(w http.ResponseWriter, r *http.Request) {
						if err := end(browsers[0].testBFF, w, r); err != nil {
							t.Error(err)
						}
					})
					browsers[1].want("")
					p.want(t, "refresh-1")
					if rows := browsers[0].store.rows(t, "alice"); len(rows) > 0 {
						t.Errorf("%d rows are left", len(rows))
					}
				})
			})
		}
	}
}

// lostDelete deletes the row, but the caller gets an error.
type lostDelete struct{ *spy }

func (s lostDelete) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if _, err := s.spy.DeleteUserSessionVersion(ctx, key, version); err != nil {
		return 0, err
	}
	return 0, errDown
}

// TestSignOut_LostAnswer: the user asked for the end, so the token that was read is revoked.
// The log says that a newer token may live.
func TestSignOut_LostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		br := browsers[0]
		br.cfg.Store = lostDelete{br.store}
		br.visit(func(w http.ResponseWriter, r *http.Request) {
			if err := br.SignOut(w, r); !errors.Is(err, errDown) {
				t.Errorf("SignOut: %v", err)
			}
		})
		p.want(t, "secret-refresh-token")
		if log := br.log.String(); !strings.Contains(log, "a newer refresh token") || strings.Contains(log, "secret-") {
			t.Errorf("the log: %s", log)
		}
		br.visit(func(w http.ResponseWriter, r *http.Request) { // the user tries again
			if err := br.SignOut(w, r); err != nil {
				t.Errorf("SignOut again: %v", err)
			}
		})
	})
}

// TestRevokeSessions_Statements: without a Revoker a revocation is one statement. With one,
// the rest that was not read in time is deleted all the same, and logged.
func TestRevokeSessions_Statements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBFF(t)
		for _, sid := range []string{"s1", "s2", "s3"} {
			b.browser().signIn(as("alice", sid))
		}
		b.store.reset()
		if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if b.store.count("delete all") != 1 || b.store.count("list")+b.store.count("get")+b.store.count("delete") != 0 {
			t.Errorf("more than one statement: %v", b.store.calls)
		}

		p := &provider{}
		b = newTestBFF(t, func(c *Config) { c.Revoker = p })
		for _, sid := range []string{"s1", "s2", "s3", "s4", "s5"} {
			tk := as("alice", sid)
			tk.RefreshToken = "of " + sid
			b.browser().signIn(tk)
		}
		b.store.onNth(2, "delete", func() { b.store.breakDown("delete") }) // at the second session
		if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 5 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		p.want(t, "of s1", "of s2", "of s3", "of s4") // then it gives up
		b.wantEnded(EndRevoked, 5)
		if log := b.log.String(); !strings.Contains(log, `were not revoked","count":1`) || strings.Contains(log, "of s1") {
			t.Errorf("the log: %s", log)
		}
	})
}

// TestSignIn_RefusedRevokesGrant: a sign-in that fails after the code exchange leaves no
// refresh token behind.
func TestSignIn_RefusedRevokesGrant(t *testing.T) {
	for name, change := range map[string]func(*ticket.Ticket){
		"another issuer":   func(tk *ticket.Ticket) { tk.Issuer = "https://other.example" },
		"no subject":       func(tk *ticket.Ticket) { tk.SubjectID = "" },
		"expired":          func(tk *ticket.Ticket) { tk.RefreshTokenExpires = time.Unix(1, 0) },
		"unusable session": func(tk *ticket.Ticket) { tk.SessionID = strings.Repeat("s", 201) },
		"unusable claim":   func(tk *ticket.Ticket) { tk.Claims = map[string]any{"c": make(chan int)} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{}
				b := newTestBFF(t, func(c *Config) { c.Revoker = p })
				tk := alice()
				change(&tk)
				b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
					if _, err := b.SignIn(w, r, tk); err == nil {
						t.Error("signed in")
					}
				})
				p.want(t, "secret-refresh-token")
			})
		})
	}
}

// TestRevocations_ProviderFails: after some failures in a row the rest is given up and
// counted in the log.
func TestRevocations_ProviderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowRevoker{delay: time.Hour}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		tokens := make([]string, 100)
		for i := range tokens {
			tokens[i] = "secret-token"
		}
		begin := time.Now()
		b.revokeAll(context.WithoutCancel(t.Context()), tokens)
		if calls := len(p.at); calls < maxRevocationFailures || calls > maxRevocationFailures+maxRevocations {
			t.Errorf("%d calls", calls)
		}
		if took := time.Since(begin); took > 4*b.cfg.TokenTimeout {
			t.Errorf("it took %v", took)
		}
		if log := b.log.String(); !strings.Contains(log, "were not revoked") || strings.Contains(log, "secret-token") {
			t.Errorf("the log: %s", log)
		}
		if waiting := b.revocations.waiting.Load(); waiting != 0 {
			t.Errorf("%d tokens still count as waiting", waiting)
		}
	})
}

// An application that wraps its whole mux, and a package that wraps its own handlers, do not
// read the session twice.
func TestMiddleware_Twice(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	other := newTestBFF(t, func(c *Config) { c.CookieName = "__Host-other" })
	b.store.reset()
	inner := b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if session, _ := FromContext(r.Context()); session.SubjectID != "alice" {
			t.Errorf("signed in as %q", session.SubjectID)
		}
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	}))
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		other.Middleware(inner).ServeHTTP(w, r)
		if _, signedIn := FromContext(r.Context()); signedIn {
			t.Error("the sign-out in the inner handler is not seen in the outer one")
		}
	})
	if n := b.store.count("get"); n != 1 {
		t.Errorf("%d reads", n)
	}
	if len(br.cookies) != 0 {
		t.Errorf("cookies %v", br.cookies)
	}
}
