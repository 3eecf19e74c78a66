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

// An https provider has https endpoints. Its document does not send the application to servers of
// its own machine.
func TestDiscovery_LoopbackOfHTTPSIssuer(t *testing.T) {
	for _, name := range []string{
		"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint", "revocation_endpoint",
	} {
		for _, bad := range []string{"http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]/x"} {
			op := newOP(t)
			server := op.issuer
			op.issuer = "https://id.example"
			op.document = func(d map[string]any) { d[name] = bad }
			b := newApp(t, op, func(s *setup) {
				s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
					r = r.Clone(r.Context())
					r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(server, "http://")
					return http.DefaultTransport.RoundTrip(r)
				})
			}).browser()
			b.wantFailure(b.get("/bff/login"), http.StatusServiceUnavailable, "does not answer")
			op.document = nil
		}
	}
}

// The access token does not follow a redirect of the userinfo endpoint.
func TestUserInfo_Redirect(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		b := newApp(t, newOP(t), changing("/userinfo", func(r *http.Response, body string) string {
			r.StatusCode = status
			r.Header.Set("Location", "/elsewhere") // fails the test
			return body
		})).browser()
		b.signIn()
		if name := b.wantSignedIn("alice")["name"]; name != nil {
			t.Errorf("name = %v", name)
		}
	}
}
