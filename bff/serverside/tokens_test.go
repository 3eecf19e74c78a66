package serverside

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestAccessToken_ConcurrentRequestsRefreshOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				token, err := browsers[0].token(t.Context())
				if err != nil || token != "access-1" {
					t.Errorf("%q, %v", token, err)
				}
			})
		}
		wg.Wait()
		if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil || p.calls != 1 {
			t.Errorf("%q, %v after %d refreshes", token, err, p.calls)
		}
	})
}

// A request that began before another host refreshed the tokens does not refresh them again.
func TestAccessToken_UsesTokensOfAnotherHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 2, nil)
		browsers[0].visit(func(_ http.ResponseWriter, r *http.Request) {
			if token, err := browsers[1].token(t.Context()); token != "access-1" || err != nil {
				t.Errorf("%q, %v", token, err)
			}
			if token, err := browsers[0].AccessToken(r.Context()); token != "access-1" || err != nil || p.calls != 1 {
				t.Errorf("%q, %v after %d refreshes", token, err, p.calls)
			}
		})
	})
}

func TestAccessToken_ConcurrentHostsKeepSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 4, func(c *Config) { c.EndSessionWithRefreshToken = true })
		var wg sync.WaitGroup
		for _, br := range browsers {
			for range 5 {
				wg.Go(func() {
					token, err := br.token(t.Context())
					if err != nil || token != "access-1" {
						t.Errorf("%q, %v", token, err)
					}
				})
			}
		}
		wg.Wait()
		if p.calls != 1 {
			t.Errorf("%d refreshes, want one for all hosts", p.calls)
		}
		browsers[3].want("alice")
		p.want(t)
	})
}

// If the provider gives tokens to both hosts, the tokens that are written first are used.
func TestAccessToken_SecondHostTakesTokensOfFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 2, nil)
		p.during = func() {
			p.during = nil
			p.mu.Lock()
			p.spent = nil // the provider does not rotate refresh tokens
			p.mu.Unlock()
			browsers[1].dropClaim(t) // as a host of a version without claims does
			if token, err := browsers[1].token(t.Context()); token != "access-2" || err != nil {
				t.Errorf("the first host: %q, %v", token, err)
			}
			p.mu.Lock()
			p.spent = nil
			p.mu.Unlock()
		}
		if token, err := browsers[0].token(t.Context()); token != "access-2" || err != nil {
			t.Errorf("the second host: %q, %v", token, err)
		}
		if p.calls != 2 {
			t.Errorf("%d refreshes", p.calls)
		}
	})
}

// Another change of the session during the refresh must not lose the new tokens.
func TestAccessToken_ConcurrentUpdateKeepsNewTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 2, nil)
		p.during = func() {
			browsers[1].change(func(tk *ticket.Ticket) { tk.Properties["device"] = "renamed" })
		}
		if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil {
			t.Errorf("%q, %v", token, err)
		}
		browsers[1].visit(func(_ http.ResponseWriter, r *http.Request) {
			tk, _ := browsers[1].Ticket(r.Context())
			if tk.RefreshToken != "refresh-1" || tk.Properties["device"] != "renamed" {
				t.Errorf("refresh token %q, device %q", tk.RefreshToken, tk.Properties["device"])
			}
		})
	})
}

func TestAccessToken_CancelledRequestKeepsNewTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		ctx, cancel := context.WithCancel(t.Context())
		p.during = cancel
		if _, err := browsers[0].token(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled request: %v", err)
		}
		time.Sleep(time.Second)
		if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil || p.calls != 1 {
			t.Errorf("the next request: %q, %v after %d refreshes", token, err, p.calls)
		}
	})
}

func TestAccessToken_DatabaseBrieflyDownKeepsNewTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		store := browsers[0].store
		p.during = func() { store.breakDown(allOperations...) }
		time.AfterFunc(time.Second, func() { store.breakDown() })
		if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil {
			t.Errorf("%q, %v", token, err)
		}
		if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil || p.calls != 1 {
			t.Errorf("later: %q, %v after %d refreshes", token, err, p.calls)
		}
	})
}

// The write has a time limit of its own, besides the time that the provider leaves.
func TestAccessToken_SlowProviderKeepsNewTokens(t *testing.T) {
	for name, trouble := range map[string]func(*browser){
		"the database is slow": func(br *browser) {
			br.store.on("update", func() { time.Sleep(200 * time.Millisecond) })
		},
		"the database is down for a moment": func(br *browser) {
			time.AfterFunc(4800*time.Millisecond, func() { br.store.breakDown(allOperations...) })
			time.AfterFunc(5100*time.Millisecond, func() { br.store.breakDown() })
		},
		"the database is down for a moment after a conflict": func(br *browser) {
			br.store.on("update", func() {
				br.rewrite(func(*bff.UserSessionUpdate) {})
				br.store.breakDown("get")
				time.AfterFunc(time.Second, func() { br.store.breakDown() })
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, nil) // TokenTimeout: 5 s
				p.delay = 4900 * time.Millisecond
				p.during = func() { trouble(browsers[0]) }
				for range 2 {
					if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil || p.calls != 1 {
						t.Errorf("%q, %v after %d refreshes", token, err, p.calls)
					}
				}
			})
		})
	}
}

func TestAccessToken_SessionRevokedDuringRefresh(t *testing.T) {
	revoke := func(br *browser) {
		if _, err := br.RevokeSessions(br.t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
			br.t.Error(err)
		}
	}
	for name, during := range map[string]func(*browser){
		"before the new tokens are written": revoke,
		"after a conflict with another change": func(br *browser) {
			br.store.on("update", func() {
				br.rewrite(func(*bff.UserSessionUpdate) {})
				br.store.on("get", func() { revoke(br) })
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, nil)
				br := browsers[0]
				p.during = func() { during(br) }
				if _, err := br.token(t.Context()); !errors.Is(err, ErrNoSession) {
					t.Errorf("%v", err)
				}
				br.want("")
				p.want(t, "refresh-1", "secret-refresh-token") // the old refresh token and the new one
			})
		})
	}
}

// TestRefreshTokens_NoAccessToken: an answer without an access token changes nothing.
func TestRefreshTokens_NoAccessToken(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.Refresher = refresherOf{RefreshToken: "new"} })
	br := b.browser()
	br.signIn(alice())
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if err := b.RefreshTokens(r.Context()); err == nil || !strings.Contains(err.Error(), "the identity provider sent no access token") {
			t.Errorf("%v", err)
		}
	})
	if tk := br.stored(t).ticket; tk.AccessToken != alice().AccessToken || tk.RefreshToken != alice().RefreshToken || tk.RefreshClaim() != "" {
		t.Error("the tokens have changed, or the claim is left")
	}
}

// TestAccessToken_TimeObtainedUnknown: a ticket of an older release does not have the time. Then
// RefreshBefore alone decides.
func TestAccessToken_TimeObtainedUnknown(t *testing.T) {
	for left, want := range map[time.Duration]string{30 * time.Second: "access-1", 90 * time.Second: "secret-access-token"} {
		synctest.Test(t, func(t *testing.T) {
			_, browsers := fleet(t, 1, func(c *Config) { c.RefreshBefore = time.Minute })
			br := browsers[0]
			br.change(func(tk *ticket.Ticket) {
				tk.AccessTokenObtained, tk.AccessTokenExpires = time.Time{}, time.Now().Add(left)
			})
			if token, err := br.token(t.Context()); token != want || err != nil {
				t.Errorf("%v left: %q, %v", left, token, err)
			}
		})
	}
}

// This also holds if the old access token is still valid.
func TestAccessToken_SessionRevokedDuringEarlyRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		br := browsers[0]
		tk := alice()
		tk.AccessTokenObtained, tk.AccessTokenExpires = time.Now().Add(-time.Hour), time.Now().Add(30*time.Second)
		br.signIn(tk)
		p.during = func() {
			if _, err := br.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
				t.Error(err)
			}
		}
		if token, err := br.token(t.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("%q, %v", token, err)
		}
	})
}

func TestSignOut_RevokesCurrentRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 2, nil)
		browsers[0].visit(func(w http.ResponseWriter, r *http.Request) {
			if _, err := browsers[1].token(t.Context()); err != nil {
				t.Error(err)
			}
			if err := browsers[0].SignOut(w, r); err != nil {
				t.Error(err)
			}
		})
		p.want(t, "refresh-1")
	})
}

func TestAccessToken_ProviderDownKeepsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, func(c *Config) { c.EndSessionWithRefreshToken = true })
		p.fail = errors.New("502 Bad Gateway")
		if _, err := browsers[0].token(t.Context()); err == nil || strings.Contains(err.Error(), "502") {
			t.Errorf("%v", err)
		}
		browsers[0].want("alice")
		p.fail = nil
		if token, err := browsers[0].token(t.Context()); token != "access-2" || err != nil {
			t.Errorf("afterwards: %q, %v", token, err)
		}
		// An access token that is about to expire is still used.
		time.Sleep(4*time.Minute + 30*time.Second)
		p.fail = errors.New("502 Bad Gateway")
		if token, err := browsers[0].token(t.Context()); token != "access-2" || err != nil {
			t.Errorf("a token with half a minute left: %q, %v", token, err)
		}
	})
}

// A provider that does not rotate the refresh token may extend its expiry.
func TestAccessToken_RefreshExtendsUnrotatedRefreshToken(t *testing.T) {
	b := newTestBFF(t)
	end := b.clock.plus(2 * time.Hour)
	b.cfg.Refresher = refresherOf(Tokens{AccessToken: "access-1", RefreshTokenExpires: end})
	br := b.browser()
	tk := alice()
	tk.AccessTokenExpires, tk.RefreshTokenExpires = b.clock.plus(time.Minute), b.clock.plus(30*time.Minute)
	br.signIn(tk)
	b.clock.pass(time.Minute)
	if token, err := br.token(t.Context()); token != "access-1" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
	b.clock.pass(35 * time.Minute)
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		tk, _ := b.Ticket(r.Context())
		if tk.RefreshToken != "secret-refresh-token" || !tk.RefreshTokenExpires.Equal(end) {
			t.Errorf("refresh token %q until %v", tk.RefreshToken, tk.RefreshTokenExpires)
		}
	})
}

// TestRefreshTokens_IDToken: a new ID token takes the place of the old one, which stays without it.
func TestRefreshTokens_IDToken(t *testing.T) {
	for given, want := range map[string]string{"": alice().IDToken, "new-id-token": "new-id-token"} {
		b := newTestBFF(t, func(c *Config) { c.Refresher = refresherOf{AccessToken: "access-1", IDToken: given} })
		br := b.browser()
		br.signIn(alice())
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			if err := b.RefreshTokens(r.Context()); err != nil {
				t.Error(err)
			}
			if tk, _ := b.Ticket(r.Context()); tk.IDToken != want {
				t.Errorf("the ID token is %q, want %q", tk.IDToken, want)
			}
		})
	}
}

type panicking struct{}

func (panicking) RefreshTokens(context.Context, string) (Tokens, error) { panic("secret") }

func TestAccessToken_RefresherPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, browsers := fleet(t, 2, func(c *Config) { c.Refresher = panicking{} })
		begin := time.Now()
		for _, br := range browsers {
			if _, err := br.token(t.Context()); !errors.Is(err, errRefreshPanicked) {
				t.Errorf("%v", err)
			}
			if log := br.log.String(); !strings.Contains(log, "tokens could not be refreshed") || strings.Contains(log, "secret") {
				t.Errorf("the log: %s", log)
			}
		}
		if took := time.Since(begin); took > time.Second { // the claim does not outlive the panic
			t.Errorf("the next host waited %v", took)
		}
	})
}

func TestAccessToken_WithoutRefresher(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	if _, err := br.token(t.Context()); !errors.Is(err, ErrNoSession) {
		t.Errorf("signed out: %v", err)
	}
	tk := alice()
	tk.AccessTokenExpires = b.clock.plus(time.Minute)
	br.signIn(tk)
	if token, err := br.token(t.Context()); token != "secret-access-token" || err != nil {
		t.Errorf("%v", err)
	}
	b.clock.pass(time.Minute)
	if _, err := br.token(t.Context()); !errors.Is(err, ErrRefreshTokenRefused) {
		t.Errorf("expired: %v", err)
	}
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if err := b.RefreshTokens(r.Context()); err == nil {
			t.Error("refreshed without a Refresher")
		}
	})
}
