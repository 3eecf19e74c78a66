package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// While the provider is down, sign-ins fail and sessions stay.
func TestApp_ProviderDown(t *testing.T) {
	t.Run("before the discovery", func(t *testing.T) {
		op := newFakeOP(t)
		h := newHost(t, op)
		op.server.Close()
		r := h.newClient().get("/bff/login")
		if r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "<h1>") || r.header.Get("Retry-After") == "" {
			t.Errorf("/bff/login: %d %s", r.status, r.body)
		}
	})
	t.Run("at the code exchange", func(t *testing.T) {
		op := newFakeOP(t)
		h := newHost(t, op)
		c := h.newClient()
		c.signIn()
		callback := c.begin()
		op.tokenStatus = http.StatusBadGateway
		if r := c.get(callback); r.status != http.StatusServiceUnavailable {
			t.Errorf("the callback with a failing token endpoint: %d", r.status)
		}
		callback = c.begin()
		op.server.Close()
		if r := c.get(callback); r.status != http.StatusServiceUnavailable {
			t.Errorf("the callback without a provider: %d", r.status)
		}
		if status := c.user(); status != http.StatusOK {
			t.Errorf("/bff/user with the former session: %d", status)
		}
		sid := c.call(http.MethodGet, "/bff/user", "").json(t)["sid"].(string)
		if r := c.get("/bff/logout?sid=" + sid); r.status != http.StatusSeeOther || c.user() != http.StatusUnauthorized {
			t.Errorf("/bff/logout: %d", r.status)
		}
	})
}

// While the database is down, requests fail with 503 and browsers keep their cookies.
func TestApp_DatabaseDown(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	c.signIn()
	callback := h.newClient()
	address := callback.begin()
	pool, err := h.app.store.db.DB()
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/bff/user", "/bff/sessions", "/api/userinfo", "/bff/operator"} {
		if r := c.call(http.MethodGet, path, ""); r.status != http.StatusServiceUnavailable || r.header.Values("Set-Cookie") != nil || !strings.Contains(r.body, "try_again") {
			t.Errorf("%s: %d, cookies %v", path, r.status, r.header.Values("Set-Cookie"))
		}
	}
	if r := c.get("/bff/logout"); r.status != http.StatusServiceUnavailable || len(c.cookies) != 1 || !strings.Contains(r.body, `http-equiv="refresh"`) {
		t.Errorf("/bff/logout: %d, cookies %v, want a page that tries again: %s", r.status, c.cookies, r.body)
	}
	if r := c.get("/"); r.status != http.StatusOK { // the page itself needs no session
		t.Errorf("/: %d", r.status)
	}
	if r := callback.get(address); r.status != http.StatusServiceUnavailable || len(callback.cookies) != 1 {
		t.Errorf("the callback: %d, %d cookies; want 503 and the attempt's cookie, for a retry", r.status, len(callback.cookies))
	}
	token := op.logoutToken("logout+jwt", "alice", "", nil)
	if r := c.logout(token); r.status != http.StatusBadRequest { // so that the provider retries
		t.Errorf("the logout token: %d", r.status)
	}
}

// A provider may refuse a refresh token with another code than invalid_grant, again and
// again. The user is then sent to sign in, and the provider is not asked at every call. A
// refusal of the client, or for a moment, is not the user's.
func TestRefresh_RefusedAgainAndAgain(t *testing.T) {
	for code, usersFault := range map[string]bool{
		"invalid_grant": true, "interaction_required": true, "invalid_request": true, "invalid_scope": true, "vendor_code": true,
		"invalid_client": false, "unauthorized_client": false, "temporarily_unavailable": false,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			op := newFakeOP(t, func(op *fakeOP) { op.lifetime = time.Second })
			c := newHost(t, op).newClient()
			c.signIn()
			op.mu.Lock()
			op.refreshError, op.asked = code, 0
			op.mu.Unlock()
			time.Sleep(op.lifetime)
			last := 0
			for range 6 {
				last = c.call(http.MethodGet, "/api/userinfo", "").status
			}
			op.mu.Lock()
			asked := op.asked
			op.mu.Unlock()
			if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusServiceUnavailable}[usersFault]; last != want || usersFault && asked > 3 {
				t.Errorf("status %d after %d refreshes, want %d", last, asked, want)
			}
		})
	}
}

// The log has no token, cookie value, code, state, nonce or client secret, also after
// failures.
func TestLog_NoSecrets(t *testing.T) {
	op := newFakeOP(t)
	h := newHost(t, op)
	c := h.newClient()
	callback := c.begin()
	c.get(callback)
	secrets := []string{c.cookies["__Host-bff"], op.requests[0].Get("state"), op.requests[0].Get("nonce"), fakeSecret}
	secrets = append(secrets, strings.Split(callback, "code=")[1])
	c.call(http.MethodGet, "/api/userinfo", "")
	c.call(http.MethodPost, "/bff/session/refresh", "")
	logout := op.logoutToken("logout+jwt", "alice", "", nil)
	c.logout(logout + "x")
	c.logout(logout)
	c.logout(logout)
	op.tokenStatus = http.StatusInternalServerError
	c.get(c.begin())
	op.server.Close()
	c.get("/bff/login")
	log := h.logged()
	if len(log) < 500 {
		t.Fatalf("the log is too short to prove anything: %s", log)
	}
	for i, secret := range append(append(secrets, op.issued...), strings.Split(logout, ".")...) {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("secret %d is empty or in the log", i)
		}
	}
}

// At shutdown the server waits for requests in progress: the database is closed after it.
func TestServe_WaitsForRequests(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, shutDown := context.WithCancel(t.Context())
	defer shutDown()
	begun, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-finish
	})
	served, answered := make(chan error, 1), make(chan error, 1)
	go func() { served <- serve(ctx, listener, handler) }()
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			err = response.Body.Close()
		}
		answered <- err
	}()
	<-begun
	shutDown()
	select {
	case err := <-served:
		t.Errorf("serving ended before the request: %v", err)
		served <- err
	case <-time.After(200 * time.Millisecond):
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the request: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
