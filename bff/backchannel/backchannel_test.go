package backchannel

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

const issuer = "https://id.example"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// signed is a Verifier of tokens whose signature is the word "signed".
type signed struct{}

func (signed) Verify(_ context.Context, token string) (VerifiedToken, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] != "signed" {
		return VerifiedToken{}, errors.New("bad signature in " + token) // careless
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return VerifiedToken{header, claims}, nil
}

func raw(header, claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".signed"
}

const goodHeader = `{"alg":"RS256","typ":"logout+jwt"}`

func goodClaims() map[string]any {
	return map[string]any{
		"iss": issuer, "aud": "bff", "sub": "alice", "sid": "s1", "jti": "token-1",
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{eventName: map[string]any{}},
	}
}

// token is a good one with some claims changed; nil removes one.
func token(t testing.TB, changes map[string]any) string {
	t.Helper()
	claims := goodClaims()
	maps.Copy(claims, changes)
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	data, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw(goodHeader, string(data))
}

// sessions records what is asked of it.
type sessions struct {
	subject string // who has the session id s1
	filters []bff.UserSessionsFilter
	err     error
}

func (*sessions) Issuer() string { return issuer }

func (s *sessions) SubjectOfSession(_ context.Context, sessionID string) (string, bool, error) {
	return s.subject, s.subject != "" && sessionID == "s1", s.err
}

func (s *sessions) BackchannelLogout(_ context.Context, filter bff.UserSessionsFilter) (int64, error) {
	s.filters = append(s.filters, filter)
	return 1, s.err
}

func newHandler(t testing.TB, s Sessions, change ...func(*Config)) *Handler {
	t.Helper()
	c := Config{Sessions: s, Verifier: signed{}, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func post(t testing.TB, h http.Handler, tokens ...string) *httptest.ResponseRecorder {
	t.Helper()
	body := url.Values{"logout_token": tokens}.Encode()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bff/backchannel", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the response may be stored")
	}
	return w
}

func wantRefused(t testing.TB, w *httptest.ResponseRecorder, s *sessions) {
	t.Helper()
	if w.Code != http.StatusBadRequest || w.Body.String() != `{"error":"invalid_request"}` {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
	if len(s.filters) != 0 {
		t.Errorf("sessions were ended: %v", s.filters)
	}
}

func TestLogoutEndsWhatTheTokenNames(t *testing.T) {
	for name, test := range map[string]struct {
		claims map[string]any
		all    bool
		want   []bff.UserSessionsFilter
	}{
		"sub and sid":        {nil, false, []bff.UserSessionsFilter{{SubjectID: "alice", SessionID: "s1"}}},
		"sub":                {map[string]any{"sid": nil}, false, []bff.UserSessionsFilter{{SubjectID: "alice"}}},
		"sid":                {map[string]any{"sub": nil}, false, []bff.UserSessionsFilter{{SessionID: "s1"}}},
		"all, sub and sid":   {nil, true, []bff.UserSessionsFilter{{SubjectID: "alice"}}},
		"all, sub":           {map[string]any{"sid": nil}, true, []bff.UserSessionsFilter{{SubjectID: "alice"}}},
		"all, sid":           {map[string]any{"sub": nil}, true, []bff.UserSessionsFilter{{SubjectID: "bob"}}},
		"all, sid not known": {map[string]any{"sub": nil, "sid": "s2"}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sessions{subject: "bob"}
			h := newHandler(t, s, func(c *Config) { c.BackchannelLogoutAllUserSessions = test.all })
			w := post(t, h, token(t, test.claims))
			if w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Errorf("status %d, %s", w.Code, w.Body)
			}
			if len(s.filters) != len(test.want) || len(test.want) == 1 && s.filters[0] != test.want[0] {
				t.Errorf("ended %v, want %v", s.filters, test.want)
			}
		})
	}
}

// nobodys finds a session that is nobody's.
type nobodys struct{ *sessions }

func (nobodys) SubjectOfSession(context.Context, string) (string, bool, error) { return "", true, nil }

func TestAnEmptyFilterIsNeverExecuted(t *testing.T) {
	s := nobodys{&sessions{}}
	h := newHandler(t, s, func(c *Config) { c.BackchannelLogoutAllUserSessions = true })
	wantRefused(t, post(t, h, token(t, map[string]any{"sub": nil})), s.sessions)
}

func TestGoodTokensOfEveryForm(t *testing.T) {
	for name, tk := range map[string]string{
		"application/logout+jwt": raw(`{"alg":"ES256","typ":"application/logout+jwt"}`, strings.TrimSpace(claimsJSON(t, nil))),
		"LOGOUT+JWT":             raw(`{"alg":"RS256","typ":"LOGOUT+JWT","kid":"1"}`, claimsJSON(t, nil)),
		"fractions of seconds":   token(t, map[string]any{"iat": float64(now.Unix()) + 0.25}),
		"a slow clock":           token(t, map[string]any{"iat": now.Add(50 * time.Second).Unix(), "nbf": now.Add(50 * time.Second).Unix()}),
		"late":                   token(t, map[string]any{"iat": now.Add(-9 * time.Minute).Unix()}),
		"more claims and events": token(t, map[string]any{"trace_id": "x", "events": map[string]any{eventName: map[string]any{"x": 1}, "other": nil}}),
		"white space":            raw(" "+goodHeader+"\n", " "+claimsJSON(t, nil)+" "),
	} {
		t.Run(name, func(t *testing.T) {
			if w := post(t, newHandler(t, &sessions{}), tk); w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
		})
	}
}

func claimsJSON(t testing.TB, changes map[string]any) string {
	t.Helper()
	data, _ := base64.RawURLEncoding.DecodeString(strings.Split(token(t, changes), ".")[1])
	return string(data)
}

func TestMalformedTokensAreRefused(t *testing.T) {
	good := claimsJSON(t, nil)
	bad := map[string]string{
		"no token at all":          "",
		"not a JWT":                "hello",
		"signature":                strings.Replace(token(t, nil), ".signed", ".forged", 1),
		"no signature":             strings.Replace(token(t, nil), ".signed", ".", 1),
		"too long":                 token(t, map[string]any{"x": strings.Repeat("x", maxToken)}),
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
				t.Error("it is not logged")
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

func TestUntypedTokensAreTakenOnlyOnRequest(t *testing.T) {
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

func TestRequestsThatAreNoFormAreRefused(t *testing.T) {
	s := &sessions{}
	h := newHandler(t, s)
	good := "logout_token=" + token(t, nil)
	send := func(method, contentType, body, query string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "/bff/backchannel"+query, strings.NewReader(body))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const form = "application/x-www-form-urlencoded"
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		w := send(method, form, good, "?"+good)
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d", method, w.Code)
		}
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"JSON":          send("POST", "application/json", `{"logout_token":"x"}`, ""),
		"no type":       send("POST", "", good, ""),
		"multipart":     send("POST", "multipart/form-data; boundary=x", good, ""),
		"a broken type": send("POST", ";", good, ""),
		"in the query":  send("POST", form, "", "?"+good),
		"two tokens":    send("POST", form, good+"&"+good, ""),
		"a bad escape":  send("POST", form, "logout_token=%zz", ""),
		"too large":     send("POST", form, good+"&x="+strings.Repeat("x", maxBody), ""),
		"empty":         send("POST", form, "", ""),
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, w, s) })
	}
	if w := send("POST", form+"; charset=UTF-8", good+"&other=1", ""); w.Code != http.StatusOK {
		t.Errorf("a good one: status %d", w.Code)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.MultiReader(strings.NewReader(good), broken{}))
	r.Header.Set("Content-Type", form)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("a body that breaks off: status %d", w.Code)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestNewSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]Config{
		"Sessions": {Verifier: signed{}}, "Verifier": {Sessions: &sessions{}},
		"negative": {Sessions: &sessions{}, Verifier: signed{}, MaxTokenAge: -1}, "issuer": {Sessions: noIssuer{}, Verifier: signed{}},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type noIssuer struct{ *sessions }

func (noIssuer) Issuer() string { return "" }

func FuzzHandler(f *testing.F) {
	f.Add(goodHeader, claimsJSON(f, nil))
	f.Add(`{"alg":"RS256","typ":"JWT"}`, `{"iat":1e400}`)
	f.Add(`{`, `{"events":{"a":{}},"events":null}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		s := &sessions{subject: "alice"}
		h := newHandler(t, s, func(c *Config) { c.BackchannelLogoutAllUserSessions = len(claims)%2 == 0 })
		w := post(t, h, raw(header, claims))
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("status %d", w.Code)
		}
		for _, filter := range s.filters {
			if filter.Validate() != nil || w.Code != http.StatusOK {
				t.Errorf("ended %q with status %d", filter, w.Code)
			}
		}
	})
}
