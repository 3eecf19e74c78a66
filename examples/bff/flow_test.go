package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/serverside"
)

// Any conforming provider will do: other algorithms, other ways to authenticate, no
// sign-out, no session id, a clock that is off.
func TestConformingProviders(t *testing.T) {
	for name, change := range map[string]func(*fakeOP){
		"plain":              func(*fakeOP) {},
		"ES256":              func(op *fakeOP) { op.alg = jose.ES256 },
		"client_secret_post": func(op *fakeOP) { op.authMethods = []string{"client_secret_post"} },
		"basic and post":     func(op *fakeOP) { op.authMethods = []string{"client_secret_post", "client_secret_basic"} },
		"no end_session":     func(op *fakeOP) { op.noEndSession = true },
		"no sid":             func(op *fakeOP) { op.noSID = true },
		"iss in the answer":  func(op *fakeOP) { op.responseIss = true },
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

			// It has gone the whole way, by the book.
			request := op.requests[0]
			for parameter, want := range map[string]string{
				"response_type": "code", "client_id": fakeClient, "redirect_uri": h.app.opts.redirectURI(),
				"code_challenge_method": "S256", "scope": "openid profile offline_access", "prompt": "consent",
			} {
				if got := request.Get(parameter); got != want {
					t.Errorf("%s: %q, want %q", parameter, got, want)
				}
			}
			if len(request.Get("state")) < 22 || len(request.Get("nonce")) < 22 || len(request.Get("code_challenge")) != 43 {
				t.Errorf("state, nonce or challenge is short: %v", request)
			}

			c.signedOutAtProvider(op, user["sid"].(string))
		})
	}
}

// signedOutAtProvider signs out and looks what the provider is told.
func (c *client) signedOutAtProvider(op *fakeOP, sid string) {
	t := c.h.t
	t.Helper()
	good := op.refresh
	r := c.get("/bff/logout?sid=" + url.QueryEscape(sid))
	if r.status != http.StatusSeeOther || c.user() != http.StatusUnauthorized || len(c.cookies) != 0 {
		t.Fatalf("/bff/logout: %d, and cookies %v", r.status, c.cookies)
	}
	if len(op.revoked) != 1 || op.revoked[0] != good {
		t.Errorf("the refresh token was not revoked: %v", op.revoked)
	}
	if op.noEndSession {
		if r.location != "/" {
			t.Errorf("it leads to %s", r.location)
		}
		return
	}
	u, err := url.Parse(r.location)
	if err != nil || !strings.HasPrefix(r.location, op.issuer+"/end?") {
		t.Fatalf("it leads to %s", r.location)
	}
	query := u.Query()
	if query.Get("post_logout_redirect_uri") != c.h.app.opts.baseURL+"/" || query.Get("client_id") != fakeClient ||
		strings.Count(query.Get("id_token_hint"), ".") != 2 {
		t.Errorf("the sign-out: %v", query)
	}
}

// An answer that does not belong to an attempt of this browser is refused.
func TestTamperedCallbacksAreRefused(t *testing.T) {
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
	t.Run("another browser's code", func(t *testing.T) { // PKCE: the code was made for another verifier
		stolen, err := url.Parse(h.newClient().begin())
		if err != nil {
			t.Fatal(err)
		}
		c.refusedSignIn(with(t, c.begin(), "code", stolen.Query().Get("code")), http.StatusBadRequest)
	})
	t.Run("a parameter twice", func(t *testing.T) {
		c.refusedSignIn(c.begin()+"&code=2", http.StatusBadRequest)
	})
	t.Run("a cookie that was changed", func(t *testing.T) {
		callback := c.begin()
		for name, value := range c.cookies {
			c.cookies[name] = value[:len(value)-4] + "AAAA"
		}
		c.refusedSignIn(callback, http.StatusBadRequest)
		clear(c.cookies)
	})
	t.Run("a cookie of another attempt", func(t *testing.T) {
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
	t.Run("an error of the provider", func(t *testing.T) {
		callback := with(t, c.begin(), "error", "access_denied")
		c.refusedSignIn(callback, http.StatusBadRequest)
	})
	t.Run("an error that is a script", func(t *testing.T) {
		callback := with(t, c.begin(), "error", "<script>alert(1)</script>")
		if r := c.get(callback); strings.Contains(r.body, "alert(1)") {
			t.Error("it is on the page")
		}
	})
}

// A callback is good once: not with the same cookie, and not by another host.
func TestCallbackReplaysAreRefused(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	callback := c.begin()
	kept := maps.Clone(c.cookies)
	if r := c.get(callback); r.status != http.StatusSeeOther {
		t.Fatalf("the callback: %d", r.status)
	}
	if r := c.get(callback); r.status != http.StatusBadRequest {
		t.Errorf("the same browser: %d", r.status)
	}
	thief := h.newClient()
	thief.cookies = kept
	thief.refusedSignIn(callback, http.StatusBadRequest)
	if op.asked != 1 {
		t.Errorf("the provider was asked for tokens %d times", op.asked)
	}
	if status := c.user(); status != http.StatusOK {
		t.Errorf("the first one's session: %d", status)
	}
}

// With RFC 9207 a provider says who answers; another one's answer is refused.
func TestAnswersOfAnotherIssuerAreRefused(t *testing.T) {
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

// Every ID token that OpenID Connect Core 1.0, section 3.1.3.7, has refused.
func TestBadIDTokensAreRefused(t *testing.T) {
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
		"another audience":     claim("aud", "somebody"),
		"many audiences":       claim("aud", []string{fakeClient, "somebody"}),
		"another azp":          claim("azp", "somebody"),
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
		"too long a subject": claim("sub", strings.Repeat("x", 201)),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newFakeOP(t, change))
			c := h.newClient()
			c.refusedSignIn(c.begin(), http.StatusBadRequest)
		})
	}
}

// returnUrl leads to a page of this host, and nowhere else.
func TestOpenRedirectsAreRefused(t *testing.T) {
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
		t.Error("it went to the provider")
	}
	r := c.get("/bff/login?returnUrl=" + url.QueryEscape("/operator?x=1#y"))
	if r = c.get(c.get(r.location).location); r.location != "/operator?x=1#y" {
		t.Errorf("the callback leads to %q", r.location)
	}
	if r := c.get("/bff/login?returnUrl=/" + strings.Repeat("x", 4000)); r.status != http.StatusBadRequest {
		t.Errorf("a long address: %d", r.status)
	}
}

// A browser does not send the Strict session cookie with the provider's redirect. The
// second sign-in still ends the first session, whatever its user and session id.
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
	if ended := h.app.counts.snapshot()["ended"]; !reflect.DeepEqual(ended, map[serverside.EndReason]int64{serverside.EndReplaced: 1}) {
		t.Errorf("ended sessions: %v, want one replaced", ended)
	}
}

// Two tabs may sign in; many do not fill the browser.
func TestAttemptsDoNotPileUp(t *testing.T) {
	c := newHost(t, newFakeOP(t)).newClient()
	first := c.begin()
	c.begin()
	if r := c.get(first); r.status != http.StatusSeeOther {
		t.Errorf("the first of two: %d", r.status)
	}
	for range 20 {
		c.begin()
	}
	if n := len(c.cookies); n > attemptsAtOnce+1 {
		t.Errorf("there are %d cookies", n)
	}
}

// An attempt that took too long is over, whatever the browser has kept.
func TestOldAttemptsAreRefused(t *testing.T) {
	h := newHost(t, newFakeOP(t))
	for age, want := range map[time.Duration]bool{attemptLifetime - time.Minute: true, attemptLifetime + time.Second: false} {
		at := newAttempt("/", "")
		at.Expires = at.Expires.Add(-age)
		response := httptest.NewRecorder()
		if err := h.app.keepAttempt(response, httptest.NewRequest(http.MethodGet, "/bff/login", nil), at); err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest(http.MethodGet, "/bff/callback", nil)
		request.AddCookie(response.Result().Cookies()[0])
		if _, ok := h.app.findAttempt(request, at.State); ok != want {
			t.Errorf("after %s: %t", age, ok)
		}
	}
}
