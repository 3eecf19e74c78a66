package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// logout posts a logout token as a provider does, without a cookie and a CSRF header.
func (c *client) logout(token string) reply {
	c.h.t.Helper()
	return c.h.newClient().do(http.MethodPost, "/bff/backchannel", url.Values{"logout_token": {token}}.Encode(),
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

// A logout token ends the session of its sid, or all sessions of its subject if it has no
// sid. A token can be used once.
func TestBackchannel_EndsSessions(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	one, two := h.newClient(), h.newClient()
	one.signIn()
	two.signIn()
	sid := one.call(http.MethodGet, "/bff/user", "").json(t)["sid"].(string)

	token := op.logoutToken("logout+jwt", "", sid, nil)
	if r := one.logout(token); r.status != http.StatusOK || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("logout by sid: %d", r.status)
	}
	if one.user() != http.StatusUnauthorized || two.user() != http.StatusOK {
		t.Error("the wrong session has ended")
	}
	if r := one.logout(token); r.status != http.StatusBadRequest {
		t.Errorf("the same token again: %d", r.status)
	}
	if r := one.logout(op.logoutToken("logout+jwt", "", sid, nil)); r.status != http.StatusOK {
		t.Errorf("logout of an ended session: %d", r.status)
	}
	one.signIn()
	if r := one.logout(op.logoutToken("application/logout+jwt", "alice", "", nil)); r.status != http.StatusOK {
		t.Errorf("logout by sub: %d", r.status)
	}
	if one.user() != http.StatusUnauthorized || two.user() != http.StatusUnauthorized {
		t.Error("a session of the user is left")
	}
}

// The logout token arrives after the provider has issued the ID token and before the callback
// has written the session.
func TestBackchannel_SignInUnderWay(t *testing.T) {
	for _, noSID := range []bool{false, true} {
		var c *client
		op := newFakeOP(t, func(op *fakeOP) { op.noSID = noSID })
		op.change = func(claims map[string]any) {
			sid, _ := claims["sid"].(string)
			sub := "alice"
			if noSID {
				sid = "another-session" // as providers do that leave sid out of ID tokens
			} else {
				sub = ""
			}
			if r := c.logout(op.logoutToken("logout+jwt", sub, sid, nil)); r.status != http.StatusOK {
				t.Errorf("logout: %d", r.status)
			}
		}
		c = newHost(t, op).newClient()
		c.refusedSignIn(c.begin(), http.StatusForbidden)
		op.change = func(claims map[string]any) { claims["iat"] = claims["iat"].(int64) + 1 } // later than the logout
		c.signIn()
	}
}

// An invalid logout token is refused and ends no session.
func TestBackchannel_InvalidToken(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	c.signIn()
	const event = "http://schemas.openid.net/event/backchannel-logout"
	bad := map[string]string{"empty": "", "no token": "abc", "two dots": "a.b.c"}
	for name, change := range map[string]func(map[string]any){
		"another issuer":    func(m map[string]any) { m["iss"] = "https://evil.example" },
		"another audience":  func(m map[string]any) { m["aud"] = "another client" },
		"expired":           func(m map[string]any) { m["exp"] = time.Now().Add(-2 * time.Minute).Unix() },
		"no exp":            func(m map[string]any) { delete(m, "exp") },
		"no iat":            func(m map[string]any) { delete(m, "iat") },
		"old":               func(m map[string]any) { m["iat"] = time.Now().Add(-time.Hour).Unix() },
		"from the future":   func(m map[string]any) { m["iat"] = time.Now().Add(time.Hour).Unix() },
		"no jti":            func(m map[string]any) { delete(m, "jti") },
		"no sub":            func(m map[string]any) { delete(m, "sub") },
		"empty sub":         func(m map[string]any) { m["sub"] = "" },
		"nonce":             func(m map[string]any) { m["nonce"] = "" },
		"no events":         func(m map[string]any) { delete(m, "events") },
		"another event":     func(m map[string]any) { m["events"] = map[string]any{"x": map[string]any{}} },
		"event is a string": func(m map[string]any) { m["events"] = map[string]any{event: "x"} },
		"event is null":     func(m map[string]any) { m["events"] = map[string]any{event: nil} },
		"not valid yet":     func(m map[string]any) { m["nbf"] = time.Now().Add(time.Hour).Unix() },
	} {
		bad[name] = op.logoutToken("logout+jwt", "alice", "", change)
	}
	good := op.logoutToken("logout+jwt", "alice", "", nil)
	bad["an ID token"] = op.issued[len(op.issued)-1]
	bad["type JWT"] = op.logoutToken("JWT", "alice", "", nil)
	bad["type at+jwt"] = op.logoutToken("at+jwt", "alice", "", nil)
	bad["no signature"] = good[:strings.LastIndex(good, ".")+1]
	bad["another signature"] = good[:len(good)-8] + "AAAAAAAA"
	bad["too long"] = good + strings.Repeat("A", 10<<10)
	for name, token := range bad {
		if r := c.logout(token); r.status != http.StatusBadRequest || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if r := c.get("/bff/backchannel?logout_token=" + good); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", r.status)
	}
	if status := c.user(); status != http.StatusOK {
		t.Errorf("/bff/user after the invalid tokens: %d", status)
	}
	if r := c.logout(good); r.status != http.StatusOK || c.user() != http.StatusUnauthorized {
		t.Errorf("the valid token: %d", r.status)
	}
}

// With -insecure-accept-untyped-logout-tokens the type JWT is accepted, as Keycloak sends
// it.
func TestBackchannel_UntypedTokenAccepted(t *testing.T) {
	op := newFakeOP(t)
	c := newHost(t, op, func(o *options) { o.acceptUntyped = true }).newClient()
	c.signIn()
	if r := c.logout(op.logoutToken("JWT", "alice", "", nil)); r.status != http.StatusOK || c.user() != http.StatusUnauthorized {
		t.Errorf("type JWT: %d", r.status)
	}
}
