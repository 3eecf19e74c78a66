package serverside

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff/ticket"
)

func TestRefusedRefreshToken_SessionGoesOnOrEnds(t *testing.T) {
	for name, ends := range map[string]bool{"the session goes on by default": false, "the session ends with it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, func(c *Config) { c.EndSessionWithRefreshToken = ends })
				p.fail = ErrRefreshTokenRefused
				_, err := browsers[0].token(t.Context())
				if ends {
					if !errors.Is(err, ErrNoSession) {
						t.Error(err)
					}
					browsers[0].want("")
					browsers[0].wantEnded(EndTokens, 1)
					return
				}
				if !errors.Is(err, ErrRefreshTokenRefused) {
					t.Error(err)
				}
				browsers[0].want("alice")
			})
		})
	}
}

func TestRefusedRefreshToken_NotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 2, nil)
		p.fail = ErrRefreshTokenRefused
		var begin time.Time
		for range 5 {
			if _, err := browsers[0].token(t.Context()); !errors.Is(err, ErrRefreshTokenRefused) {
				t.Error(err)
			}
			if begin.IsZero() {
				begin = time.Now()
			}
		}
		if waited := time.Since(begin); p.calls != 1 || waited != 0 {
			t.Errorf("the token was sent %d times, and later requests waited for %v", p.calls, waited)
		}
		if log := browsers[0].log.String(); strings.Count(log, `the identity provider refused a refresh token","subject_id":"alice","session_id":"idp-session"`) != 1 {
			t.Errorf("the log: %s", log)
		}
		if claim := browsers[1].stored(t).ticket.RefreshClaim(); claim != "" {
			t.Error("other hosts wait for the end of the claim")
		}
		// Another refresh token, written by another host, is used at once.
		p.fail = nil
		browsers[1].change(func(tk *ticket.Ticket) { tk.RefreshToken = "another" })
		if token, err := browsers[0].token(t.Context()); token != "access-2" || err != nil {
			t.Errorf("another refresh token: %q, %v", token, err)
		}
	})
}

// The host whose refresh token was refused waits for the slow host and does not end the session.
func TestRefusedRefreshToken_WaitsForSlowHost(t *testing.T) {
	for name, ends := range map[string]bool{"by default": false, "sessions end with their refresh token": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 2, func(c *Config) { c.EndSessionWithRefreshToken = ends }) // TokenTimeout: 5 s
				p.delay = 4900 * time.Millisecond
				store := browsers[0].store
				store.on("update", func() { time.Sleep(200 * time.Millisecond) })
				time.AfterFunc(time.Second, func() { store.breakDown("get") })
				time.AfterFunc(2*time.Second, func() { store.breakDown() })
				var wg sync.WaitGroup
				for i, br := range browsers {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * 10 * time.Millisecond)
						if token, err := br.token(t.Context()); token != "access-1" || err != nil {
							t.Errorf("host %d: %q, %v", i, token, err)
						}
					})
				}
				wg.Wait()
				if p.calls != 1 {
					t.Errorf("%d refreshes, want one for both hosts", p.calls)
				}
				browsers[1].want("alice")
				p.want(t)
			})
		})
	}
}

// Tokens that another host writes at the last moment are used; other changes do not matter.
func TestRefusedRefreshToken_SessionChangesBeforeItEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ticket.Ticket)
		token  string
		err    error
	}{
		"tokens of another host": {func(tk *ticket.Ticket) { tk.AccessToken, tk.RefreshToken = "a", "r" }, "a", nil},
		"new access token only":  {func(tk *ticket.Ticket) { tk.AccessToken = "a" }, "a", nil},
		"another change":         {func(tk *ticket.Ticket) { tk.Properties["device"] = "renamed" }, "", ErrNoSession},
	} {
		for i, before := range []string{"the claim", "the release of the claim", "the end"} {
			t.Run(name+" before "+before, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, browsers := fleet(t, 2, func(c *Config) { c.EndSessionWithRefreshToken = true })
					p.fail = ErrRefreshTokenRefused
					browsers[0].store.onNth(i+1, "update", func() { browsers[1].change(c.change) })
					if token, err := browsers[0].token(t.Context()); token != c.token || !errors.Is(err, c.err) {
						t.Errorf("%q, %v", token, err)
					}
					if c.err != nil {
						browsers[1].want("")
						browsers[0].wantEnded(EndTokens, 1)
					} else {
						browsers[1].want("alice")
						browsers[0].wantEnded(EndTokens, 0)
					}
				})
			})
		}
	}
}

// TestAccessToken_RefusedEarly: a refresh token that is refused while the access token is
// still valid. The request does not wait, and has a token unless its session has ended.
func TestAccessToken_RefusedEarly(t *testing.T) {
	for name, ends := range map[string]bool{"by default": false, "sessions end with their refresh token": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, func(c *Config) { c.EndSessionWithRefreshToken = ends })
				br := browsers[0]
				p.fail, p.delay = ErrRefreshTokenRefused, 0
				tk := alice()
				tk.AccessTokenObtained, tk.AccessTokenExpires = time.Now().Add(-time.Hour), time.Now().Add(30*time.Second)
				br.signIn(tk)
				begin := time.Now()
				token, err := br.token(t.Context())
				if waited := time.Since(begin); waited != 0 {
					t.Errorf("the request waited for %v", waited)
				}
				if ends {
					if !errors.Is(err, ErrNoSession) {
						t.Errorf("%q, %v", token, err)
					}
					br.want("")
				} else if token != "secret-access-token" || err != nil {
					t.Errorf("%q, %v", token, err)
				}
			})
		})
	}
}

func TestRefusedRefreshToken_SessionEndsLaterIfStoreFails(t *testing.T) {
	for i, update := range []string{"the claim", "the release of the claim", "the end"} {
		t.Run(update, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, func(c *Config) { c.EndSessionWithRefreshToken = true })
				br := browsers[0]
				p.fail = ErrRefreshTokenRefused
				br.store.onNth(i+1, "update", func() { br.store.breakDown("update", "delete") })
				if _, err := br.token(t.Context()); !errors.Is(err, errDown) {
					t.Error(err)
				}
				br.store.breakDown()
				if _, err := br.token(t.Context()); !errors.Is(err, ErrNoSession) || p.calls != 1 {
					t.Errorf("%v after %d refreshes", err, p.calls)
				}
				br.want("")
				if n, err := br.store.DeleteExpiredSessions(t.Context()); n != 0 || err != nil {
					t.Errorf("the row remains: %d, %v", n, err)
				}
			})
		})
	}
}

func TestRefusedTokens_Bounded(t *testing.T) {
	var r refusedTokens
	for i := range 5*refusedTokensKept + 1 {
		r.add(strconv.Itoa(i))
		if !r.has(strconv.Itoa(i)) || !r.has(strconv.Itoa(max(0, i-refusedTokensKept+1))) {
			t.Fatalf("after token %d a recent one is forgotten", i)
		}
		if n := len(r.recent) + len(r.older); n > 2*refusedTokensKept {
			t.Fatalf("%d tokens are kept", n)
		}
	}
	if r.has("0") {
		t.Error("the first token is still remembered")
	}
}

// The tokens of one user never get into the session of another.
func TestRefresh_AnswerOfAnotherSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		p.subject = "mallory"
		for range 3 {
			if token, err := browsers[0].token(t.Context()); !errors.Is(err, ErrRefreshTokenRefused) || token != "" {
				t.Errorf("%q, %v", token, err)
			}
		}
		if p.calls != 1 {
			t.Errorf("the provider was asked %d times", p.calls)
		}
		if log := browsers[0].log.String(); !strings.Contains(log, "answered a refresh with the tokens of another user") || strings.Contains(log, "mallory") {
			t.Errorf("the log: %s", log)
		}
		browsers[0].want("alice")
		browsers[0].visit(func(_ http.ResponseWriter, r *http.Request) {
			if tk, _ := browsers[0].Ticket(r.Context()); tk.AccessToken != alice().AccessToken || tk.RefreshToken != alice().RefreshToken {
				t.Error("the session has the tokens of another user")
			}
		})
	})
}

func TestRefresh_AnswerOfSameSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		p.subject = "alice"
		if token, err := browsers[0].token(t.Context()); token != "access-1" || err != nil {
			t.Errorf("%q, %v", token, err)
		}
	})
}
