package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"example.com/usersession/bff/devprovider"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/entities"
)

func openDB(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "bff.db") + "?_pragma=busy_timeout(5000)"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		t.Fatal(err)
	}
	return db
}

// A browser keeps the cookies of each host. It sends Secure cookies over http, as a browser does
// to loopback and net/http's jar does not.
type browser struct {
	t       *testing.T
	cookies map[string]map[string]string
}

func (b *browser) do(method, address string, form url.Values, header ...string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.cookies[r.URL.Hostname()] {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	for _, c := range response.Cookies() {
		host := b.cookies[r.URL.Hostname()]
		if host == nil {
			host = map[string]string{}
			b.cookies[r.URL.Hostname()] = host
		}
		if host[c.Name] = c.Value; c.MaxAge < 0 {
			delete(host, c.Name)
		}
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if location, err := response.Location(); err == nil {
		return b.do(http.MethodGet, location.String(), nil)
	}
	return response, string(body)
}

// user returns the answer of the user endpoint, nil for nobody.
func (b *browser) user(base string) map[string]any {
	b.t.Helper()
	response, body := b.do(http.MethodGet, base+"/bff/user", nil, "X-CSRF", "1")
	if response.StatusCode == http.StatusUnauthorized {
		return nil
	}
	var claims map[string]any
	if err := json.Unmarshal([]byte(body), &claims); err != nil {
		b.t.Fatalf("the user endpoint: %d %s", response.StatusCode, body)
	}
	return claims
}

var hidden = regexp.MustCompile(`name="request" value="([^"]+)"`)

// TestSignIn_SignOut does what docs/bff.md says, as a browser does.
func TestSignIn_SignOut(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	base := "http://localhost:" + port
	provider, err := devprovider.Start(t.Context(), devprovider.Config{Clients: []devprovider.Client{{
		ID: "bff", Secret: "development", RedirectURIs: []string{base + "/bff/callback"},
		PostLogoutRedirectURIs: []string{base + "/"}, BackchannelLogoutURI: base + "/bff/backchannel",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	handler, sessions := newBFF(openDB(t), relyingparty.Config{
		Issuer: provider.Issuer(), ClientID: "bff", ClientSecret: "development", BaseURL: base, Protector: ticket.InsecureRandomKeyRing(),
	})
	server.Config.Handler = handler
	server.Start()
	defer func() {
		if err := sessions.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()

	b := &browser{t, map[string]map[string]string{}}
	if response, body := b.do(http.MethodGet, base+"/", nil); response.StatusCode != http.StatusOK || !strings.Contains(body, "/bff/login?returnUrl=/") {
		t.Errorf("the page: %d %s", response.StatusCode, body)
	}
	if user := b.user(base); user != nil {
		t.Errorf("signed in before the sign-in: %v", user)
	}
	signIn := func() {
		t.Helper()
		response, body := b.do(http.MethodGet, base+"/bff/login?returnUrl=/", nil)
		if request := hidden.FindStringSubmatch(body); request != nil {
			response, body = b.do(http.MethodPost, provider.Issuer()+"/signin", url.Values{"request": {request[1]}, "user": {"alice"}})
		}
		if response.StatusCode != http.StatusOK || response.Request.URL.String() != base+"/" {
			t.Fatalf("the sign-in ends at %s: %d %s", response.Request.URL, response.StatusCode, body)
		}
	}
	signIn()
	user := b.user(base)
	if user["sub"] != "alice" || user["name"] != "Alice Archer" || user["access_token"] != nil {
		t.Fatalf("the user endpoint: %v", user)
	}
	response, _ := b.do(http.MethodGet, base+user["bff:logout_url"].(string), nil)
	if response.Request.URL.String() != base+"/" || b.user(base) != nil {
		t.Errorf("the sign-out ends at %s", response.Request.URL)
	}

	// The provider ends a session over the back channel, without the browser.
	signIn()
	sid := b.user(base)["sid"].(string)
	(&browser{t, map[string]map[string]string{}}).do(http.MethodPost, provider.Issuer()+"/end", url.Values{"sid": {sid}})
	if user := b.user(base); user != nil {
		t.Errorf("signed in after the back-channel logout: %v", user)
	}
}

func TestServe(t *testing.T) {
	handler, sessions := newBFF(openDB(t), relyingparty.Config{
		Issuer: "https://id.example", ClientID: "bff", BaseURL: "https://app.example", Protector: ticket.InsecureRandomKeyRing(),
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, &http.Server{Addr: "127.0.0.1:0", Handler: handler}, sessions); err != nil { //nolint:gosec // nobody connects
		t.Errorf("at the end of the context: %v", err)
	}
	if err := serve(t.Context(), &http.Server{Addr: "127.0.0.1:-1", Handler: handler}, sessions); err == nil { //nolint:gosec // nobody connects
		t.Error("an address that does not exist: no error")
	}
}
