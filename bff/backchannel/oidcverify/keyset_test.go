package oidcverify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
)

// keyServer counts the fetches of a key set that the test can change.
type keyServer struct {
	*httptest.Server
	fetches atomic.Int64
	status  atomic.Int64
	body    atomic.Value
}

func newKeyServer(t *testing.T, body string) *keyServer {
	s := &keyServer{}
	s.status.Store(http.StatusOK)
	s.body.Store(body)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fetches.Add(1)
		w.WriteHeader(int(s.status.Load()))
		_, _ = w.Write([]byte(s.body.Load().(string)))
	}))
	t.Cleanup(s.Close)
	return s
}

func publicKey(t *testing.T, kid string, key any) string {
	t.Helper()
	data, err := jose.JSONWebKey{Key: key, KeyID: kid}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func keySet(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// Any client can send tokens: they cause a bounded number of fetches.
func TestKeySet_ForgedTokensFetchBounded(t *testing.T) {
	o := newOP(t)
	for name, kid := range map[string]string{"a known key id": "k1", "an unknown key id": "k9", "no key id": ""} {
		t.Run(name, func(t *testing.T) {
			server := newKeyServer(t, keySet(publicKey(t, "k1", rsaKey.Public())))
			now := time.Now()
			keys := oidcverify.NewKeySet(server.URL, nil, func() time.Time { return now })
			forged := compact(t, o.sign(jose.RS256, otherKey, kid, "logout+jwt", o.claims(nil)))
			for range 50 {
				if _, err := keys.VerifySignature(t.Context(), forged); err == nil || errors.Is(err, backchannel.ErrProviderUnavailable) {
					t.Fatalf("a forged token: %v", err)
				}
			}
			if n := server.fetches.Load(); n > 4 {
				t.Errorf("50 forged tokens caused %d fetches", n)
			}
			if _, err := keys.VerifySignature(t.Context(), o.token(nil)); err != nil {
				t.Errorf("a token of the provider: %v", err)
			}
			before := server.fetches.Load()
			now = now.Add(time.Minute)
			if _, err := keys.VerifySignature(t.Context(), forged); err == nil || server.fetches.Load() != before+1 {
				t.Errorf("a minute later: %v, %d more fetches, want 1", err, server.fetches.Load()-before)
			}
		})
	}
}

func TestKeySet_OddKeysAreIgnored(t *testing.T) {
	o := newOP(t)
	good := publicKey(t, "k1", rsaKey.Public())
	for name, odd := range map[string]string{
		"an unknown curve":        `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"e"}`,
		"a point off the curve":   `{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"e"}`,
		"an unknown type":         `{"kty":"XYZ","kid":"e"}`,
		"no type":                 `{"kid":"e"}`,
		"a symmetric key":         `{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA","kid":"e"}`,
		"an encryption key":       strings.Replace(good, `"kid":"k1"`, `"kid":"k1","use":"enc"`, 1),
		"no object":               `"key"`,
		"null":                    `null`,
		"a broken certificate":    `{"kty":"RSA","n":"AQAB","e":"AQAB","x5c":["!"],"kid":"e"}`,
		"an unknown curve, Ed448": `{"kty":"OKP","crv":"Ed448","x":"AA","kid":"e"}`,
	} {
		t.Run(name, func(t *testing.T) {
			keys := oidcverify.NewKeySet(newKeyServer(t, keySet(odd, good)).URL, nil, nil)
			if _, err := keys.VerifySignature(t.Context(), o.token(nil)); err != nil {
				t.Errorf("a token of the other key: %v", err)
			}
		})
	}
}

// A token whose signature cannot be checked is not a bad token.
func TestKeySet_ProviderUnavailable(t *testing.T) {
	o := newOP(t)
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"status 500": {500, "oops"}, "status 404": {404, ""}, "no JSON": {200, "<html>"}, "no keys": {200, "{}"},
		"keys null": {200, `{"keys":null}`}, "too large": {200, `{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := newKeyServer(t, answer.body)
			server.status.Store(int64(answer.status))
			now := time.Now()
			keys := oidcverify.NewKeySet(server.URL, nil, func() time.Time { return now })
			for range 50 {
				_, err := keys.VerifySignature(t.Context(), o.token(nil))
				if !errors.Is(err, backchannel.ErrProviderUnavailable) || strings.Contains(err.Error(), "oops") {
					t.Fatalf("the error is %v", err)
				}
			}
			if n := server.fetches.Load(); n > 4 {
				t.Errorf("%d fetches", n)
			}
			server.status.Store(200)
			server.body.Store(keySet(publicKey(t, "k1", rsaKey.Public())))
			now = now.Add(time.Second)
			if _, err := keys.VerifySignature(t.Context(), o.token(nil)); err != nil {
				t.Errorf("a second after the outage: %v", err)
			}
		})
	}
}

// A key that the provider has withdrawn is not accepted for ever, and an outage withdraws none.
func TestKeySet_KeysAge(t *testing.T) {
	o := newOP(t)
	server := newKeyServer(t, keySet(publicKey(t, "k1", rsaKey.Public())))
	now := time.Now()
	keys := oidcverify.NewKeySet(server.URL, nil, func() time.Time { return now })
	verify := func() error {
		_, err := keys.VerifySignature(t.Context(), o.token(nil))
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	server.status.Store(503)
	for range 3 {
		if err := verify(); err != nil {
			t.Errorf("during an outage: %v", err)
		}
	}
	now = now.Add(time.Minute)
	server.status.Store(200)
	server.body.Store(keySet(publicKey(t, "k2", otherKey.Public())))
	if err := verify(); err == nil {
		t.Error("a withdrawn key is accepted two hours later")
	}
}
