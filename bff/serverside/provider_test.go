package serverside

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/usersession/internal/wait"
)

// A provider has an identity provider's token endpoint, which accepts each refresh token
// once, and its revocation endpoint.
type provider struct {
	mu      sync.Mutex
	revoked []string
	spent   map[string]bool
	calls   int
	delay   time.Duration
	fail    error
	subject string // of the answer's ID token, "" without one
	during  func() // runs while a refresh is under way
}

func (p *provider) RevokeRefreshToken(_ context.Context, token string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked = append(p.revoked, token)
	return nil
}

func (p *provider) want(t *testing.T, tokens ...string) {
	time.Sleep(2 * revocationDelay) // revocations run in the background
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	got := slices.Sorted(slices.Values(p.revoked))
	if !slices.Equal(got, tokens) {
		t.Errorf("revoked: %q, want %q", got, tokens)
	}
}

func (p *provider) RefreshTokens(ctx context.Context, token string) (Tokens, error) {
	p.mu.Lock()
	p.calls++
	n := p.calls
	spent := p.spent[token]
	if p.spent == nil {
		p.spent = map[string]bool{}
	}
	if p.fail == nil {
		p.spent[token] = true
	}
	p.mu.Unlock()
	if p.during != nil {
		p.during()
	}
	if spent && p.fail == nil { // refused without the delay
		return Tokens{}, fmt.Errorf("invalid_grant: %w", ErrRefreshTokenRefused)
	}
	if err := wait.For(ctx, p.delay); err != nil {
		return Tokens{}, err
	}
	if p.fail != nil {
		return Tokens{}, p.fail
	}
	return Tokens{
		AccessToken: fmt.Sprint("access-", n), RefreshToken: fmt.Sprint("refresh-", n), AccessTokenExpires: time.Now().Add(5 * time.Minute),
		SubjectID: p.subject,
	}, nil
}

// refresherOf always returns these tokens.
type refresherOf Tokens

func (r refresherOf) RefreshTokens(context.Context, string) (Tokens, error) { return Tokens(r), nil }

// fleet makes hosts that share a store and a provider, and for each host a browser with the
// cookies of the same session, whose access token has just expired.
func fleet(t *testing.T, hosts int, change func(*Config)) (p *provider, browsers []*browser) {
	t.Helper()
	p = &provider{delay: 100 * time.Millisecond}
	store := newSpy(time.Now)
	for range hosts {
		b := newTestBFF(t, func(c *Config) {
			c.Store, c.Clock, c.Refresher, c.Revoker = store, time.Now, p, p
			if change != nil {
				change(c)
			}
		})
		b.store = store
		browsers = append(browsers, b.browser())
	}
	tk := alice()
	tk.AccessTokenExpires = time.Now().Add(10 * time.Second)
	browsers[0].signIn(tk)
	for _, br := range browsers[1:] {
		br.cookies = browsers[0].cookies
	}
	time.Sleep(time.Minute)
	return p, browsers
}

// token asks for an access token within a request of its own.
func (br *browser) token(ctx context.Context) (token string, err error) {
	br.do(br.request("/").WithContext(ctx), func(_ http.ResponseWriter, r *http.Request) {
		token, err = br.AccessToken(r.Context())
	})
	return token, err
}
