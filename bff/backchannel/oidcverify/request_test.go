package oidcverify_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/backchannel/oidcverify"
)

// A recorder is an HTTP transport that keeps the last request and notes that the body was closed.
type recorder struct {
	last   *http.Request
	closed bool
}

type closeNoter struct {
	io.ReadCloser
	closed *bool
}

func (c closeNoter) Close() error {
	*c.closed = true
	return c.ReadCloser.Close()
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.last = request
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil {
		response.Body = closeNoter{response.Body, &r.closed}
	}
	return response, err
}

// A cache between the host and the provider must not hide new keys.
func TestKeySet_Request(t *testing.T) {
	o := newOP(t)
	r := &recorder{}
	keys := oidcverify.NewKeySet(o.URL+"/keys", &http.Client{Transport: r}, nil)
	if _, err := keys.VerifySignature(t.Context(), o.token(nil)); err != nil {
		t.Fatal(err)
	}
	if h := r.last.Header; h.Get("Cache-Control") != "no-cache" || !strings.Contains(h.Get("Accept"), "application/jwk-set+json") {
		t.Errorf("the request has the headers %v", h)
	}
	if !r.closed {
		t.Error("the answer's body is left open")
	}
}

// Keys that a provider publishes are few: valid tokens cause one fetch in an hour.
func TestKeySet_FetchedOnceAnHour(t *testing.T) {
	o := newOP(t)
	server := newKeyServer(t, keySet(publicKey(t, "k1", rsaKey.Public())))
	now := time.Now()
	keys := oidcverify.NewKeySet(server.URL, nil, func() time.Time { return now })
	want := func(fetches int64) {
		t.Helper()
		for range 10 {
			if _, err := keys.VerifySignature(t.Context(), o.token(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if n := server.fetches.Load(); n != fetches {
			t.Errorf("%d fetches, want %d", n, fetches)
		}
	}
	want(1)
	now = now.Add(time.Hour - time.Nanosecond)
	want(1)
	now = now.Add(time.Nanosecond)
	want(2)
}

// After four fetches in half a minute, an unknown key is looked for when the half minute is over.
func TestKeySet_NewKeyAfterForgedTokens(t *testing.T) {
	o := newOP(t)
	server := newKeyServer(t, keySet(publicKey(t, "k1", rsaKey.Public())))
	now := time.Now()
	keys := oidcverify.NewKeySet(server.URL, nil, func() time.Time { return now })
	renewed := compact(t, o.sign(jose.RS256, otherKey, "k2", "logout+jwt", o.claims(nil)))
	for range 5 {
		if _, err := keys.VerifySignature(t.Context(), renewed); err == nil {
			t.Fatal("a token of an unknown key is accepted")
		}
	}
	server.body.Store(keySet(publicKey(t, "k2", otherKey.Public())))
	now = now.Add(30*time.Second - time.Nanosecond)
	if _, err := keys.VerifySignature(t.Context(), renewed); err == nil {
		t.Error("there was a fifth fetch in half a minute")
	}
	now = now.Add(time.Nanosecond)
	if _, err := keys.VerifySignature(t.Context(), renewed); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
}

// A token is verified with the key that it names, or, if it names none, with any.
func TestKeySet_KeyIDs(t *testing.T) {
	o := newOP(t)
	first, second := publicKey(t, "k1", rsaKey.Public()), publicKey(t, "k2", otherKey.Public())
	encryption := strings.Replace(first, `"kid":"k1"`, `"kid":"k1","use":"enc"`, 1)
	sign := func(alg jose.SignatureAlgorithm, key any, kid string) string {
		return compact(t, o.sign(alg, key, kid, "logout+jwt", o.claims(nil)))
	}
	for name, test := range map[string]struct {
		keys, token string
		good        bool
	}{
		"first of two":         {keySet(first, second), sign(jose.RS256, rsaKey, "k1"), true},
		"second of two":        {keySet(first, second), sign(jose.RS256, otherKey, "k2"), true},
		"no id, first of two":  {keySet(first, second), sign(jose.RS256, rsaKey, ""), true},
		"no id, second of two": {keySet(first, second), sign(jose.RS256, otherKey, ""), true},
		"the other key's id":   {keySet(first, second), sign(jose.RS256, rsaKey, "k2"), false},
		"unknown id":           {keySet(first, second), sign(jose.RS256, rsaKey, "k3"), false},
		"a key for encryption": {keySet(encryption), sign(jose.RS256, rsaKey, "k1"), false},
		"symmetric":            {keySet(first), sign(jose.HS256, rsaKey.N.Bytes(), "k1"), false},
		"unsigned":             {keySet(first), b64(`{"alg":"none","kid":"k1"}`) + "." + b64(`{}`) + ".", false},
		"no token":             {keySet(first), "x", false},
	} {
		t.Run(name, func(t *testing.T) {
			keys := oidcverify.NewKeySet(newKeyServer(t, test.keys).URL, nil, nil)
			payload, err := keys.VerifySignature(t.Context(), test.token)
			if (err == nil) != test.good || (payload != nil) != test.good {
				t.Errorf("payload %s, %v", payload, err)
			}
		})
	}
}

func TestKeySet_LargestAnswer(t *testing.T) {
	o := newOP(t)
	body := strings.TrimSuffix(keySet(publicKey(t, "k1", rsaKey.Public())), "}") + `,"x":"`
	for size, good := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		server := newKeyServer(t, body+strings.Repeat("x", size-len(body)-2)+`"}`)
		if _, err := oidcverify.NewKeySet(server.URL, nil, nil).VerifySignature(t.Context(), o.token(nil)); (err == nil) != good {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// New takes the algorithms and the limits of KeySet from the discovery document.
func TestNew_Discovery(t *testing.T) {
	o := newOP(t)
	var fetches atomic.Int64
	announced := newDiscovery(t, o, &fetches, "PS256", "none", "HS256", "RS256")
	provider, err := oidc.NewProvider(t.Context(), announced.URL)
	if err != nil {
		t.Fatal(err)
	}
	v, err := oidcverify.New(provider, oidcverify.Config{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	token := func(alg jose.SignatureAlgorithm, key any) string {
		return compact(t, o.sign(alg, key, "k1", "logout+jwt", o.claims(map[string]any{"iss": announced.URL})))
	}
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256} {
		if verified, err := v.Verify(t.Context(), token(alg, rsaKey)); err != nil || len(verified.Claims) == 0 {
			t.Errorf("%s: %v", alg, err)
		}
	}
	if _, err := v.Verify(t.Context(), token(jose.RS512, rsaKey)); err == nil {
		t.Error("an algorithm that is not announced is accepted")
	}
	for range 50 {
		if _, err := v.Verify(t.Context(), token(jose.RS256, otherKey)); err == nil {
			t.Fatal("a forged token is accepted")
		}
	}
	if n := fetches.Load(); n > 4 {
		t.Errorf("50 forged tokens caused %d fetches", n)
	}
	if v, err = oidcverify.New(provider, oidcverify.Config{ClientID: clientID, SupportedSigningAlgs: []string{"PS256"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token(jose.RS256, rsaKey)); err == nil {
		t.Error("an algorithm that the configuration does not name is accepted")
	}
}

// newDiscovery is a provider with o's keys that announces the algorithms.
func newDiscovery(t *testing.T, o *op, fetches *atomic.Int64, algorithms ...string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"`+server.URL+`","jwks_uri":"`+server.URL+`/keys","authorization_endpoint":"`+server.URL+
			`/a","token_endpoint":"`+server.URL+`/t","id_token_signing_alg_values_supported":["`+strings.Join(algorithms, `","`)+`"]}`)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		_, _ = io.WriteString(w, keySet(publicKey(t, "k1", o.key.Public())))
	})
	return server
}

// A provider without a discovery document has keys of its own.
func TestNew_ProviderConfig(t *testing.T) {
	o := newOP(t)
	provider := (&oidc.ProviderConfig{IssuerURL: o.URL, JWKSURL: o.URL + "/keys", Algorithms: []string{"RS256"}}).NewProvider(t.Context())
	v, err := oidcverify.New(provider, oidcverify.Config{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), o.token(nil)); err != nil {
		t.Errorf("a good token: %v", err)
	}
}

// Verify itself refuses the tokens, whatever its caller looks at, and says why.
func TestVerify_RefusesWithReason(t *testing.T) {
	o := newOP(t)
	own, err := oidcverify.NewWithKeySet(o.URL, oidcverify.NewKeySet(o.URL+"/keys", nil, nil), oidcverify.Config{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	provider := (&oidc.ProviderConfig{IssuerURL: o.URL, JWKSURL: o.URL + "/keys", Algorithms: []string{"RS256"}}).NewProvider(t.Context())
	configured, err := oidcverify.New(provider, oidcverify.Config{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	// go-oidc reads the last of the members aud and AUD.
	last := func(aud string) string {
		claims := strings.Replace(string(o.claims(nil)), `"aud":"`+clientID+`"`, `"aud":`+aud+`,"AUD":"`+clientID+`"`, 1)
		return compact(t, o.sign(jose.RS256, o.key, "k1", "logout+jwt", []byte(claims)))
	}
	for name, test := range map[string]struct{ token, reason string }{
		"good":                    {o.token(nil), ""},
		"several audiences":       {o.token(map[string]any{"aud": []string{"other", clientID}}), ""},
		"AUD":                     {o.token(map[string]any{"aud": nil, "AUD": clientID}), "not for this client"},
		"aud and AUD":             {last(`"other"`), "not for this client"},
		"several auds and AUD":    {last(`["other","another"]`), "not for this client"},
		"aud a number, and AUD":   {last(`1`), "not a valid logout token"},
		"another audience":        {o.token(map[string]any{"aud": "other"}), "not for this client"},
		"another issuer":          {o.token(map[string]any{"iss": "https://evil.example"}), "from another issuer"},
		"another key":             {compact(t, o.sign(jose.RS256, otherKey, "k1", "logout+jwt", o.claims(nil))), "signature is not the identity provider's"},
		"expired":                 {o.token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), "has expired"},
		"no event":                {o.token(map[string]any{"events": nil}), "not a valid logout token"},
		"two parts":               {"a.b", "compact serialization"},
		"a header without base64": {"!." + strings.Join(o.parts()[1:], "."), "header is not base64url"},
	} {
		for kind, v := range map[string]*oidcverify.Verifier{"own keys": own, "the provider's": configured} {
			verified, err := v.Verify(t.Context(), test.token)
			if test.reason == "" && (err != nil || len(verified.Claims) == 0) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			if test.reason != "" && (err == nil || !strings.Contains(err.Error(), test.reason) || verified.Claims != nil) {
				t.Errorf("%s, %s: %s, %v, want %q", name, kind, verified.Claims, err, test.reason)
			}
		}
	}
}
