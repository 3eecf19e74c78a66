package serverside

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// sameToken is a provider that sends the access token that the session has.
type sameToken struct{ calls int }

func (p *sameToken) RefreshTokens(context.Context, string) (Tokens, error) {
	p.calls++
	return Tokens{AccessToken: alice().AccessToken}, nil
}

// TestTransport_RefusedAgainAndAgain: an API that answers 401 whatever the token does not make every
// call refresh the tokens.
func TestTransport_RefusedAgainAndAgain(t *testing.T) {
	same, other := &sameToken{}, &provider{}
	for name, test := range map[string]struct {
		refresher TokenRefresher
		calls     func() int
		want      int // for one refresh
	}{
		"other tokens":   {other, func() int { return other.calls }, 1},
		"the same token": {same, func() int { return same.calls }, 2}, // asked once more whether there is another one
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.Refresher = test.refresher })
			br, status := b.browser(), http.StatusUnauthorized
			br.signIn(alice())
			transport := b.Transport(&url.URL{Scheme: "https", Host: "api.example"}, roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Body: http.NoBody}, nil
			}))
			call := func() {
				t.Helper()
				br.visit(func(_ http.ResponseWriter, r *http.Request) {
					r, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://api.example/", nil)
					if err != nil {
						t.Fatal(err)
					}
					if response, err := transport.RoundTrip(r); err != nil || response.StatusCode != status {
						t.Errorf("%v", err)
					}
				})
			}
			for range 10 {
				call()
			}
			if n := test.calls(); n != test.want {
				t.Errorf("10 calls refreshed the tokens %d times, want %d", n, test.want)
			}
			b.clock.pass(apiRefusalLife)
			call()
			if n := test.calls(); n != 2*test.want {
				t.Errorf("after %v: %d refreshes, want %d", apiRefusalLife, n, 2*test.want)
			}
			status = http.StatusOK // of another resource
			call()
		})
	}
}

// TestAPIRefusals_Bounded: the memory of refused access tokens is bounded.
func TestAPIRefusals_Bounded(t *testing.T) {
	var refusals apiRefusals
	now := time.Now()
	for i := range 3 * apiRefusalsKept {
		refusals.add(fmt.Sprint(i), now)
		if n := len(refusals.until); n > apiRefusalsKept {
			t.Fatalf("%d refusals are kept", n)
		}
	}
	refusals.add("token", now)
	if !refusals.has("token", now) || refusals.has("other", now) || refusals.has("token", now.Add(apiRefusalLife)) {
		t.Error("a refusal is not remembered, or not forgotten")
	}
}
