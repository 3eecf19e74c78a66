package main

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/serverside"
)

// Sign-in and sign-out work with every conforming provider: with other algorithms and
// client authentication, without a sign-out endpoint or session ids, with a skewed clock.
func TestFlow_ConformingProviders(t *testing.T) {
	for name, change := range map[string]func(*fakeOP){
		"plain":              func(*fakeOP) {},
		"ES256":              func(op *fakeOP) { op.alg = jose.ES256 },
		"client_secret_post": func(op *fakeOP) { op.authMethods = []string{"client_secret_post"} },
		"basic and post":     func(op *fakeOP) { op.authMethods = []string{"client_secret_post", "client_secret_basic"} },
		"no end_session":     func(op *fakeOP) { op.noEndSession = true },
		"no sid":             func(op *fakeOP) { op.noSID = true },
		"iss in response":    func(op *fakeOP) { op.responseIss = true },
		"clock is late":      func(op *fakeOP) { op.skew = -45 * time.Second },
		"clock is early":     func(op *fakeOP) { op.skew = 45 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			op := newFakeOP(t, change)
			h := newHost(t, op)
			c := h.newClient()
			c.signIn()
			user := c.call(http.MethodGet, "/bff/user", "").json(t)
			if user["sub"] != "alice" || user["name"] != "Alice Archer" || user["sid"] == "" {
				t.Errorf("/bff/user: %v", user)
			}
			for _, protocol := range []string{"nonce", "at_hash", "aud", "exp"} {
				if _, ok := user[protocol]; ok {
					t.Errorf("/bff/user has %s", protocol)
				}
			}

			request := op.requests[0]
			for parameter, want := range map[string]string{
				"response_type": "code", "client_id": fakeClient, "redirect_uri": h.app.opts.baseURL + "/bff/callback",
				"code_challenge_method": "S256", "scope": "openid profile offline_access", "prompt": "consent",
			} {
				if got := request.Get(parameter); got != want {
					t.Errorf("%s: %q, want %q", parameter, got, want)
				}
			}
			if len(request.Get("state")) < 22 || len(request.Get("nonce")) < 22 || len(request.Get("code_challenge")) != 43 {
				t.Errorf("state, nonce or challenge is too short: %v", request)
			}

			c.signedOutAtProvider(op, user["sid"].(string))
		})
	}
}

// signedOutAtProvider signs out and checks the requests that the provider gets.
func (c *client) signedOutAtProvider(op *fakeOP, sid string) {
	t := c.h.t
	t.Helper()
	good := op.refresh
	r := c.get("/bff/logout?sid=" + url.QueryEscape(sid))
	if r.status != http.StatusSeeOther || c.user() != http.StatusUnauthorized || len(c.cookies) != 0 {
		t.Fatalf("/bff/logout: %d, cookies %v", r.status, c.cookies)
	}
	if err := c.h.app.sessions.Shutdown(t.Context()); err != nil { // waits for the revocation
		t.Error(err)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if len(op.revoked) != 1 || op.revoked[0] != good {
		t.Errorf("the refresh token was not revoked: %v", op.revoked)
	}
	if op.noEndSession {
		if r.location != "/" {
			t.Errorf("/bff/logout redirects to %s", r.location)
		}
		return
	}
	u, err := url.Parse(r.location)
	if err != nil || !strings.HasPrefix(r.location, op.issuer+"/end?") {
		t.Fatalf("/bff/logout redirects to %s", r.location)
	}
	query := u.Query()
	if query.Get("post_logout_redirect_uri") != c.h.app.opts.baseURL+"/" || query.Get("client_id") != fakeClient ||
		strings.Count(query.Get("id_token_hint"), ".") != 2 {
		t.Errorf("the sign-out's parameters: %v", query)
	}
}

// A response that does not belong to an attempt of this browser is refused.
func TestCallback_Tampered(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	t.Run("another state", func(t *testing.T) {
		c.refusedSignIn(with(t, c.begin(), "state", "other"), http.StatusBadRequest)
	})
	t.Run("no state", func(t *testing.T) {
		c.refusedSignIn(with(t, c.begin(), "state", ""), http.StatusBadRequest)
	})
	t.Run("another browser", func(t *testing.T) { // login CSRF
		h.newClient().refusedSignIn(c.begin(), http.StatusBadRequest)
	})
	t.Run("another browser's code", func(t *testing.T) { // PKCE: the code belongs to another verifier
		stolen, err := url.Parse(h.newClient().begin())
		if err != nil {
			t.Fatal(err)
		}
		c.refusedSignIn(with(t, c.begin(), "code", stolen.Query().Get("code")), http.StatusBadRequest)
	})
	t.Run("a parameter twice", func(t *testing.T) {
		c.refusedSignIn(c.begin()+"&code=2", http.StatusBadRequest)
	})
	t.Run("a changed cookie", func(t *testing.T) {
		callback := c.begin()
		for name, value := range c.cookies {
			c.cookies[name] = value[:len(value)-4] + "AAAA"
		}
		c.refusedSignIn(callback, http.StatusBadRequest)
		clear(c.cookies)
	})
	t.Run("another attempt's cookie", func(t *testing.T) {
		first, second := h.newClient(), h.newClient()
		callback := first.begin()
		second.begin()
		for name := range first.cookies {
			for _, value := range second.cookies {
				first.cookies[name] = value
			}
		}
		first.refusedSignIn(callback, http.StatusBadRequest)
	})
	t.Run("an error response", func(t *testing.T) {
		callback := with(t, c.begin(), "error", "access_denied")
		c.refusedSignIn(callback, http.StatusBadRequest)
	})
	t.Run("an error code with a script", func(t *testing.T) {
		callback := with(t, c.begin(), "error", "<script>alert(1)</script>")
		if r := c.get(callback); strings.Contains(r.body, "alert(1)") {
			t.Error("the page contains the script")
		}
	})
}

// A callback can be used once, also if the attempt's cookie was copied before.
func TestCallback_Replayed(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	callback := c.begin()
	kept := maps.Clone(c.cookies)
	if r := c.get(callback); r.status != http.StatusSeeOther {
		t.Fatalf("the callback: %d", r.status)
	}
	if r := c.get(callback); r.status != http.StatusBadRequest {
		t.Errorf("the callback again in the same browser: %d", r.status)
	}
	thief := h.newClient()
	thief.cookies = kept
	thief.refusedSignIn(callback, http.StatusBadRequest)
	if op.asked != 1 {
		t.Errorf("%d requests to the token endpoint, want 1", op.asked)
	}
	if status := c.user(); status != http.StatusOK {
		t.Errorf("/bff/user of the first browser: %d", status)
	}
}

// A provider that supports RFC 9207 names itself in the response. A response that names
// another issuer or none is refused.
func TestCallback_AnotherIssuer(t *testing.T) {
	h := newHost(t, newFakeOP(t, func(op *fakeOP) { op.responseIss = true }))
	c := h.newClient()
	c.refusedSignIn(with(t, c.begin(), "iss", "https://evil.example"), http.StatusBadRequest)
	u, err := url.Parse(c.begin())
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Del("iss")
	u.RawQuery = query.Encode()
	c.refusedSignIn(u.String(), http.StatusBadRequest)
}

// The callback refuses ID tokens that OpenID Connect Core 1.0, section 3.1.3.7, forbids, and
// ID tokens whose subject cannot be stored.
func TestCallback_InvalidIDToken(t *testing.T) {
	claim := func(name string, value any) func(*fakeOP) {
		return func(op *fakeOP) {
			op.change = func(claims map[string]any) {
				if claims[name] = value; value == nil {
					delete(claims, name)
				}
			}
		}
	}
	for name, change := range map[string]func(*fakeOP){
		"another issuer":       claim("iss", "https://evil.example"),
		"another audience":     claim("aud", "another client"),
		"many audiences":       claim("aud", []string{fakeClient, "another client"}),
		"another azp":          claim("azp", "another client"),
		"expired":              claim("exp", time.Now().Add(-2*time.Minute).Unix()),
		"no expiry":            claim("exp", nil),
		"no subject":           claim("sub", nil),
		"empty subject":        claim("sub", ""),
		"another nonce":        claim("nonce", "other"),
		"no nonce":             claim("nonce", nil),
		"another access token": claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"a logout token": func(op *fakeOP) {
			op.header = map[string]any{"typ": "logout+jwt"}
		},
		"subject too long": claim("sub", strings.Repeat("x", 256)),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newFakeOP(t, change))
			c := h.newClient()
			c.refusedSignIn(c.begin(), http.StatusBadRequest)
		})
	}
}

// A returnUrl that is not a path of this host, or is too long, is refused.
func TestLogin_OpenRedirect(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	for _, evil := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "javascript:alert(1)",
		"evil", "/\r\nLocation: x", "http:evil.example", "///evil.example", " /x",
	} {
		r := c.get("/bff/login?returnUrl=" + url.QueryEscape(evil))
		if r.status != http.StatusBadRequest || r.location != "" {
			t.Errorf("%q: %d %s", evil, r.status, r.location)
		}
	}
	if len(op.requests) != 0 {
		t.Error("a refused sign-in reached the provider")
	}
	r := c.get("/bff/login?returnUrl=" + url.QueryEscape("/operator?x=1#y"))
	if r = c.get(c.get(r.location).location); r.location != "/operator?x=1#y" {
		t.Errorf("the callback redirects to %q", r.location)
	}
	if r := c.get("/bff/login?returnUrl=/" + strings.Repeat("x", 4000)); r.status != http.StatusBadRequest {
		t.Errorf("a long returnUrl: %d", r.status)
	}
}

// A browser does not send the Strict session cookie with the provider's redirect. The
// second sign-in still ends the first session, for any user and session id.
func TestCallback_EndsFormerSessionWithoutItsCookie(t *testing.T) {
	subject := "bob"
	op := newFakeOP(t, func(op *fakeOP) { op.change = func(claims map[string]any) { claims["sub"] = subject } })
	h := newHost(t, op)
	former := h.newClient()
	former.signIn()
	browser := h.newClient()
	browser.cookies = maps.Clone(former.cookies)
	subject = "alice"
	callback := browser.begin()
	delete(browser.cookies, serverside.DefaultCookieName)
	if r := browser.get(callback); r.status != http.StatusSeeOther || browser.user() != http.StatusOK {
		t.Errorf("the second sign-in: %d", r.status)
	}
	if status := former.user(); status != http.StatusUnauthorized {
		t.Errorf("/bff/user with the first session's cookie: %d", status)
	}
	if ended := h.app.counts.ended.String(); ended != `{"replaced": 1}` {
		t.Errorf("ended sessions: %s, want one replaced", ended)
	}
}
