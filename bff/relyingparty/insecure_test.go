package relyingparty_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// With InsecureAllowHTTP everything works with a provider that has http only: also the revocation
// of the refresh token.
func TestInsecureAllowHTTP(t *testing.T) {
	op := newOP(t)
	server := op.issuer
	op.issuer = "http://id.internal"
	b := newApp(t, op, func(s *setup) {
		s.rp.InsecureAllowHTTP = true
		s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "id.internal" {
				return nil, errors.New("another host")
			}
			r = r.Clone(r.Context())
			r.URL.Host = strings.TrimPrefix(server, "http://")
			return http.DefaultTransport.RoundTrip(r)
		})
	}).browser()
	login := b.get("/bff/login")
	login.Header.Set("Location", strings.Replace(login.location(), op.issuer, server, 1))
	b.get(b.atProvider(login))
	b.wantSignedIn("alice")
	if _, err := b.rp.RefreshTokens(t.Context(), op.refresh); err != nil {
		t.Error(err)
	}
	if a := b.get(b.wantSignedIn("alice")["bff:logout_url"].(string)); !strings.HasPrefix(a.location(), op.issuer+"/end?") {
		t.Errorf("the sign-out leads to %q", a.location())
	}
	if err := b.sessions.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if len(op.revoked) != 1 {
		t.Errorf("%d tokens were revoked, want 1:\n%s", len(op.revoked), b.log)
	}
}
