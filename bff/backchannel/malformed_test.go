package backchannel

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestHandler_MalformedTokens(t *testing.T) {
	good := claimsJSON(t, nil)
	bad := map[string]string{
		"no token at all":          "",
		"not a JWT":                "hello",
		"signature":                strings.Replace(token(t, nil), ".signed", ".forged", 1),
		"no signature":             strings.Replace(token(t, nil), ".signed", ".", 1),
		"too long":                 token(t, map[string]any{"x": strings.Repeat("x", maxTokenSize)}),
		"alg none":                 raw(`{"alg":"none","typ":"logout+jwt"}`, good),
		"alg None":                 raw(`{"alg":"None","typ":"logout+jwt"}`, good),
		"no alg":                   raw(`{"typ":"logout+jwt"}`, good),
		"no typ":                   raw(`{"alg":"RS256"}`, good),
		"typ JWT":                  raw(`{"alg":"RS256","typ":"JWT"}`, good),
		"typ at+jwt":               raw(`{"alg":"RS256","typ":"at+jwt"}`, good),
		"typ a number":             raw(`{"alg":"RS256","typ":1}`, good),
		"TYP":                      raw(`{"alg":"RS256","TYP":"logout+jwt"}`, good),
		"typ twice":                raw(`{"alg":"RS256","typ":"at+jwt","typ":"logout+jwt"}`, good),
		"header an array":          raw(`[]`, good),
		"header and more":          raw(goodHeader+"x", good),
		"payload empty":            raw(goodHeader, ""),
		"payload null":             raw(goodHeader, "null"),
		"payload an array":         raw(goodHeader, "["+good+"]"),
		"payload cut short":        raw(goodHeader, good[:len(good)-1]),
		"payload and more":         raw(goodHeader, good+"{}"),
		"sub twice":                raw(goodHeader, `{"sub":"bob",`+good[1:]),
		"nonce":                    token(t, map[string]any{"nonce": "n"}),
		"nonce empty":              token(t, map[string]any{"nonce": ""}),
		"nonce null":               raw(goodHeader, `{"nonce":null,`+good[1:]),
		"no events":                token(t, map[string]any{"events": nil}),
		"events a string":          token(t, map[string]any{"events": eventName}),
		"events an array":          token(t, map[string]any{"events": []any{eventName}}),
		"events empty":             token(t, map[string]any{"events": map[string]any{}}),
		"event null":               token(t, map[string]any{"events": map[string]any{eventName: nil}}),
		"event a string":           token(t, map[string]any{"events": map[string]any{eventName: "x"}}),
		"event true":               token(t, map[string]any{"events": map[string]any{eventName: true}}),
		"event an array":           token(t, map[string]any{"events": map[string]any{eventName: []any{}}}),
		"another event":            token(t, map[string]any{"events": map[string]any{eventName + "x": map[string]any{}}}),
		"EVENTS":                   token(t, map[string]any{"events": nil, "EVENTS": map[string]any{eventName: map[string]any{}}}),
		"no iss":                   token(t, map[string]any{"iss": nil}),
		"another iss":              token(t, map[string]any{"iss": issuer + "/"}),
		"iss an array":             token(t, map[string]any{"iss": []string{issuer}}),
		"no jti":                   token(t, map[string]any{"jti": nil}),
		"jti empty":                token(t, map[string]any{"jti": ""}),
		"jti a number":             token(t, map[string]any{"jti": 1}),
		"no sub and no sid":        token(t, map[string]any{"sub": nil, "sid": nil}),
		"sub empty":                token(t, map[string]any{"sub": ""}),
		"sub blank, no sid":        token(t, map[string]any{"sub": " ", "sid": nil}),
		"sub a number":             token(t, map[string]any{"sub": 1}),
		"sub null":                 raw(goodHeader, strings.Replace(good, `"alice"`, "null", 1)),
		"sid empty":                token(t, map[string]any{"sid": ""}),
		"sid an object":            token(t, map[string]any{"sid": map[string]any{}}),
		"half a character in sub":  raw(goodHeader, strings.Replace(good, `"alice"`, `"alice\ud83d"`, 1)),
		"half a character in sid":  raw(goodHeader, strings.Replace(good, `"sid":"`, `"sid":"\udc00`, 1)),
		"no iat":                   token(t, map[string]any{"iat": nil}),
		"iat a string":             token(t, map[string]any{"iat": "now"}),
		"iat null":                 raw(goodHeader, strings.Replace(good, `"iat":`, `"iat":null,"x":`, 1)),
		"iat 0":                    token(t, map[string]any{"iat": 0}),
		"iat too large":            raw(goodHeader, strings.Replace(good, `"iat":`, `"iat":1e300,"x":`, 1)),
		"iat in the future":        token(t, map[string]any{"iat": now.Add(61 * time.Second).Unix()}),
		"iat long ago":             token(t, map[string]any{"iat": now.Add(-12 * time.Minute).Unix()}),
		"no exp":                   token(t, map[string]any{"exp": nil}),
		"expired":                  token(t, map[string]any{"exp": now.Add(-time.Minute).Unix()}),
		"exp a string":             token(t, map[string]any{"exp": "never"}),
		"not yet":                  token(t, map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}),
		"exp too large":            token(t, map[string]any{"exp": int64(253402300800)}),
		"nbf 0":                    token(t, map[string]any{"nbf": 0}),
		"nbf too large":            token(t, map[string]any{"nbf": 1e300}),
		"nbf a string":             token(t, map[string]any{"nbf": "x"}),
		"an ID token":              raw(`{"alg":"RS256","typ":"JWT"}`, claimsJSON(t, map[string]any{"events": nil, "nonce": "n"})),
		"deep":                     raw(goodHeader, strings.Repeat(`{"a":`, 2000)),
		"a megabyte of characters": strings.Repeat("a", 1<<20),
	}
	for name, tk := range bad {
		t.Run(name, func(t *testing.T) {
			s := &sessions{subject: "alice"}
			var log bytes.Buffer
			h := newHandler(t, s, func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				c.BackchannelLogoutAllUserSessions = len(name)%2 == 0
			})
			wantRefused(t, post(t, h, tk), s)
			if !strings.Contains(log.String(), "refused") {
				t.Error("the refusal is not logged")
			}
			for _, part := range append(strings.Split(tk, "."), tk) {
				if len(part) >= 8 && strings.Contains(log.String(), part) {
					t.Errorf("the log has a part of the token: %s", log.String())
				}
			}
		})
	}
	t.Logf("%d malformed tokens", len(bad))
}

// The log says for which reason a token is refused. Several reasons apply to some of these tokens,
// and the first one is reported.
func TestHandler_LogsReason(t *testing.T) {
	good := claimsJSON(t, nil)
	for _, test := range []struct{ token, reason string }{
		{raw(`[]`, good), "the token's header is not a JSON object"},
		{raw(`{"alg":"RS256","typ":"logout+jwt","alg":"RS256"}`, good), "the token's header is not a JSON object, or has a member twice"},
		{raw(goodHeader[:len(goodHeader)-1], good), "the token's header is not a JSON object"},
		{raw(`{"typ":"logout+jwt"}`, good), "the token is not signed"},
		{raw(goodHeader, good[:len(good)-1]), "the token's payload is not a JSON object"},
		{raw(goodHeader, `{"sub":"bob",`+good[1:]), "the token's payload is not a JSON object, or has a member twice"},
		{token(t, map[string]any{"nonce": "n"}), "the token has a nonce"},
		{token(t, map[string]any{"sub": nil, "sid": nil}), "the token has neither sub nor sid"},
		{"12345678", "bad signature in [redacted]"},
	} {
		var log bytes.Buffer
		s := &sessions{}
		h := newHandler(t, s, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		wantRefused(t, post(t, h, test.token), s)
		if !strings.Contains(log.String(), test.reason) {
			t.Errorf("logged %s, want %q", log.String(), test.reason)
		}
	}
}

func TestHandler_UntypedTokens(t *testing.T) {
	for typ, want := range map[string]int{`"JWT"`: 200, `"jwt"`: 200, `"at+jwt"`: 400, `"secevent+jwt"`: 400, `null`: 400} {
		s := &sessions{}
		h := newHandler(t, s, func(c *Config) { c.InsecureAcceptUntypedTokens = true })
		if w := post(t, h, raw(`{"alg":"RS256","typ":`+typ+`}`, claimsJSON(t, nil))); w.Code != want {
			t.Errorf("typ %s: status %d", typ, w.Code)
		}
	}
	h := newHandler(t, &sessions{}, func(c *Config) { c.InsecureAcceptUntypedTokens = true })
	if w := post(t, h, raw(`{"alg":"RS256"}`, claimsJSON(t, nil))); w.Code != http.StatusOK {
		t.Errorf("no typ: status %d", w.Code)
	}
}
