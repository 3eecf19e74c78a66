package relyingparty_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/serverside"
)

// idTokenFaults returns changes of a provider that make its ID tokens invalid (OpenID Connect Core
// 1.0, section 3.1.3.7): for all ID tokens, and for those of a sign-in only.
func idTokenFaults() (all, ofSignIns map[string]func(*fakeOP)) {
	set := func(name string, value any) func(*fakeOP) {
		return func(op *fakeOP) { op.change = func(c map[string]any) { c[name] = value } }
	}
	drop := func(name string) func(*fakeOP) {
		return func(op *fakeOP) { op.change = func(c map[string]any) { delete(c, name) } }
	}
	rename := func(from, to string) func(*fakeOP) {
		return func(op *fakeOP) { op.change = func(c map[string]any) { c[to] = c[from]; delete(c, from) } }
	}
	raw := func(f func(token string) any) func(*fakeOP) {
		return func(op *fakeOP) { op.rewrite = func(token string) any { return f(token) } }
	}
	header := func(name string, value any) func(*fakeOP) {
		return func(op *fakeOP) { op.header = map[string]any{name: value} }
	}
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	// beside gives a claim another value, and adds the right one under its name in capitals.
	beside := func(name string, value any) func(*fakeOP) {
		return func(op *fakeOP) {
			var right []byte
			op.change = func(c map[string]any) {
				right, _ = json.Marshal(c[name])
				c[name] = value
			}
			op.payload = func(claims string) string {
				return strings.TrimSuffix(claims, "}") + `,"` + strings.ToUpper(name) + `":` + string(right) + "}"
			}
		}
	}
	now := time.Now()
	all = map[string]func(*fakeOP){
		"not a JWT":        raw(func(string) any { return "token" }),
		"two parts":        raw(func(s string) any { return s[:strings.LastIndex(s, ".")] }),
		"no signature":     raw(func(s string) any { return s[:strings.LastIndex(s, ".")+1] }),
		"alg none":         raw(func(s string) any { return b64(`{"alg":"none"}`) + "." + strings.Split(s, ".")[1] + "." }),
		"alg none, signed": raw(func(s string) any { p := strings.Split(s, "."); return b64(`{"alg":"none"}`) + "." + p[1] + "." + p[2] }),
		"another payload":  raw(func(s string) any { p := strings.Split(s, "."); return p[0] + "." + b64(`{"sub":"bob"}`) + "." + p[2] }),
		"JSON serialization": raw(func(s string) any {
			p := strings.Split(s, ".")
			return `{"payload":"` + p[1] + `","protected":"` + p[0] + `","signature":"` + p[2] + `"}`
		}),
		"another issuer":            set("iss", "https://evil.example"),
		"the issuer with a slash":   func(op *fakeOP) { op.change = func(c map[string]any) { c["iss"] = op.issuer + "/" } },
		"no issuer":                 drop("iss"),
		"the issuer as ISS":         rename("iss", "ISS"),
		"another audience":          set("aud", "other"),
		"an audience in other case": set("aud", strings.ToUpper(fakeClient)),
		"no audience":               drop("aud"),
		"an audience of no strings": set("aud", []any{fakeClient, 1}),
		"the audience as AUD":       rename("aud", "AUD"),
		"audiences without azp":     set("aud", []string{fakeClient, "other"}),
		"another azp":               set("azp", "other"),
		"azp a number":              set("azp", 1),
		"azp null":                  set("azp", nil),
		"azp an array":              set("azp", []string{fakeClient}),
		"no subject":                drop("sub"),
		"an empty subject":          set("sub", ""),
		"subject a number":          set("sub", 1),
		"subject null":              set("sub", nil),
		"the subject as SUB":        rename("sub", "SUB"),
		"expired":                   set("exp", now.Add(-2*time.Minute).Unix()),
		"no exp":                    drop("exp"),
		"exp a string":              set("exp", "9999999999"),
		"exp null":                  set("exp", nil),
		"exp zero":                  set("exp", 0),
		"exp negative":              set("exp", -1),
		"the exp as EXP":            rename("exp", "EXP"),
		"no iat":                    drop("iat"),
		"iat a string":              set("iat", "now"),
		"iat null":                  set("iat", nil),
		"iat zero":                  set("iat", 0),
		"iat in the future":         set("iat", now.Add(time.Hour).Unix()),
		"iat beyond all times":      set("iat", json.Number("1e300")),
		"not yet":                   set("nbf", now.Add(time.Hour).Unix()),
		"another at_hash":           set("at_hash", b64("0123456789abcdef")),
		"at_hash empty":             set("at_hash", ""),
		"at_hash a number":          set("at_hash", 1),
		"sid a number":              set("sid", 1),
		"sid an object":             set("sid", map[string]any{}),
		"a logout token":            set("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
		"typ logout+jwt":            header("typ", "logout+jwt"),
		"typ at+jwt":                header("typ", "at+jwt"),
		"typ application/at+jwt":    header("typ", "application/at+jwt"),
		"typ a number":              header("typ", 1),
		"an unknown key id":         header("kid", "k9"),
		"an unlisted algorithm": func(op *fakeOP) {
			op.document = func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"ES256"} }
		},
		"signed by another":     func(op *fakeOP) { op.signer = otherKey() },
		"HS256 with the secret": func(op *fakeOP) { op.hmac = true },
		"not UTF-8": func(op *fakeOP) {
			op.payload = func(claims string) string { return strings.TrimSuffix(claims, "}") + `,"x":"` + "\xff" + `"}` }
		},
		"null":                                func(op *fakeOP) { op.payload = func(string) string { return "null" } },
		"no JSON":                             func(op *fakeOP) { op.payload = func(string) string { return "claims" } },
		"another issuer beside it":            beside("iss", "https://evil.example"),
		"another audience beside it":          beside("aud", "other"),
		"an audience of no strings beside it": beside("aud", []any{fakeClient, 1}),
		"an expiry in the past beside it":     beside("exp", now.Add(-2*time.Minute).Unix()),
		"another at_hash beside it":           beside("at_hash", b64("0123456789abcdef")),
		"an empty at_hash beside it":          beside("at_hash", ""),
		"an unknown critical header":          func(op *fakeOP) { op.header = map[string]any{"crit": []string{"x"}, "x": 1} },
		"a key of the token's own": func(op *fakeOP) {
			op.signer, op.header = otherKey(), map[string]any{"jwk": jose.JSONWebKey{Key: otherKey().Public()}}
		},
		"encrypted": raw(func(s string) any {
			return b64(`{"alg":"RSA-OAEP","enc":"A256GCM","cty":"JWT"}`) + ".a2V5.aXY." + strings.Split(s, ".")[1] + ".dGFn"
		}),
		"four parts":         raw(func(s string) any { return s + ".x" }),
		"a second token":     raw(func(s string) any { return s + " " + s }),
		"typ null":           header("typ", nil),
		"typ an array":       header("typ", []string{"JWT"}),
		"no audiences":       set("aud", []string{}),
		"audience an object": set("aud", map[string]any{fakeClient: true}),
		"audiences with another azp": func(op *fakeOP) {
			op.change = func(c map[string]any) { c["aud"], c["azp"] = []string{fakeClient, "other"}, "other" }
		},
		"a second object": func(op *fakeOP) { op.payload = func(claims string) string { return claims + "{}" } },
		"a subject of half a character": func(op *fakeOP) {
			op.payload = func(claims string) string { return strings.Replace(claims, `"sub":"alice"`, `"sub":"alice\ud83d"`, 1) }
		},
		"a sid of half a character": func(op *fakeOP) {
			op.payload = func(claims string) string { return strings.Replace(claims, `"sid":"`, `"sid":"\udc00`, 1) }
		},
		"a number":  raw(func(string) any { return 1 }),
		"an object": raw(func(s string) any { return map[string]any{"token": s} }),
		"HS256, which is listed": func(op *fakeOP) {
			op.hmac = true
			op.document = func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"HS256", "RS256"} }
		},
	}
	return all, map[string]func(*fakeOP){
		"no token":                     raw(func(string) any { return nil }),
		"an empty token":               raw(func(string) any { return "" }),
		"a blank subject":              set("sub", "  "),
		"a subject after a space":      set("sub", " alice"),
		"a subject like that of a row": set("sub", "…sha256:x"),
		"nonce an array": func(op *fakeOP) {
			op.change = func(c map[string]any) { c["nonce"] = []any{c["nonce"]} }
		},
		"subject with NUL":       set("sub", "a\x00b"),
		"another nonce":          set("nonce", rand.Text()),
		"no nonce":               drop("nonce"),
		"an empty nonce":         set("nonce", ""),
		"nonce a number":         set("nonce", 1),
		"the nonce as Nonce":     rename("nonce", "Nonce"),
		"claims nested deeply":   set("x", json.RawMessage(strings.Repeat("[", 9_999)+strings.Repeat("]", 9_999))),
		"a sid that is too long": set("sid", strings.Repeat("x", 201)),
	}
}

// Every ID token that OpenID Connect Core 1.0, section 3.1.3.7, does not allow is refused with
// the same page, no user is signed in, and the refresh token of the grant is revoked.
func TestCallback_MalformedIDTokens(t *testing.T) {
	tests, ofSignIns := idTokenFaults()
	maps.Copy(tests, ofSignIns)
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, change)
			b := newApp(t, op).browser()
			a := b.signIn()
			b.wantFailure(a, http.StatusBadRequest, "refused")
			b.wantSignedIn("")
			if err := b.sessions.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if _, refresh := op.latest(); len(op.revoked) != 1 || op.revoked[0] != refresh {
				t.Errorf("%d tokens were revoked, want the refresh token", len(op.revoked))
			}
			if strings.Contains(b.log.String(), "level=ERROR") {
				t.Errorf("a bad token is an error of the provider:\n%s", b.log)
			}
			if !strings.Contains(b.log.String(), "level=WARN msg=\"relyingparty: a request has failed\" failure=invalid_token") {
				t.Errorf("the log does not warn of a bad token:\n%s", b.log)
			}
		})
	}
	t.Logf("%d malformed ID tokens", len(tests))
}

// A refresh returns none of the tokens beside an ID token that is not valid: they may be another
// user's.
func TestRefreshTokens_MalformedIDTokens(t *testing.T) {
	faults, _ := idTokenFaults()
	for name, change := range faults {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, change, func(op *fakeOP) {
				op.refresh = "of-the-session"
				op.refreshID = func(c map[string]any) {
					delete(c, "nonce")
					if op.change != nil {
						op.change(c)
					}
				}
			})
			a := newApp(t, op)
			tokens, err := a.rp.RefreshTokens(t.Context(), "of-the-session")
			if !errors.Is(err, serverside.ErrRefreshTokenRefused) || tokens != (serverside.Tokens{}) {
				t.Errorf("the error %v and tokens: %t", err, tokens != (serverside.Tokens{}))
			}
			if !strings.Contains(a.log.String(), "level=ERROR msg=\"relyingparty: the ID token of a refresh is not valid\"") {
				t.Errorf("no error in the log:\n%s", a.log)
			}
		})
	}
}

func TestCallback_GoodIDTokens(t *testing.T) {
	now := time.Now()
	tests := map[string]func(*fakeOP){
		"azp": func(op *fakeOP) { op.change = func(c map[string]any) { c["azp"] = fakeClient } },
		"audiences with azp": func(op *fakeOP) {
			op.change = func(c map[string]any) { c["aud"], c["azp"] = []string{"api", fakeClient}, fakeClient }
		},
		"one audience in an array":      func(op *fakeOP) { op.change = func(c map[string]any) { c["aud"] = []string{fakeClient} } },
		"no at_hash":                    func(op *fakeOP) { op.change = func(c map[string]any) { delete(c, "at_hash") } },
		"expired a moment ago":          func(op *fakeOP) { op.change = func(c map[string]any) { c["exp"] = now.Add(-30 * time.Second).Unix() } },
		"the provider's clock is ahead": func(op *fakeOP) { op.skew = 30 * time.Second },
		"times with fractions": func(op *fakeOP) {
			op.change = func(c map[string]any) { c["iat"], c["exp"] = float64(now.Unix())+0.5, float64(now.Unix())+60.5 }
		},
		"valid from now on": func(op *fakeOP) { op.change = func(c map[string]any) { c["nbf"] = now.Unix() } },
		"valid for ever":    func(op *fakeOP) { op.change = func(c map[string]any) { c["exp"] = int64(253402300799) } }, // 9999-12-31T23:59:59Z
		"algorithms listed that are never used": func(op *fakeOP) {
			op.document = func(d map[string]any) {
				d["id_token_signing_alg_values_supported"] = []string{"none", "NONE", "", "HS256", "RS256"}
			}
		},
		"no typ":                       func(op *fakeOP) { op.noType = true },
		"typ jwt":                      func(op *fakeOP) { op.header = map[string]any{"typ": "jwt"} },
		"ES256":                        func(op *fakeOP) { op.alg = jose.ES256 },
		"no sid":                       func(op *fakeOP) { op.noSID = true },
		"no key id":                    func(op *fakeOP) { op.noKeyID = true },
		"an old kind of key beside it": func(op *fakeOP) { op.oddKeys = true },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t, change)).browser()
			b.signIn()
			b.wantSignedIn("alice")
		})
	}
}

// OpenID Connect Core permits a sub of 255 ASCII characters.
func TestSignIn_LongSubject(t *testing.T) {
	long := strings.Repeat("x", 255)
	op := newOP(t, func(op *fakeOP) {
		op.change = func(c map[string]any) { c["sub"] = long }
		op.userInfo = func(info map[string]any) { info["sub"] = long }
	})
	b := newApp(t, op).browser()
	b.signIn()
	if name := b.wantSignedIn(long)["name"]; name != "Alice Archer" {
		t.Errorf("name = %v", name)
	}
	if a := b.post(op.logoutToken("logout+jwt", long, "", nil)); a.StatusCode != http.StatusOK {
		t.Errorf("the logout token: %d", a.StatusCode)
	}
	b.wantSignedIn("")
	long += "x"
	b.wantFailure(b.signIn(), http.StatusBadRequest, "refused")
}

// An answer of the token endpoint that follows no specification signs no user in and is not shown.
func TestCallback_MalformedTokenAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"empty":                {"", http.StatusServiceUnavailable},
		"HTML":                 {"<html>mark</html>", http.StatusServiceUnavailable},
		"an array":             {`["mark"]`, http.StatusServiceUnavailable},
		"no access token":      {`{"id_token":"mark","token_type":"Bearer"}`, http.StatusServiceUnavailable},
		"an error with 200":    {`{"error":"invalid_grant","error_description":"mark"}`, http.StatusBadRequest},
		"an unknown error":     {`{"error":"mark mark","access_token":"x"}`, http.StatusBadRequest},
		"another type":         {`{"access_token":"mark","token_type":"DPoP"}`, http.StatusServiceUnavailable},
		"a large answer":       {`{"access_token":"` + strings.Repeat("mark", 1<<19) + `"}`, http.StatusServiceUnavailable},
		"no ID token":          {`{"access_token":"mark","token_type":"Bearer"}`, http.StatusBadRequest},
		"truncated":            {`{"access_token":"mark"`, http.StatusServiceUnavailable},
		"a token of the wrong": {`{"access_token":1,"token_type":"Bearer"}`, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, func(op *fakeOP) { op.rawToken = &test.body })
			b := newApp(t, op).browser()
			a := b.signIn()
			if a.StatusCode != test.status || strings.Contains(a.body, "mark") || strings.Contains(b.log.String(), "mark") {
				t.Errorf("status %d, want %d: %s\n%s", a.StatusCode, test.status, a.body, b.log)
			}
			b.wantSignedIn("")
		})
	}
}

// The life of an access token is positive and bounded, whatever the provider sends.
func TestSignIn_ExpiresIn(t *testing.T) {
	for sent, want := range map[string]time.Duration{
		"3600": time.Hour, `"3600"`: time.Hour, "3599.98": 3599 * time.Second, "0": time.Minute, "-5": time.Minute, `"soon"`: time.Minute,
		"0.5": time.Second, "": 0, "null": 0, "1e300": 68 * 365 * 24 * time.Hour, "true": time.Minute, "{}": time.Minute, `"Infinity"`: time.Minute,
	} {
		t.Run(sent, func(t *testing.T) {
			b := newApp(t, newOP(t, func(op *fakeOP) { op.expiresIn = &sent })).browser()
			before := time.Now()
			b.signIn()
			got := b.ticketOf().AccessTokenExpires
			if want == 0 {
				if !got.IsZero() {
					t.Errorf("the token expires at %v, want unknown", got)
				}
				return
			}
			if life := got.Sub(before); life < want-time.Second || life > want+40*24*time.Hour && want > time.Hour || life > want+time.Minute && want <= time.Hour {
				t.Errorf("the token lives for %v, want %v", life, want)
			}
		})
	}
}
