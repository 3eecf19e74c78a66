package oidcverify_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/usersession/bff"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
)

const fuzzIssuer = "https://id.example"

// seeded returns a key that is the same in every process of the fuzzer.
func seeded(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// signatures are the ways in which FuzzLogout signs the text of a token. Only the first is the
// provider's.
var signatures = []func(text string) []byte{
	func(text string) []byte { return ed25519.Sign(seeded(1), []byte(text)) },
	func(text string) []byte { return ed25519.Sign(seeded(2), []byte(text)) },
	func(string) []byte { return nil },
	func(text string) []byte { // HS256 with the public key as the secret
		mac := hmac.New(sha256.New, seeded(1).Public().(ed25519.PublicKey))
		mac.Write([]byte(text))
		return mac.Sum(nil)
	},
	func(text string) []byte { return ed25519.Sign(seeded(1), []byte(text+"x")) },
}

// sameParts reports whether the parts of two tokens have the same bytes. The last character of a
// part has bits that decoders ignore.
func sameParts(a, b string) bool {
	partsA, partsB := strings.Split(a, "."), strings.Split(b, ".")
	return slices.EqualFunc(partsA, partsB, func(a, b string) bool {
		bytesA, errA := base64.RawURLEncoding.DecodeString(a)
		bytesB, errB := base64.RawURLEncoding.DecodeString(b)
		return errA == nil && errB == nil && bytes.Equal(bytesA, bytesB)
	})
}

// FuzzLogout posts a logout token, with a real signature, to the endpoint in front of a real store.
// No row is deleted unless the provider has signed exactly this token for this client, and then
// only rows that the token names. The text of the signed token may be changed at one place.
func FuzzLogout(f *testing.F) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	const header = `{"alg":"EdDSA","typ":"logout+jwt"}`
	claims := func(members string) string {
		return `{"iss":"` + fuzzIssuer + `","aud":"bff","jti":"1","iat":1795435200,"exp":1795435320,"events":{"` + eventName + `":{}}` + members + `}`
	}
	good := claims(`,"sub":"alice","sid":"s1"`)
	for i := range signatures {
		f.Add(header, good, byte(i), uint16(0), byte(0))
	}
	f.Add(header, claims(`,"sub":"alice"`), byte(0), uint16(0), byte(0))
	f.Add(header, claims(`,"sid":"s2"`), byte(0), uint16(0), byte(0))
	f.Add(header, claims(`,"sub":"bob","sid":"s1"`), byte(0), uint16(0), byte(0))
	f.Add(header, good, byte(0), uint16(3), byte(1))
	f.Add(header, good, byte(0), uint16(9999), byte(0x20))
	f.Add(`{"alg":"none","typ":"logout+jwt"}`, good, byte(2), uint16(0), byte(0))
	f.Add(`{"alg":"HS256","typ":"logout+jwt"}`, good, byte(3), uint16(0), byte(0))
	f.Add(`{"alg":"EdDSA","typ":"logout+jwt","crit":["b64"],"b64":false}`, good, byte(0), uint16(0), byte(0))
	f.Add(`{"alg":"EdDSA","typ":"logout+jwt","jwk":{"kty":"OKP"}}`, good, byte(1), uint16(0), byte(0))
	f.Add(header, strings.Replace(good, `"aud":"bff"`, `"aud":["other","bff"]`, 1), byte(0), uint16(0), byte(0))
	f.Add(header, strings.Replace(good, `"aud"`, `"AUD"`, 1), byte(0), uint16(0), byte(0))
	f.Add(header, strings.Replace(good, fuzzIssuer, "https://evil.example", 1), byte(0), uint16(0), byte(0))
	f.Add(header, strings.Replace(good, "1795435320", "1795435000", 1), byte(0), uint16(0), byte(0))

	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{seeded(1).Public()}}
	verifier, err := oidcverify.NewWithKeySet(fuzzIssuer, keys, oidcverify.Config{ClientID: clientID, SupportedSigningAlgs: []string{"EdDSA"}, Clock: clock})
	if err != nil {
		f.Fatal(err)
	}
	rows := []bff.UserSessionKey{{Key: "alice s1"}, {Key: "alice s2"}, {Key: "bob s3"}}
	f.Fuzz(func(t *testing.T, header, claims string, how byte, at uint16, flip byte) {
		store := bff.NewInMemoryStore(bff.WithClock(clock))
		for _, key := range rows {
			subject, sid, _ := strings.Cut(key.Key, " ")
			if err := store.CreateUserSession(t.Context(), bff.UserSession{Key: key.Key, SubjectID: subject, SessionID: sid, Created: now, Renewed: now}); err != nil {
				t.Fatal(err)
			}
		}
		h, err := backchannel.New(backchannel.Config{
			Sessions: backchannel.ForStore(store, "", fuzzIssuer), Verifier: verifier, Clock: clock, Logger: slog.New(slog.DiscardHandler),
			Replay: backchannel.StoreReplayMemory{Store: store, Clock: clock},
		})
		if err != nil {
			t.Fatal(err)
		}
		kind := int(how) % len(signatures)
		text := b64(header) + "." + b64(claims)
		token := []byte(text + "." + b64(string(signatures[kind](text))))
		signed := string(token)
		token[int(at)%len(token)] ^= flip

		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(url.Values{"logout_token": {string(token)}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("status %d", w.Code)
		}
		genuine := kind == 0 && sameParts(signed, string(token))
		var named struct{ sub, sid, iss, aud, exp any }
		if w.Code == http.StatusOK {
			var members map[string]any
			d := json.NewDecoder(strings.NewReader(claims))
			d.UseNumber()
			if err := d.Decode(&members); err != nil {
				t.Fatalf("%s was accepted: %v", claims, err)
			}
			named.sub, named.sid, named.iss, named.aud, named.exp = members["sub"], members["sid"], members["iss"], members["aud"], members["exp"]
			many, _ := named.aud.([]any)
			forClient := named.aud == clientID
			for _, one := range many {
				forClient = forClient || one == clientID
			}
			number, _ := named.exp.(json.Number)
			expires, _ := number.Float64()
			if !genuine || named.iss != fuzzIssuer || !forClient || expires <= float64(now.Add(-backchannel.DefaultClockSkew).Unix()) {
				t.Fatalf("signature %d, changed at %d by %d: %s was accepted", kind, at, flip, claims)
			}
		}
		for _, key := range rows {
			subject, sid, _ := strings.Cut(key.Key, " ")
			_, err := store.GetUserSession(t.Context(), key)
			isNamed := w.Code == http.StatusOK && (named.sub == nil || named.sub == subject) && (named.sid == nil || named.sid == sid)
			if (err != nil) != isNamed {
				t.Errorf("status %d, the row %q: %v, after the logout of %s", w.Code, key.Key, err, claims)
			}
		}
	})
}
