package oidcverify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
)

const (
	clientID  = "bff"
	eventName = "http://schemas.openid.net/event/backchannel-logout"
)

func TestVerify_ValidTokens(t *testing.T) {
	o := newOP(t)
	for name, token := range map[string]string{
		"sub and sid": o.token(nil), "sub": o.token(map[string]any{"sid": nil}), "sid": o.token(map[string]any{"sub": nil}),
		"several audiences":      o.token(map[string]any{"aud": []string{"other", clientID}}),
		"expired a second ago":   o.token(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
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

func TestVerify_MalformedTokens(t *testing.T) {
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
		"expired":                   with(map[string]any{"exp": time.Now().Add(-backchannel.DefaultClockSkew - time.Second).Unix()}),
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

func TestVerify_ErrorsDoNotQuoteToken(t *testing.T) {
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

func TestVerify_KeyRotationAndProviderDown(t *testing.T) {
	o := newOP(t)
	e := o.endpoint(oidcverify.Config{ClientID: clientID})
	o.down = true
	if code := e.post(t, o.token(nil)); code != http.StatusServiceUnavailable || !strings.Contains(e.log.String(), "could not be fetched") {
		t.Errorf("keys that cannot be fetched: status %d, %s", code, e.log)
	}
	o.down = false
	if code := e.post(t, o.token(nil)); code != http.StatusOK {
		t.Errorf("afterwards: status %d, %s", code, e.log)
	}
	o.key, o.kid = otherKey, "k2"
	rotated := compact(t, o.sign(jose.RS256, o.key, "k2", "logout+jwt", o.claims(nil)))
	if code := e.post(t, rotated); code != http.StatusOK {
		t.Errorf("after the provider's key rotation: status %d, %s", code, e.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, _ := oidcverify.NewWithKeySet(o.URL, oidc.NewRemoteKeySet(t.Context(), o.URL+"/keys"), oidcverify.Config{ClientID: clientID})
	if _, err := v.Verify(ctx, o.token(nil)); err == nil {
		t.Error("a cancelled request is verified")
	}
}

func TestVerify_ExpiryWithClockSkew(t *testing.T) {
	o := newOP(t)
	now := time.Now().Truncate(time.Second)
	for name, test := range map[string]struct {
		skew, expired time.Duration
		good          bool
	}{
		"within the default":     {0, time.Second, true},
		"the end of the default": {0, backchannel.DefaultClockSkew, true},
		"beyond the default":     {0, backchannel.DefaultClockSkew + time.Second, false},
		"within two minutes":     {2 * time.Minute, 119 * time.Second, true},
		"beyond two minutes":     {2 * time.Minute, 121 * time.Second, false},
		"beyond a nanosecond":    {time.Nanosecond, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := oidcverify.NewWithKeySet(o.URL, oidc.NewRemoteKeySet(t.Context(), o.URL+"/keys"),
				oidcverify.Config{ClientID: clientID, ClockSkew: test.skew, Clock: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), o.token(map[string]any{"exp": now.Add(-test.expired).Unix()}))
			if test.good && err != nil || !test.good && (err == nil || !strings.Contains(err.Error(), "expired")) {
				t.Errorf("expired %s ago: %v", test.expired, err)
			}
		})
	}
}

func TestNew_Configuration(t *testing.T) {
	keys := &oidc.StaticKeySet{}
	for name, c := range map[string]oidcverify.Config{
		"no client id": {}, "alg none": {ClientID: "x", SupportedSigningAlgs: []string{"RS256", "None"}},
		"a symmetric algorithm": {ClientID: "x", SupportedSigningAlgs: []string{"HS256"}},
		"a negative clock skew": {ClientID: "x", ClockSkew: -time.Second},
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
	// The verifier uses the configured clock.
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
