package serverside

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff/ticket"
)

func TestARefusedRefreshToken(t *testing.T) {
	for name, ends := range map[string]bool{"by default the session goes on": false, "the session ends with it": true} {
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

func TestARefusedRefreshTokenIsNotSentAgain(t *testing.T) {
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
			t.Errorf("it was sent %d times, and later requests waited for %v", p.calls, waited)
		}
		// Another one, from another host, is used at once.
		p.fail = nil
		browsers[1].change(func(tk *ticket.Ticket) { tk.RefreshToken = "another" })
		if token, err := browsers[0].token(t.Context()); token != "access-2" || err != nil {
			t.Errorf("another refresh token: %q, %v", token, err)
		}
	})
}

func TestRefusalsAreForgottenInTheEnd(t *testing.T) {
	var r refusals
	for i := range 5*refusalsKept + 1 {
		r.add(strconv.Itoa(i))
		if !r.has(strconv.Itoa(i)) || !r.has(strconv.Itoa(max(0, i-refusalsKept+1))) {
			t.Fatalf("after %d one of the latest is forgotten", i)
		}
		if n := len(r.young) + len(r.old); n > 2*refusalsKept {
			t.Fatalf("%d are kept", n)
		}
	}
	if r.has("0") {
		t.Error("the first one is remembered")
	}
}
