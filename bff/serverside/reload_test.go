package serverside

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// nearlyExpired is alice's ticket with a valid access token that is due for a refresh.
func nearlyExpired() ticket.Ticket {
	tk := alice()
	tk.AccessTokenObtained, tk.AccessTokenExpires = time.Now().Add(-time.Hour), time.Now().Add(30*time.Second)
	return tk
}

// longLived is alice's ticket with an access token that needs no refresh.
func longLived() ticket.Ticket {
	tk := alice()
	tk.AccessTokenExpires = time.Now().Add(24 * time.Hour)
	return tk
}

// TestReload_RevokedElsewhere: a stream learns of a revocation on another host when it asks.
func TestReload_RevokedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, browsers := fleet(t, 2, nil)
		here, there := browsers[0], browsers[1]
		here.visit(func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if session, err := here.Reload(ctx); err != nil || session.SubjectID != "alice" || !session.Current {
				t.Errorf("before the revocation: %+v, %v", session, err)
			}
			if _, err := there.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
				t.Error(err)
			}
			if _, ok := FromContext(ctx); !ok {
				t.Error("FromContext has read from the store")
			}
			for range 2 {
				if _, err := here.Reload(ctx); !errors.Is(err, ErrNoSession) {
					t.Errorf("after the revocation: %v", err)
				}
			}
			if _, ok := FromContext(ctx); ok {
				t.Error("the request is still signed in")
			}
			if _, err := here.AccessToken(ctx); !errors.Is(err, ErrNoSession) {
				t.Errorf("AccessToken: %v", err)
			}
		})
	})
}

func TestReload_SeesChangesOfOtherHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, browsers := fleet(t, 2, nil)
		browsers[0].visit(func(_ http.ResponseWriter, r *http.Request) {
			browsers[1].change(func(tk *ticket.Ticket) { tk.Claims["name"] = "Renamed" })
			session, err := browsers[0].Reload(r.Context())
			if err != nil || session.Claims["name"] != "Renamed" {
				t.Errorf("%v, %v", session.Claims, err)
			}
			if session, _ := FromContext(r.Context()); session.Claims["name"] != "Renamed" {
				t.Errorf("FromContext: %v", session.Claims)
			}
			browsers[0].store.reset()
			_, _ = browsers[0].Reload(r.Context())
			if n := browsers[0].store.count("get"); n != 1 {
				t.Errorf("%d reads", n)
			}
		})
	})
}

// TestReload_StoreFails: an error of the store says nothing about the session.
func TestReload_StoreFails(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		b.store.breakDown("get")
		if _, err := b.Reload(r.Context()); !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
		if _, ok := FromContext(r.Context()); !ok {
			t.Error("the request was signed out")
		}
		b.store.breakDown()
	})
	if _, err := b.Reload(t.Context()); !errors.Is(err, ErrNoSession) {
		t.Errorf("without the middleware: %v", err)
	}
}

// TestReload_ConcurrentUpdate: a read that is slower than a write does not bring the older
// session back.
func TestReload_ConcurrentUpdate(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		slow := &slowRead{spy: b.store}
		b.cfg.Store = slow
		slow.after = func() {
			slow.after = nil
			if err := b.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Claims["name"] = "New"; return nil }); err != nil {
				t.Error(err)
			}
		}
		if _, err := b.Reload(r.Context()); err != nil {
			t.Error(err)
		}
		if session, _ := FromContext(r.Context()); session.Claims["name"] != "New" {
			t.Errorf("the request's session is the older one: %v", session.Claims)
		}
	})
}

// slowRead runs a function between the read of a row and its return.
type slowRead struct {
	*spy
	after func()
}

func (s *slowRead) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	row, err := s.spy.GetUserSession(ctx, key)
	if s.after != nil {
		s.after()
	}
	return row, err
}

// TestAccessToken_RevokedInMidRequest: no token of a session that has ended is handed out,
// whether the token is valid, due for a refresh or about to be replaced by a provider that
// fails.
func TestAccessToken_RevokedInMidRequest(t *testing.T) {
	for name, test := range map[string]struct {
		sign func() ticket.Ticket
		fail error
	}{
		"valid":                   {sign: longLived},
		"due":                     {sign: nearlyExpired},
		"due, provider fails":     {sign: nearlyExpired, fail: errors.New("503")},
		"without a refresh token": {sign: func() ticket.Ticket { tk := longLived(); tk.RefreshToken = ""; return tk }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 2, nil)
				p.fail = test.fail
				here, there := browsers[0], browsers[1]
				here.signIn(test.sign())
				here.visit(func(_ http.ResponseWriter, r *http.Request) {
					if _, err := there.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
						t.Error(err)
					}
					if token, err := here.AccessToken(r.Context()); token != "" || !errors.Is(err, ErrNoSession) {
						t.Errorf("%q, %v", token, err)
					}
					if err := here.RefreshTokens(r.Context()); !errors.Is(err, ErrNoSession) {
						t.Errorf("RefreshTokens: %v", err)
					}
					if _, ok := FromContext(r.Context()); ok {
						t.Error("the request is still signed in")
					}
				})
				if p.calls > 0 {
					t.Errorf("the provider was asked %d times", p.calls)
				}
			})
		})
	}
}

// TestAccessToken_RevokedDuringFailingRefresh: the session ends while the provider is asked,
// which then fails. The token in hand is still valid, but its session is gone.
func TestAccessToken_RevokedDuringFailingRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		br := browsers[0]
		br.signIn(nearlyExpired())
		p.fail = errors.New("503")
		p.during = br.removeAll("alice")
		if token, err := br.token(t.Context()); token != "" || !errors.Is(err, ErrNoSession) {
			t.Errorf("%q, %v", token, err)
		}
	})
}

// TestAccessToken_Reads: one read of the row for each call, also if a refresh is due.
func TestAccessToken_Reads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, browsers := fleet(t, 1, nil)
		br := browsers[0]
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			for _, what := range []string{"a refresh is due", "the token is valid", "again"} {
				br.store.reset()
				if token, err := br.AccessToken(r.Context()); token != "access-1" || err != nil {
					t.Errorf("%s: %q, %v", what, token, err)
				}
				if n := br.store.count("get"); n != 1 {
					t.Errorf("%s: %d reads", what, n)
				}
			}
		})
	})
}

// TestAccessToken_StoreFails: whether the session has ended is unknown, so the token is not
// handed out. The request stays signed in.
func TestAccessToken_StoreFails(t *testing.T) {
	for name, sign := range map[string]func() ticket.Ticket{"valid": longLived, "due": nearlyExpired} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, browsers := fleet(t, 1, nil)
				br := browsers[0]
				br.signIn(sign())
				br.visit(func(_ http.ResponseWriter, r *http.Request) {
					br.store.breakDown(allOperations...)
					if token, err := br.AccessToken(r.Context()); token != "" || !errors.Is(err, errDown) {
						t.Errorf("%q, %v", token, err)
					}
					br.store.breakDown()
					if _, ok := FromContext(r.Context()); !ok {
						t.Error("the request was signed out")
					}
				})
			})
		})
	}
}
