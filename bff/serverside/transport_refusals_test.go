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

// TestTransport_RefusedLater: a token that the API has accepted is refreshed when it refuses it.
func TestTransport_RefusedLater(t *testing.T) {
	p := &provider{}
	b := newTestBFF(t, func(c *Config) { c.Refresher = p })
	br := b.browser()
	br.signIn(alice())
	refused := map[string]bool{"Bearer " + alice().AccessToken: true}
	transport := b.Transport(&url.URL{Scheme: "https", Host: "api.example"}, roundTripper(func(r *http.Request) (*http.Response, error) {
		status := http.StatusOK
		if refused[r.Header.Get("Authorization")] {
			status = http.StatusUnauthorized
		}
		return &http.Response{StatusCode: status, Body: http.NoBody}, nil
	}))
	for _, token := range []string{"Bearer access-1", "Bearer access-2", "Bearer access-3"} {
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			r, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://api.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := transport.RoundTrip(r); err != nil || response.StatusCode != http.StatusOK {
				t.Errorf("%s: %v, %v", token, response, err)
			}
		})
		refused[token] = true
	}
	if p.calls != 3 {
		t.Errorf("%d refreshes", p.calls)
	}
}

// TestAPIRefusals_Kept: a refused access token is remembered for a time and among a number of
// others.
func TestAPIRefusals_Kept(t *testing.T) {
	var refusals apiRefusals
	now := time.Now()
	refusals.add("token", now)
	if !refusals.has("token", now) || refusals.has("other", now) || refusals.has("token", now.Add(apiRefusalLife)) {
		t.Error("a refusal is not remembered, or not forgotten")
	}
	for i := range 3 * apiRefusalsKept {
		refusals.add(fmt.Sprint(i), now)
		if n := len(refusals.recent); n > apiRefusalsKept {
			t.Fatalf("%d recent refusals", n)
		}
		others := i + 1
		if has := refusals.has("token", now); has != (others < 2*apiRefusalsKept) {
			t.Fatalf("after %d others the token is remembered: %t", others, has)
		}
	}
}
