package oidcverify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
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

const (
	clientID  = "bff"
	eventName = "http://schemas.openid.net/event/backchannel-logout"
)

// An op is an identity provider: discovery, keys, and logout tokens.
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

// token is a good one with some claims changed.
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

func TestGoodLogoutTokens(t *testing.T) {
	o := newOP(t)
	for name, token := range map[string]string{
		"sub and sid": o.token(nil), "sub": o.token(map[string]any{"sid": nil}), "sid": o.token(map[string]any{"sub": nil}),
		"several audiences":      o.token(map[string]any{"aud": []string{"other", clientID}}),
		"application/logout+jwt": compact(t, o.sign(jose.RS256, o.key, "k1", "application/logout+jwt", o.claims(nil))),
	} {
		t.Run(name, func(t *testing.T) {
			e := o.endpoint(oidcverify.Config{ClientID: clientID})
			if code := e.post(t, token); code != http.StatusOK || len(e.sessions.filters) != 1 {
				t.Errorf("status %d: %s", code, e.log)
			}
		})
	}
}

// good returns the three parts of a good token, to be changed.
func (o *op) parts() []string { return strings.Split(o.token(nil), ".") }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestMalformedLogoutTokensAreRefused(t *testing.T) {
	o := newOP(t)
	good := func(alg jose.SignatureAlgorithm, key any, kid string) string {
		return compact(t, o.sign(alg, key, kid, "logout+jwt", o.claims(nil)))
	}
	typed := func(typ string) string { return compact(t, o.sign(jose.RS256, o.key, "k1", typ, o.claims(nil))) }
	payload := func(text string) string {
		return compact(t, o.sign(jose.RS256, o.key, "k1", "logout+jwt", []byte(text)))
	}
	with := o.token
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := o.parts()
	flipped := []byte(p[2])
	flipped[20] ^= 1
	full := o.sign(jose.RS256, o.key, "k1", "logout+jwt", o.claims(nil)).FullSerialize()
	claims := string(o.claims(nil))
	tokens := map[string]string{
		"empty":                     "",
		"not a JWT":                 "token",
		"two parts":                 p[0] + "." + p[1],
		"five parts":                p[0] + "." + p[1] + "." + p[2] + "." + p[2] + "." + p[2],
		"JSON serialization":        full,
		"alg none":                  b64(`{"alg":"none","typ":"logout+jwt"}`) + "." + p[1] + ".",
		"alg none, signed":          b64(`{"alg":"none","typ":"logout+jwt"}`) + "." + p[1] + "." + p[2],
		"signature removed":         p[0] + "." + p[1] + ".",
		"signature changed":         p[0] + "." + p[1] + "." + string(flipped),
		"header changed":            b64(`{"alg":"RS256","kid":"k1","typ":"logout+jwt","x":1}`) + "." + p[1] + "." + p[2],
		"payload changed":           p[0] + "." + b64(strings.Replace(claims, "alice", "bob", 1)) + "." + p[2],
		"another key":               good(jose.RS256, otherKey, "k1"),
		"unknown key id":            good(jose.RS256, otherKey, "k9"),
		"another algorithm":         good(jose.ES256, ec, "k1"),
		"PS256, not announced":      good(jose.PS256, o.key, "k1"),
		"HS256 with the public key": good(jose.HS256, o.key.PublicKey.N.Bytes(), "k1"),
		"another issuer":            with(map[string]any{"iss": "https://evil.example"}),
		"no issuer":                 with(map[string]any{"iss": nil}),
		"another audience":          with(map[string]any{"aud": "other"}),
		"no audience":               with(map[string]any{"aud": nil}),
		"audience empty":            with(map[string]any{"aud": []string{}}),
		"AUD":                       with(map[string]any{"aud": nil, "AUD": clientID}),
		"audience a number":         with(map[string]any{"aud": 1}),
		"expired":                   with(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
		"no exp":                    with(map[string]any{"exp": nil}),
		"exp a string":              with(map[string]any{"exp": "soon"}),
		"no iat":                    with(map[string]any{"iat": nil}),
		"iat in the future":         with(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}),
		"iat a day ago":             with(map[string]any{"iat": time.Now().Add(-24 * time.Hour).Unix()}),
		"not yet":                   with(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		"no jti":                    with(map[string]any{"jti": nil}),
		"jti empty":                 with(map[string]any{"jti": ""}),
		"no events":                 with(map[string]any{"events": nil}),
		"events a string":           with(map[string]any{"events": eventName}),
		"event null":                payload(strings.Replace(claims, `"`+eventName+`":{}`, `"`+eventName+`":null`, 1)),
		"event a string":            with(map[string]any{"events": map[string]any{eventName: "x"}}),
		"EVENTS":                    with(map[string]any{"events": nil, "EVENTS": map[string]any{eventName: map[string]any{}}}),
		"another event":             with(map[string]any{"events": map[string]any{"other": map[string]any{}}}),
		"nonce":                     with(map[string]any{"nonce": "n"}),
		"nonce empty":               with(map[string]any{"nonce": ""}),
		"no sub and no sid":         with(map[string]any{"sub": nil, "sid": nil}),
		"sub and sid empty":         with(map[string]any{"sub": "", "sid": ""}),
		"sub blank":                 with(map[string]any{"sub": "  ", "sid": nil}),
		"sub a number":              with(map[string]any{"sub": 1}),
		"no typ":                    typed(""),
		"typ JWT":                   typed("JWT"),
		"typ at+jwt":                typed("at+jwt"),
		"typ secevent+jwt":          typed("secevent+jwt"),
		"an ID token":               compact(t, o.sign(jose.RS256, o.key, "k1", "JWT", o.claims(map[string]any{"events": nil, "nonce": "n"}))),
		"payload not JSON":          payload("hello"),
		"payload an array":          payload("[]"),
		"payload twice":             payload(claims + claims),
		"sub twice":                 payload(`{"sub":"bob",` + claims[1:]),
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			e := o.endpoint(oidcverify.Config{ClientID: clientID})
			if code := e.post(t, token); code != http.StatusBadRequest || len(e.sessions.filters) != 0 {
				t.Errorf("status %d, ended %v", code, e.sessions.filters)
			}
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 8 && strings.Contains(e.log.String(), part) {
					t.Error("the log has a part of the token")
				}
			}
		})
	}
	t.Logf("%d malformed tokens", len(tokens))
}

func TestErrorsDoNotQuoteTheToken(t *testing.T) {
	o := newOP(t)
	v, err := oidcverify.NewWithKeySet(o.URL, &oidc.StaticKeySet{}, oidcverify.Config{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"mark", "mark.mark.mark", o.token(map[string]any{"iss": "mark", "aud": "mark"})} {
		_, err := v.Verify(t.Context(), token)
		if err == nil || strings.Contains(err.Error(), "mark") {
			t.Errorf("%v", err)
		}
	}
}

func TestKeyRotationAndAProviderThatIsDown(t *testing.T) {
	o := newOP(t)
	e := o.endpoint(oidcverify.Config{ClientID: clientID})
	o.down = true
	if code := e.post(t, o.token(nil)); code != http.StatusBadRequest || !strings.Contains(e.log.String(), "could not be fetched") {
		t.Errorf("keys that cannot be fetched: status %d, %s", code, e.log)
	}
	o.down = false
	if code := e.post(t, o.token(nil)); code != http.StatusOK {
		t.Errorf("afterwards: status %d, %s", code, e.log)
	}
	o.key, o.kid = otherKey, "k2"
	token := compact(t, o.sign(jose.RS256, o.key, "k2", "logout+jwt", o.claims(nil)))
	if code := e.post(t, token); code != http.StatusOK {
		t.Errorf("after the provider's key rotation: status %d, %s", code, e.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, _ := oidcverify.NewWithKeySet(o.URL, oidc.NewRemoteKeySet(t.Context(), o.URL+"/keys"), oidcverify.Config{ClientID: clientID})
	if _, err := v.Verify(ctx, o.token(nil)); err == nil {
		t.Error("a cancelled request is verified")
	}
}

func TestConfiguration(t *testing.T) {
	keys := &oidc.StaticKeySet{}
	for name, c := range map[string]oidcverify.Config{
		"no client id": {}, "alg none": {ClientID: "x", SupportedSigningAlgs: []string{"RS256", "None"}},
		"a symmetric algorithm": {ClientID: "x", SupportedSigningAlgs: []string{"HS256"}},
	} {
		if _, err := oidcverify.NewWithKeySet("https://id.example", keys, c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := oidcverify.New(nil, oidcverify.Config{ClientID: "x"}); err == nil {
		t.Error("no provider is accepted")
	}
	if _, err := oidcverify.NewWithKeySet("", keys, oidcverify.Config{ClientID: "x"}); err == nil {
		t.Error("no issuer is accepted")
	}
	// Time is an input.
	o := newOP(t)
	v, err := oidcverify.NewWithKeySet(o.URL, oidc.NewRemoteKeySet(t.Context(), o.URL+"/keys"),
		oidcverify.Config{ClientID: clientID, Clock: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), o.token(nil)); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an hour later: %v", err)
	}
}
