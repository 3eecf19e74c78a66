package serverside

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

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
		br.change(func(tk *ticket.Ticket) { tk.RefreshToken = "refresh" })
		if err := b.RefreshTokens(r.Context()); err != nil {
			t.Error(err)
		}
	})
	if n := k.calls.Load(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}
