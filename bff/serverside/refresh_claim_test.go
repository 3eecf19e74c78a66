package serverside

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff/ticket"
)

// key returns the key of the browser's session.
func (br *browser) key(t *testing.T) string {
	t.Helper()
	key, ok := br.requestKey(br.request("/"))
	if !ok {
		t.Fatal("the browser has no session cookie")
	}
	return key
}

// stored returns the browser's session as it is in the store.
func (br *browser) stored(t *testing.T) *openedSession {
	t.Helper()
	opened, err := br.load(context.WithoutCancel(t.Context()), br.key(t))
	if err != nil || opened == nil {
		t.Fatalf("the session is not there: %v", err)
	}
	return opened
}

// setClaim writes a claim to the browser's session, as another host does.
func (br *browser) setClaim(t *testing.T, claim string) {
	t.Helper()
	opened := br.stored(t)
	tk := opened.ticket.Clone()
	tk.SetRefreshClaim(claim)
	if _, err := br.replaceTicket(context.WithoutCancel(t.Context()), opened, tk); err != nil {
		t.Fatal(err)
	}
}

func (br *browser) dropClaim(t *testing.T) { br.setClaim(t, "") }

// TestRefresh_OneCallForAllHosts: 8 hosts with 20 requests each, and 2 hosts with one
// request, at a provider that treats the re-use of a refresh token as theft.
func TestRefresh_OneCallForAllHosts(t *testing.T) {
	for _, c := range []struct {
		hosts, requests int
		delay           time.Duration
	}{{8, 20, 50 * time.Millisecond}, {8, 20, time.Second}, {2, 1, 50 * time.Millisecond}, {2, 1, time.Second}} {
		t.Run(fmt.Sprintf("%d hosts, %d requests, %v", c.hosts, c.requests, c.delay), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, c.hosts, nil)
				p.delay = c.delay
				for expiry := 1; expiry <= 20; expiry++ {
					want := fmt.Sprint("access-", expiry)
					var wg sync.WaitGroup
					for i, br := range browsers {
						for range c.requests {
							wg.Go(func() {
								time.Sleep(time.Duration(i) * 100 * time.Millisecond / time.Duration(c.hosts))
								if token, err := br.token(t.Context()); token != want || err != nil {
									t.Errorf("host %d: %q, %v, want %q", i, token, err, want)
								}
							})
						}
					}
					wg.Wait()
					if p.calls != expiry {
						t.Fatalf("%d calls of the provider after %d expiries", p.calls, expiry)
					}
					time.Sleep(5 * time.Minute) // the tokens' life
				}
				if claim := browsers[0].stored(t).ticket.RefreshClaim(); claim != "" {
					t.Error("a claim is left")
				}
			})
		})
	}
}

// TestRefresh_ClaimantDied: the refresh is taken over when the claim has ended, and not
// before, by one of the hosts that wait.
func TestRefresh_ClaimantDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 3, nil)
		browsers[0].setClaim(t, "of a host that died")
		begin := time.Now()
		var wg sync.WaitGroup
		for _, br := range browsers {
			wg.Go(func() {
				if token, err := br.token(t.Context()); token != "access-1" || err != nil {
					t.Errorf("%q, %v", token, err)
				}
			})
		}
		wg.Wait()
		lifetime := browsers[0].claimLifetime()
		if took := time.Since(begin); took < lifetime || took > lifetime+2*time.Second {
			t.Errorf("the refresh took %v, want %v or a little more", took, lifetime)
		}
		if p.calls != 1 {
			t.Errorf("%d calls of the provider, want 1", p.calls)
		}
	})
}

// TestRefresh_DatabaseDownDuringClaim: a refresh that waits for the claimant's tokens outlasts an
// outage of the database, but not for longer than the claim.
func TestRefresh_DatabaseDownDuringClaim(t *testing.T) {
	for name, outage := range map[string]time.Duration{"short": 2 * time.Second, "long": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, browsers := fleet(t, 1, nil)
				br := browsers[0]
				br.setClaim(t, "of a host that died")
				time.AfterFunc(time.Second, func() { br.store.breakDown("get") })
				repair := time.AfterFunc(time.Second+outage, func() { br.store.breakDown() })
				defer repair.Stop()
				begin := time.Now()
				token, err := br.token(t.Context())
				if name == "short" && (token != "access-1" || err != nil) || name == "long" && !errors.Is(err, errDown) {
					t.Errorf("%q, %v", token, err)
				}
				lifetime := br.claimLifetime()
				if took := time.Since(begin); took < lifetime || took > lifetime+2*time.Second {
					t.Errorf("the refresh took %v, want %v or a little more", took, lifetime)
				}
			})
		})
	}
}

// TestRefresh_ProviderFails: the claim is removed, so that the next request, on whichever
// host, asks the provider at once.
func TestRefresh_ProviderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 2, nil)
		p.fail, p.delay = errors.New("503"), 0
		time.Sleep(time.Minute) // until the access token has expired
		begin := time.Now()
		for i, br := range browsers {
			if _, err := br.token(t.Context()); err == nil || errors.Is(err, ErrRefreshTokenRefused) {
				t.Errorf("host %d: %v", i, err)
			}
		}
		if took := time.Since(begin); p.calls != 2 || took != 0 {
			t.Errorf("%d calls of the provider in %v, want 2 at once", p.calls, took)
		}
	})
}

// TestRefresh_RefusedForAnotherReason: after a few answers such as interaction_required the
// refresh token counts as refused, and the provider is not asked again.
func TestRefresh_RefusedForAnotherReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		p.fail = fmt.Errorf("interaction_required: %w", ErrRefreshRequestRefused)
		for i := range 6 {
			_, err := browsers[0].token(t.Context())
			if refused := errors.Is(err, ErrRefreshTokenRefused); refused != (i+1 >= maxDoubtful) {
				t.Errorf("request %d: %v", i+1, err)
			}
		}
		if p.calls != maxDoubtful {
			t.Errorf("%d calls of the provider, want %d", p.calls, maxDoubtful)
		}
		browsers[0].want("alice")
	})
}

// TestUpdate_KeepsClaim: an application's Update never removes the claim of the host that
// refreshes.
func TestUpdate_KeepsClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, browsers := fleet(t, 1, nil)
		br := browsers[0]
		br.setClaim(t, "claim")
		for name, change := range map[string]func(*ticket.Ticket){
			"another ticket": func(tk *ticket.Ticket) { *tk = ticket.Ticket{AccessToken: "another", RefreshToken: tk.RefreshToken} },
			"another claim":  func(tk *ticket.Ticket) { tk.SetRefreshClaim("another") },
		} {
			br.change(change)
			if claim := br.stored(t).ticket.RefreshClaim(); claim != "claim" {
				t.Errorf("%s: the claim is %q", name, claim)
			}
		}
	})
}

// TestAccessToken_ShortLived: a token of 20 seconds costs at most one refresh in 10.
func TestAccessToken_ShortLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		short := refresherFunc(func(ctx context.Context, token string) (Tokens, error) {
			tokens, err := p.RefreshTokens(ctx, token)
			tokens.AccessTokenExpires = time.Now().Add(20 * time.Second)
			return tokens, err
		})
		_, browsers := fleet(t, 1, func(c *Config) { c.Refresher = short })
		br := browsers[0]
		for range 100 {
			if _, err := br.token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if p.calls > 10 || p.calls < 8 {
			t.Errorf("%d refreshes in 100 seconds", p.calls)
		}
	})
}

// TestAccessToken_ExpiryNotInFuture: a provider that sends an expires_in of 0 or less does
// not cause a refresh with every request.
func TestAccessToken_ExpiryNotInFuture(t *testing.T) {
	for _, life := range []time.Duration{0, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			p := &provider{}
			expired := refresherFunc(func(ctx context.Context, token string) (Tokens, error) {
				tokens, err := p.RefreshTokens(ctx, token)
				tokens.AccessTokenExpires = time.Now().Add(life)
				return tokens, err
			})
			_, browsers := fleet(t, 1, func(c *Config) { c.Refresher = expired })
			br := browsers[0]
			for range 120 {
				time.Sleep(time.Second)
				br.visit(func(_ http.ResponseWriter, r *http.Request) {
					if _, err := br.AccessToken(r.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			if p.calls > 5 {
				t.Errorf("a life of %v: %d refreshes in 120 seconds, want one each 30", life, p.calls)
			}
		})
	}
}

// A refresherFunc is a TokenRefresher.
type refresherFunc func(context.Context, string) (Tokens, error)

func (f refresherFunc) RefreshTokens(ctx context.Context, token string) (Tokens, error) {
	return f(ctx, token)
}
