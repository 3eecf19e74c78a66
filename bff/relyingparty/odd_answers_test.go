package relyingparty_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

// changing changes the provider's answers at a path on their way to the application.
func changing(path string, change func(response *http.Response, body string) string) func(*setup) {
	return func(s *setup) {
		s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			response, err := http.DefaultTransport.RoundTrip(r)
			if err != nil || r.URL.Path != path {
				return response, err
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return nil, err
			}
			response.Body = io.NopCloser(strings.NewReader(change(response, string(body))))
			response.ContentLength = -1
			return response, nil
		})
	}
}

// Token answers that the specifications allow, and those of some providers, sign in. The life of
// the access token is then known, or unknown, but never none.
func TestCallback_OddTokenAnswers(t *testing.T) {
	with := func(members string) func(*http.Response, string) string {
		return func(_ *http.Response, body string) string {
			return strings.TrimSuffix(strings.TrimSpace(body), "}") + "," + members + "}"
		}
	}
	created := func(expiresIn string) func(*http.Response, string) string {
		return func(response *http.Response, body string) string {
			response.StatusCode = http.StatusCreated
			return with(`"expires_in":`+expiresIn)(response, body)
		}
	}
	for name, test := range map[string]struct {
		change func(*http.Response, string) string
		life   time.Duration
	}{
		"a type in odd case":         {with(`"token_type":"bEARER"`), time.Hour},
		"no type":                    {with(`"token_type":""`), time.Hour},
		"scopes in an array":         {with(`"scope":["openid","profile"]`), time.Hour},
		"no error":                   {with(`"error":null,"error_description":""`), time.Hour},
		"members of other kinds":     {with(`"refresh_expires_in":"x","session_state":{},"not-before-policy":[]`), time.Hour},
		"a member twice":             {with(`"expires_in":60`), time.Minute},
		"status 201":                 {created("3600"), time.Hour},
		"status 201, zero":           {created("0"), time.Minute},
		"status 201, a fraction":     {created("3599.98"), time.Hour},
		"status 201, a text":         {created(`"3600"`), time.Hour},
		"another content type":       {func(r *http.Response, body string) string { r.Header.Set("Content-Type", "text/html"); return body }, time.Hour},
		"a refresh token of no text": {with(`"refresh_token":null`), time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t), changing("/token", test.change)).browser()
			before := time.Now()
			b.signIn()
			b.wantSignedIn("alice")
			if life := b.ticketOf().AccessTokenExpires.Sub(before); life < test.life-2*time.Second || life > test.life+time.Minute {
				t.Errorf("the token lives for %v, want %v", life, test.life)
			}
		})
	}
}

// Other token answers sign nobody in. They are the provider's failure.
func TestCallback_BrokenTokenAnswers(t *testing.T) {
	for name, change := range map[string]func(*http.Response, string) string{
		"status 204": func(r *http.Response, _ string) string { r.StatusCode = http.StatusNoContent; return "" },
		"status 302": func(r *http.Response, body string) string { r.StatusCode = http.StatusFound; return body },
		"status 404": func(r *http.Response, _ string) string { r.StatusCode = http.StatusNotFound; return "<h1>mark</h1>" },
		"status 429": func(r *http.Response, _ string) string {
			r.StatusCode = http.StatusTooManyRequests
			return `{"error":"invalid_grant"}`
		},
		"an error of no text": func(r *http.Response, _ string) string {
			r.StatusCode = http.StatusBadRequest
			return `{"error":{"mark":1}}`
		},
		"a type of no text": func(*http.Response, string) string { return `{"access_token":"mark","token_type":["Bearer"]}` },
		"a nested token":    func(_ *http.Response, body string) string { return `{"data":` + body + `}` },
		"a JSON text":       func(*http.Response, string) string { return `"mark"` },
		"without an end":    func(r *http.Response, _ string) string { return strings.Repeat(" ", 2<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t), changing("/token", change)).browser()
			b.wantFailure(b.signIn(), http.StatusServiceUnavailable, "does not answer")
			b.wantSignedIn("")
			if log := b.log.String(); strings.Contains(log, "mark") || !strings.Contains(log, "level=ERROR") {
				t.Errorf("the log:\n%s", log)
			}
		})
	}
}

// Key sets: what is not usable is ignored, and an answer that is no key set is the provider's
// failure.
func TestCallback_KeySets(t *testing.T) {
	const oct = `{"kty":"oct","kid":"k1","alg":"HS256","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}`
	const curve = `{"kty":"EC","kid":"k1","crv":"P-256","x":"AA","y":"AA"}`
	keys := func(f func(key string) string) func(*http.Response, string) string {
		return func(_ *http.Response, body string) string {
			key := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(body), `{"keys":[`), `]}`)
			return `{"keys":[` + f(key) + `]}`
		}
	}
	text := func(text string) func(*http.Response, string) string {
		return func(*http.Response, string) string { return text }
	}
	for name, test := range map[string]struct {
		change func(*http.Response, string) string
		status int // of the callback
	}{
		"a key twice":                {keys(func(key string) string { return key + "," + key }), http.StatusSeeOther},
		"another key of the same id": {keys(func(key string) string { return curve + "," + oct + "," + key }), http.StatusSeeOther},
		"members of other kinds":     {keys(func(key string) string { return `null,1,"x",[],{},` + key }), http.StatusSeeOther},
		"a key to encrypt":           {keys(func(key string) string { return strings.Replace(key, `"use":"sig"`, `"use":"enc"`, 1) }), http.StatusBadRequest},
		"a symmetric key":            {keys(func(string) string { return oct }), http.StatusBadRequest},
		"a key without an id":        {keys(func(key string) string { return strings.Replace(key, `"kid":"k1",`, "", 1) }), http.StatusBadRequest},
		"no keys":                    {keys(func(string) string { return "" }), http.StatusBadRequest},
		"null":                       {text("null"), http.StatusServiceUnavailable},
		"null keys":                  {text(`{"keys":null}`), http.StatusServiceUnavailable},
		"an array":                   {text(`[]`), http.StatusServiceUnavailable},
		"HTML":                       {text("<html>mark"), http.StatusServiceUnavailable},
		"nothing":                    {text(""), http.StatusServiceUnavailable},
		"a large answer":             {text(`{"keys":[` + strings.Repeat(" ", 2<<20) + `]}`), http.StatusServiceUnavailable},
		"status 204":                 {func(r *http.Response, body string) string { r.StatusCode = http.StatusNoContent; return body }, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t), changing("/keys", test.change)).browser()
			if a := b.signIn(); a.StatusCode != test.status || strings.Contains(a.body+b.log.String(), "mark") {
				t.Errorf("status %d, want %d: %s\n%s", a.StatusCode, test.status, a.body, b.log)
			}
			if test.status != http.StatusSeeOther {
				b.wantSignedIn("")
			}
		})
	}
}

// A userinfo endpoint that fails takes nothing from the sign-in but its claims.
func TestUserInfo_Broken(t *testing.T) {
	as := func(contentType, body string) func(*http.Response, string) string {
		return func(r *http.Response, _ string) string {
			r.Header.Set("Content-Type", contentType)
			return body
		}
	}
	for name, change := range map[string]func(*http.Response, string) string{
		"status 401":               func(r *http.Response, body string) string { r.StatusCode = http.StatusUnauthorized; return body },
		"status 204":               func(r *http.Response, body string) string { r.StatusCode = http.StatusNoContent; return body },
		"HTML":                     as("text/html", "<html>mark"),
		"JSON that says JWT":       as("application/jwt", `{"sub":"alice","name":"mark"}`),
		"a JWT that is not signed": as("application/jwt", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."),
		"a JWT that says JSON":     as("application/json", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."),
		"a subject of no text":     as("application/json", `{"sub":["alice"],"name":"mark"}`),
		"a large answer":           as("application/json", `{"sub":"alice","name":"`+strings.Repeat("mark", 1<<19)+`"}`),
		"another issuer":           as("application/json", `{"sub":"alice","name":"mark","iss":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t), changing("/userinfo", change)).browser()
			b.signIn()
			if claims := b.wantSignedIn("alice"); claims["name"] != nil || strings.Contains(b.log.String(), "mark") {
				t.Errorf("the claims %v\n%s", claims, b.log)
			}
		})
	}
}

// Endpoints may have a query of their own. A document that is small on the wire and large in
// memory is not read.
func TestDiscovery_QueriesAndBombs(t *testing.T) {
	op := newOP(t)
	op.document = func(d map[string]any) {
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "revocation_endpoint"} {
			d[name] = d[name].(string) + "?tenant=1&x=a%2Fb"
		}
	}
	b := newApp(t, op).browser()
	login := b.get("/bff/login")
	if query := queryOf(t, login.location()); query.Get("tenant") != "1" || query.Get("x") != "a/b" || query.Get("state") == "" {
		t.Errorf("the login leads to %q", login.location())
	}
	b.get(b.atProvider(login))
	if name := b.wantSignedIn("alice")["name"]; name != "Alice Archer" {
		t.Errorf("name = %v", name)
	}

	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20))
	}
	_ = z.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"a bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		},
		"redirects without an end": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
	} {
		b := newApp(t, newOP(t, func(op *fakeOP) { op.discover = answer })).browser()
		b.wantFailure(b.get("/bff/login"), http.StatusServiceUnavailable, "does not answer")
		if t.Failed() {
			t.Log(name)
		}
	}
}

// A sign-in that has begun under an old key ends under a new one, as long as the ring has the old
// one too.
func TestCallback_KeyRotation(t *testing.T) {
	op := newOP(t)
	key := func(id uint32, b string) ticket.Key {
		key, err := ticket.NewKeyWithID(id, []byte(strings.Repeat(b, 16)))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	with := func(primary ticket.Key, others ...ticket.Key) *app {
		ring, err := ticket.NewKeyRing(primary, others...)
		if err != nil {
			t.Fatal(err)
		}
		return newApp(t, op, func(s *setup) { s.rp.Protector, s.sessions.Protector = ring, ring })
	}
	one, two := key(1, "ab"), key(2, "cd")
	before, during, after := with(one), with(two, one), with(two)
	b := before.browser()
	callback := b.atProvider(b.get("/bff/login"))
	late := &browser{after, b.clone().cookies}
	late.wantFailure(late.get(callback), http.StatusBadRequest, "no longer valid")
	b = &browser{during, b.cookies}
	b.get(callback)
	b.wantSignedIn("alice")
}

// The redirect URI takes the provider's redirects only, and a code of any length.
func TestCallback_OtherRequests(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	callback := strings.TrimPrefix(b.atProvider(b.get("/bff/login")), baseURL)
	path, query, _ := strings.Cut(callback, "?")
	r := b.request(http.MethodPost, path, strings.NewReader(query)) // response_mode=form_post
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a := b.send(r); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.StatusCode)
	}
	if a := b.send(b.request(http.MethodHead, callback, nil)); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
	b.wantFailure(b.get(path), http.StatusBadRequest, "no longer valid") // the response in the fragment
	b.wantSignedIn("")
	b.get(callback) // nothing of this has ended the attempt
	b.wantSignedIn("alice")
	long := b.get("/bff/login")
	state := queryOf(t, long.location()).Get("state")
	b.wantFailure(b.get("/bff/callback?code="+strings.Repeat("x", 64<<10)+"&state="+state), http.StatusBadRequest, "refused")
	b.wantSignedIn("alice")
}
