package backchannel

import (
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
		return VerifiedToken{}, errors.New("bad signature in " + token) // it quotes the token
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

// token returns a valid token with changed claims. A nil value removes the claim.
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

// sessions records the filters of its logouts.
type sessions struct {
	subject string // the user of session s1
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
		t.Error("the response may be cached")
	}
	return w
}

func wantRefused(t testing.TB, w *httptest.ResponseRecorder, s *sessions) {
	t.Helper()
	if w.Code != http.StatusBadRequest || w.Body.String() != `{"error":"invalid_request"}` {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("the content type is %q", got)
	}
	if len(s.filters) != 0 {
		t.Errorf("sessions were ended: %v", s.filters)
	}
}

func TestHandler_EndsSessionsNamedByToken(t *testing.T) {
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

// noSubject finds a session without a subject id.
type noSubject struct{ *sessions }

func (noSubject) SubjectOfSession(context.Context, string) (string, bool, error) {
	return "", true, nil
}

func TestHandler_EmptyFilterNotExecuted(t *testing.T) {
	s := noSubject{&sessions{}}
	h := newHandler(t, s, func(c *Config) { c.BackchannelLogoutAllUserSessions = true })
	wantRefused(t, post(t, h, token(t, map[string]any{"sub": nil})), s.sessions)
}

func TestHandler_ValidTokens(t *testing.T) {
	for name, tk := range map[string]string{
		"application/logout+jwt": raw(`{"alg":"ES256","typ":"application/logout+jwt"}`, strings.TrimSpace(claimsJSON(t, nil))),
		"LOGOUT+JWT":             raw(`{"alg":"RS256","typ":"LOGOUT+JWT","kid":"1"}`, claimsJSON(t, nil)),
		"fractions of seconds":   token(t, map[string]any{"iat": float64(now.Unix()) + 0.25}),
		"a slow clock":           token(t, map[string]any{"iat": now.Add(50 * time.Second).Unix(), "nbf": now.Add(50 * time.Second).Unix()}),
		"expired within skew":    token(t, map[string]any{"exp": float64(now.Unix()) - 59.5}),
		"expires in year 9999":   token(t, map[string]any{"exp": int64(253402300799)}),
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

// trusting is a Verifier that takes any text for a valid token: a text that must not reach a
// Verifier would end sessions.
type trusting struct{ claims string }

func (v trusting) Verify(context.Context, string) (VerifiedToken, error) {
	return VerifiedToken{Header: []byte(goodHeader), Claims: []byte(v.claims)}, nil
}

func TestHandler_TokenLength(t *testing.T) {
	h := newHandler(t, &sessions{}, func(c *Config) { c.Verifier = trusting{claimsJSON(t, nil)} })
	if w := post(t, h, strings.Repeat("x", maxTokenSize+1)); w.Code != http.StatusBadRequest {
		t.Errorf("too long: status %d", w.Code)
	}
	if w := post(t, h, strings.Repeat("x", maxTokenSize)); w.Code != http.StatusOK {
		t.Errorf("the longest: status %d", w.Code)
	}
}

func TestHandler_RequestsWithoutForm(t *testing.T) {
	s := &sessions{}
	h := newHandler(t, s, func(c *Config) { c.Verifier = trusting{claimsJSON(t, nil)} })
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
		"too large":     send("POST", form, good+"&x="+strings.Repeat("x", maxBodySize), ""),
		"empty":         send("POST", form, "", ""),
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, w, s) })
	}
	if w := send("POST", form+"; charset=UTF-8", good+"&other=1", ""); w.Code != http.StatusOK {
		t.Errorf("a valid form: status %d", w.Code)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.MultiReader(strings.NewReader(good), broken{}))
	r.Header.Set("Content-Type", form)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || len(s.filters) != 1 {
		t.Errorf("a truncated body: status %d, ended %v", w.Code, s.filters)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestNew_MissingConfiguration(t *testing.T) {
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
