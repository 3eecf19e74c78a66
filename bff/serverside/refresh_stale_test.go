package serverside

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// rotatingNothing is a provider that does not rotate its refresh tokens.
type rotatingNothing struct{ calls atomic.Int64 }

func (k *rotatingNothing) RefreshTokens(context.Context, string) (Tokens, error) {
	return Tokens{AccessToken: fmt.Sprint("access-", k.calls.Add(1))}, nil
}

// TestRefreshTokens_StaleRequest: a request that read its session before another one refreshed the
// tokens gets the other one's, also if the refresh token stays the same.
func TestRefreshTokens_StaleRequest(t *testing.T) {
	k := &rotatingNothing{}
	b := newTestBFF(t, func(c *Config) { c.Refresher = k })
	br := b.browser()
	br.signIn(alice())
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		br.visit(func(_ http.ResponseWriter, other *http.Request) {
			if err := b.RefreshTokens(other.Context()); err != nil {
				t.Error(err)
			}
		})
		if err := b.RefreshTokens(r.Context()); err != nil {
			t.Error(err)
		}
		if token, err := b.AccessToken(r.Context()); token != "access-1" || err != nil {
			t.Errorf("the access token is %q, %v", token, err)
		}
	})
	if n := k.calls.Load(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// TestRefreshTokens_TokenOfAnotherRequest: a refresh token that the session got while the request
// was under way is used.
func TestRefreshTokens_TokenOfAnotherRequest(t *testing.T) {
	k := &rotatingNothing{}
	b := newTestBFF(t, func(c *Config) { c.Refresher = k })
	br := b.browser()
	tk := alice()
	tk.RefreshToken = ""
	br.signIn(tk)
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if err := b.RefreshTokens(r.Context()); err == nil {
			t.Error("tokens were refreshed without a refresh token")
		}
		b.store.breakDown("get")
		if err := b.RefreshTokens(r.Context()); !errors.Is(err, errDown) {
			t.Errorf("the database is down: %v", err)
		}
		b.store.breakDown()
		br.change(func(tk *ticket.Ticket) { tk.RefreshToken = "refresh" })
		if err := b.RefreshTokens(r.Context()); err != nil {
			t.Error(err)
		}
	})
	if n := k.calls.Load(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// slowAnswers is a store whose updates are written a second before they return.
type slowAnswers struct{ *spy }

func (s slowAnswers) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
	err := s.spy.UpdateUserSession(ctx, key, u)
	time.Sleep(time.Second)
	return err
}

// TestRefreshTokens_OlderRefreshUnderWay: a request that has seen the new tokens of a refresh which
// is still under way, and finds that the API refuses them, gets other ones.
func TestRefreshTokens_OlderRefreshUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &rotatingNothing{}
		b := newTestBFF(t, func(c *Config) { c.Store, c.Refresher = slowAnswers{c.Store.(*spy)}, k })
		br := b.browser()
		br.signIn(alice())
		refresh := func(seen, want string) {
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				if tk, _ := b.Ticket(r.Context()); tk.AccessToken != seen {
					t.Errorf("the request has the token %q, want %q", tk.AccessToken, seen)
				}
				if err := b.RefreshTokens(r.Context()); err != nil {
					t.Error(err)
				}
				if tk, _ := b.Ticket(r.Context()); tk.AccessToken != want {
					t.Errorf("the request got the token %q, want %q", tk.AccessToken, want)
				}
			})
		}
		go refresh(alice().AccessToken, "access-1") // a second for the claim, a second for the tokens
		time.Sleep(1500 * time.Millisecond)
		refresh("access-1", "access-2")
	})
}

// interrupted is a provider whose answer arrives after something else has happened.
type interrupted struct {
	tokens Tokens
	during func()
}

func (p *interrupted) RefreshTokens(context.Context, string) (Tokens, error) {
	p.during()
	return p.tokens, nil
}

// TestRefresh_OtherChangeMeanwhile: new tokens are written although the session was changed during
// the refresh, also if the refresh token stays the same; and tokens that another host has written
// first are kept.
func TestRefresh_OtherChangeMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		tokens Tokens
		change func(*ticket.Ticket)
		want   string
		unused bool
	}{
		"another claim":                      {Tokens{AccessToken: "new"}, func(tk *ticket.Ticket) { tk.Claims = map[string]any{"name": "Bob"} }, "new", false},
		"another claim, new refresh token":   {Tokens{AccessToken: "new", RefreshToken: "new-r"}, func(tk *ticket.Ticket) { tk.Claims = map[string]any{"name": "Bob"} }, "new", false},
		"another host's tokens":              {Tokens{AccessToken: "new", RefreshToken: "new-r"}, func(tk *ticket.Ticket) { tk.AccessToken, tk.RefreshToken = "other", "other-r" }, "other", true},
		"another host's tokens, no rotation": {Tokens{AccessToken: "new"}, func(tk *ticket.Ticket) { tk.AccessToken = "other" }, "other", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &interrupted{tokens: test.tokens}
			b := newTestBFF(t, func(c *Config) { c.Refresher = p })
			br := b.browser()
			br.signIn(alice())
			p.during = func() { br.change(test.change) }
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				if err := b.RefreshTokens(r.Context()); err != nil {
					t.Error(err)
				}
			})
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				if tk, _ := b.Ticket(r.Context()); tk.AccessToken != test.want {
					t.Errorf("the access token is %q, want %q", tk.AccessToken, test.want)
				}
			})
			if log := b.log.String(); strings.Contains(log, "another host has refreshed the same tokens") != test.unused {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// TestRefresh_SessionEndsMeanwhile: a provider that does not rotate its refresh tokens sent none, so
// none is revoked. The caller learns that the session has ended.
func TestRefresh_SessionEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoker := &provider{}
		p := &interrupted{tokens: Tokens{AccessToken: "new"}}
		b := newTestBFF(t, func(c *Config) { c.Refresher, c.Revoker = p, revoker })
		br := b.browser()
		br.signIn(alice())
		end := func() {
			_, _ = b.store.InMemoryStore.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
		}
		p.during = end
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			if err := b.RefreshTokens(r.Context()); !errors.Is(err, ErrNoSession) {
				t.Errorf("ended during the refresh: %v", err)
			}
		})
		br.signIn(alice())
		p.during = func() { t.Error("the provider was asked") }
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			end()
			if err := b.RefreshTokens(r.Context()); !errors.Is(err, ErrNoSession) {
				t.Errorf("ended before the refresh: %v", err)
			}
		})
		b.settle()
		revoker.want(t)
	})
}

// claimElsewhere seals the claim of another host into alice's ticket.
func (b *testBFF) claimElsewhere(claim string) {
	b.t.Helper()
	row := b.store.rows(b.t, "alice")[0]
	tk := alice()
	tk.Issuer, tk.Expires, tk.Issued = issuer, row.Expires.Add(time.Hour), row.Created
	tk.SetRefreshClaim(claim)
	sealed, err := b.seal(row, tk)
	if err != nil {
		b.t.Fatal(err)
	}
	b.rewrite(func(u *bff.UserSessionUpdate) { u.Ticket = sealed })
}

// TestRefresh_ClaimedAgainAndAgain: a refresh does not wait for ever for hosts that claim it one
// after the other.
func TestRefresh_ClaimedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &interrupted{during: func() { t.Error("the provider was asked") }}
		b := newTestBFF(t, func(c *Config) { c.Refresher = p })
		br := b.browser()
		br.signIn(alice())
		claims := 0
		var claim func()
		claim = func() {
			claims++
			b.claimElsewhere(fmt.Sprint("another host's ", claims))
			b.store.on("get", claim)
		}
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			b.store.on("get", claim)
			if err := b.RefreshTokens(r.Context()); err == nil || !strings.Contains(err.Error(), "again and again") {
				t.Errorf("RefreshTokens: %v", err)
			}
		})
		if claims != maxClaims+1 {
			t.Errorf("the refresh waited for %d claims, want %d", claims-1, maxClaims)
		}
	})
}

// TestRefresh_ClaimRemoved: after the provider has failed, the next request asks it at once. A
// warning says so only if the claim is still there.
func TestRefresh_ClaimRemoved(t *testing.T) {
	for name, change := range map[string]func(b *testBFF){
		"removed": nil,
		"session ended": func(b *testBFF) {
			_, _ = b.store.InMemoryStore.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
		},
		"database down": func(b *testBFF) { b.store.breakDown("update") },
		"session ended after a conflict": func(b *testBFF) {
			b.store.on("update", func() {
				b.rewrite(func(*bff.UserSessionUpdate) {})
				b.store.on("get", func() {
					_, _ = b.store.InMemoryStore.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
				})
			})
		},
		"database down after a conflict": func(b *testBFF) {
			b.store.on("update", func() {
				b.rewrite(func(*bff.UserSessionUpdate) {})
				b.store.breakDown("get")
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &provider{fail: errors.New("the provider is down")}
			b := newTestBFF(t, func(c *Config) { c.Refresher = p })
			if change != nil {
				p.during = func() { change(b) }
			}
			br := b.browser()
			br.signIn(alice())
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				if err := b.RefreshTokens(r.Context()); err == nil || !strings.Contains(err.Error(), "the identity provider failed") {
					t.Errorf("RefreshTokens: %v", err)
				}
			})
			if log := b.log.String(); strings.Contains(log, "the claim of a refresh could not be removed") != (name == "database down") {
				t.Errorf("the log: %s", log)
			}
			if name != "removed" {
				return
			}
			row := b.store.rows(t, "alice")[0]
			if opened, err := b.open(t.Context(), row); err != nil || opened.ticket.RefreshClaim() != "" {
				t.Errorf("the claim is still there, %v", err)
			}
		})
	}
}

// TestRefreshGroup_OneAtATime: concurrent callers share a refresh, and the next one starts another.
func TestRefreshGroup_OneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refreshes atomic.Int64
		g, shared := &refreshGroup{background: &background{}}, &openedSession{}
		refresh := func() (*openedSession, error) {
			refreshes.Add(1)
			time.Sleep(time.Second)
			return shared, nil
		}
		for round := range int64(2) {
			for range 10 {
				go func() {
					if got, err := g.do(t.Context(), "key", refresh); got != shared || err != nil {
						t.Errorf("%v, %v", got, err)
					}
				}()
			}
			time.Sleep(2 * time.Second)
			if n := refreshes.Load(); n != round+1 {
				t.Errorf("round %d: %d refreshes", round+1, n)
			}
		}
	})
}

// TestRefreshGroup_Panic: a panic in the background does not end the process.
func TestRefreshGroup_Panic(t *testing.T) {
	g := &refreshGroup{background: &background{}}
	for range 2 {
		if got, err := g.do(t.Context(), "key", func() (*openedSession, error) { panic("a secret") }); got != nil || !errors.Is(err, errRefreshPanicked) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestRefresh_RefusedAfterTakeover: the host whose claim has ended may be about to write new
// tokens. The session goes on until that host can no longer do so.
func TestRefresh_RefusedAfterTakeover(t *testing.T) {
	for name, test := range map[string]struct {
		change func(br *browser)
		want   error
		token  string
		claim  string // that is left after the refusal
	}{
		"nothing happens": {func(*browser) {}, ErrRefreshTokenRefused, alice().AccessToken, ""},
		"session ends": {func(br *browser) {
			_, _ = br.store.InMemoryStore.DeleteUserSessions(br.t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
		}, ErrNoSession, "", ""},
		"database down": {func(br *browser) { br.store.breakDown("get") }, errDown, alice().AccessToken, ""},
		"tokens at the last moment": {func(br *browser) {
			time.AfterFunc(br.cfg.TokenTimeout+otherHostWriteTime/2, func() {
				br.change(func(tk *ticket.Ticket) { tk.AccessToken, tk.RefreshToken = "other", "other-r" })
			})
		}, nil, "other", ""},
		"a third host claims the refresh": {func(br *browser) {
			time.AfterFunc(time.Second, func() { br.setClaim(br.t.(*testing.T), "the third host's") })
		}, ErrRefreshTokenRefused, alice().AccessToken, "the third host's"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{fail: ErrRefreshTokenRefused}
				b := newTestBFF(t, func(c *Config) { c.Refresher = p })
				br := b.browser()
				br.signIn(alice())
				b.claimElsewhere("another host's")
				p.during = func() { test.change(br) }
				br.visit(func(_ http.ResponseWriter, r *http.Request) {
					if err := b.RefreshTokens(r.Context()); !errors.Is(err, test.want) {
						t.Errorf("RefreshTokens: %v, want %v", err, test.want)
					}
				})
				b.store.breakDown()
				br.visit(func(_ http.ResponseWriter, r *http.Request) {
					if tk, _ := b.Ticket(r.Context()); tk.AccessToken != test.token {
						t.Errorf("the access token is %q, want %q", tk.AccessToken, test.token)
					}
				})
				if errors.Is(test.want, ErrRefreshTokenRefused) {
					if claim := br.stored(t).ticket.RefreshClaim(); claim != test.claim {
						t.Errorf("the claim is %q, want %q", claim, test.claim)
					}
				}
			})
		})
	}
}
