package oidcverify_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
)

// An op is an OpenID provider with discovery, keys and logout tokens.
type op struct {
	*httptest.Server
	t    testing.TB
	key  *rsa.PrivateKey
	kid  string
	down bool
}

var rsaKey, otherKey = newRSA(), newRSA()

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func newOP(t testing.TB) *op {
	o := &op{t: t, key: rsaKey, kid: "k1"}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": o.URL, "jwks_uri": o.URL + "/keys", "authorization_endpoint": o.URL + "/a", "token_endpoint": o.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		if o.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.key.Public(), KeyID: o.kid, Algorithm: "RS256", Use: "sig"}}})
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	return o
}

func (o *op) claims(changes map[string]any) []byte {
	claims := map[string]any{
		"iss": o.URL, "aud": clientID, "sub": "alice", "sid": "s1", "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix(),
		"events": map[string]any{eventName: map[string]any{}},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	data, err := json.Marshal(claims)
	if err != nil {
		o.t.Fatal(err)
	}
	return data
}

func (o *op) sign(alg jose.SignatureAlgorithm, key any, kid, typ string, payload []byte) *jose.JSONWebSignature {
	options := (&jose.SignerOptions{}).WithHeader("kid", kid)
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		o.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		o.t.Fatal(err)
	}
	return jws
}

func compact(t testing.TB, jws *jose.JSONWebSignature) string {
	t.Helper()
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token returns a valid token with changed claims.
func (o *op) token(changes map[string]any) string {
	return compact(o.t, o.sign(jose.RS256, o.key, "k1", "logout+jwt", o.claims(changes)))
}

type sessions struct {
	issuer  string
	filters []bff.UserSessionsFilter
}

func (s *sessions) Issuer() string { return s.issuer }
func (s *sessions) SubjectOfSession(context.Context, string) (string, bool, error) {
	return "alice", true, nil
}
func (s *sessions) BackchannelLogout(_ context.Context, f bff.UserSessionsFilter) (int64, error) {
	s.filters = append(s.filters, f)
	return 1, nil
}

type endpoint struct {
	http.Handler
	sessions *sessions
	log      *bytes.Buffer
}

func (o *op) endpoint(c oidcverify.Config) *endpoint {
	o.t.Helper()
	provider, err := oidc.NewProvider(o.t.Context(), o.URL)
	if err != nil {
		o.t.Fatal(err)
	}
	v, err := oidcverify.New(provider, c)
	if err != nil {
		o.t.Fatal(err)
	}
	e := &endpoint{sessions: &sessions{issuer: o.URL}, log: &bytes.Buffer{}}
	e.Handler, err = backchannel.New(backchannel.Config{Sessions: e.sessions, Verifier: v, Logger: slog.New(slog.NewTextHandler(e.log, nil))})
	if err != nil {
		o.t.Fatal(err)
	}
	return e
}

func (e *endpoint) post(t testing.TB, token string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code
}

// good returns the three parts of a valid token, for tests that change them.
func (o *op) parts() []string { return strings.Split(o.token(nil), ".") }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
