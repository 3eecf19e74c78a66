package serverside

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRevocationEndpoint(t *testing.T) {
	var form, user, secret string
	status, requests := http.StatusOK, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%s %s", r.Method, r.Header.Get("Content-Type"))
		}
		requests++
		_ = r.ParseForm()
		form = r.PostForm.Encode()
		user, secret, _ = r.BasicAuth()
		if status == http.StatusTemporaryRedirect {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	e := RevocationEndpoint{URL: server.URL, ClientID: "a client", ClientSecret: "p&ss", HTTPClient: server.Client()}
	if err := e.RevokeRefreshToken(t.Context(), "secret&token"); err != nil {
		t.Error(err)
	}
	if form != "token=secret%26token&token_type_hint=refresh_token" || user != "a+client" || secret != "p%26ss" {
		t.Errorf("%s as %s:%s", form, user, secret)
	}
	e.ClientSecret = ""
	if err := e.RevokeRefreshToken(t.Context(), "secret-token"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(form, "client_id=a+client") || user != "" {
		t.Errorf("a public client: %s as %q", form, user)
	}
	for _, status = range []int{400, 401, 503, 307} {
		if err := e.RevokeRefreshToken(t.Context(), "secret-token"); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("status %d: %v", status, err)
		}
	}
	if requests != 6 {
		t.Errorf("%d requests: a redirect was followed", requests)
	}
	server.Close()
	if err := e.RevokeRefreshToken(t.Context(), "secret-token"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("unreachable: %v", err)
	}
	for _, url := range []string{"", "http://id.example/revoke", "ftp://id.example", "https:", "http://localhost.evil.example", "http://127.0.0.1.evil.example/", "://"} {
		if err := (RevocationEndpoint{URL: url}).RevokeRefreshToken(t.Context(), "secret-token"); err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// countedBody is an endless body that counts what is read of it.
type countedBody struct{ read, closed int }

func (b *countedBody) Read(p []byte) (int, error) { b.read += len(p); return len(p), nil }
func (b *countedBody) Close() error               { b.closed++; return nil }

// TestRevocationEndpoint_Body: a provider cannot occupy the revocation with an endless answer, and
// a short answer leaves the connection for the next revocation.
func TestRevocationEndpoint_Body(t *testing.T) {
	endless := &countedBody{}
	e := RevocationEndpoint{URL: "https://id.example/revoke", HTTPClient: &http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: endless}, nil
		}),
	}}
	if err := e.RevokeRefreshToken(t.Context(), "token"); err != nil {
		t.Error(err)
	}
	if endless.read > 1<<20 || endless.closed != 1 {
		t.Errorf("%d bytes were read, and the body was closed %d times", endless.read, endless.closed)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1000))
	}))
	var connections atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	e = RevocationEndpoint{URL: server.URL, HTTPClient: server.Client()}
	for range 3 {
		if err := e.RevokeRefreshToken(t.Context(), "token"); err != nil {
			t.Error(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for three revocations", n)
	}
}

// revokerThatPanics panics with the token as the value.
type revokerThatPanics struct{}

func (revokerThatPanics) RevokeRefreshToken(_ context.Context, token string) error { panic(token) }

func TestRevokeSessions_RevokerPanics(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.Revoker = revokerThatPanics{} })
	br := b.browser()
	br.signIn(alice())
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	br.want("")
	b.settle()
	if log := b.log.String(); !strings.Contains(log, "the Revoker panicked") || strings.Contains(log, "secret-") {
		t.Errorf("the log: %s", log)
	}
}
