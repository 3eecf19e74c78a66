package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/devprovider"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// A bed is a BFF at the development provider.
type bed struct {
	*browser
	mux      *http.ServeMux
	provider *devprovider.Server
	sessions *serverside.Sessions
	db       *gorm.DB
	config   relyingparty.Config
}

// newBed returns a bed whose address for the browser is base.
func newBed(t *testing.T, base string, change func(*relyingparty.Config)) *bed {
	t.Helper()
	provider, err := devprovider.Start(t.Context(), devprovider.Config{Clients: []devprovider.Client{{
		ID: "bff", Secret: "development", RedirectURIs: []string{base + "/bff/callback", base + "/partner/callback"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	c := relyingparty.Config{
		Issuer: provider.Issuer(), ClientID: "bff", ClientSecret: "development", BaseURL: base, Protector: ticket.InsecureRandomKeyRing(),
	}
	if change != nil {
		change(&c)
	}
	db := openDB(t)
	handler, sessions := newBFF(db, c)
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	return &bed{&browser{t, map[string]map[string]string{}}, mux, provider, sessions, db, c}
}

func newServer(t *testing.T) (server *httptest.Server, base string) {
	t.Helper()
	server = httptest.NewUnstartedServer(nil)
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	return server, "http://localhost:" + port
}

func (b *bed) signIn(login string) string {
	b.t.Helper()
	response, body := b.do(http.MethodGet, login, nil)
	if request := hidden.FindStringSubmatch(body); request != nil {
		response, body = b.do(http.MethodPost, b.provider.Issuer()+"/signin", url.Values{"request": {request[1]}, "user": {"alice"}})
	}
	if response.StatusCode >= http.StatusInternalServerError {
		b.t.Fatalf("the sign-in ends at %s: %d %s", response.Request.URL, response.StatusCode, body)
	}
	return body
}

// TestDevServer_InFront passes the BFF's paths on from a development server, which replaces the
// Host header, as the short form of Vite's server.proxy does.
func TestDevServer_InFront(t *testing.T) {
	front, base := newServer(t)
	b := newBed(t, base, nil)
	behind := httptest.NewServer(b.mux)
	defer behind.Close()
	target, _ := url.Parse(behind.URL)
	front.Config.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front.Start()
	b.signIn(base + "/bff/login")
	response, body := b.do(http.MethodGet, base+"/bff/user", nil, "X-CSRF", "1", "Sec-Fetch-Site", "same-origin", "Origin", base)
	if response.StatusCode != http.StatusOK || !strings.Contains(body, `"sub":"alice"`) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

// TestDevServer_Behind serves the development server's files through the BFF.
func TestDevServer_Behind(t *testing.T) {
	server, base := newServer(t)
	b := newBed(t, base, nil)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "file "+r.URL.Path+r.Header.Get("Cookie"))
	}))
	defer files.Close()
	target, _ := url.Parse(files.URL)
	mux := http.NewServeMux()
	withDevServer(mux, target)
	mux.Handle("/bff/", b.mux)
	server.Config.Handler = mux
	server.Start()
	if body := b.signIn(base + "/bff/login?returnUrl=/src/main.js"); body != "file /src/main.js" {
		t.Errorf("the sign-in returns to %q", body)
	}
	if user := b.user(base); user["sub"] != "alice" {
		t.Errorf("%v", user)
	}
	if _, body := b.do(http.MethodGet, base+"/app.js", nil); body != "file /app.js" {
		t.Errorf("the development server answers %q", body)
	}
}

// TestSeveralProviders signs in at both, with one browser.
func TestSeveralProviders(t *testing.T) {
	server, base := newServer(t)
	b := newBed(t, base, nil)
	if _, err := addPartner(b.mux, b.db, b.config); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = b.mux
	server.Start()
	for _, path := range []string{"/bff", "/partner"} {
		b.signIn(base + path + "/login")
		if response, body := b.do(http.MethodGet, base+path+"/user", nil, "X-CSRF", "1"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
	if cookies := b.cookies["localhost"]; cookies["__Host-bff"] == "" || cookies["__Host-partner"] == "" {
		t.Errorf("cookies: %v", cookies)
	}
}

// TestSeveralFrontends serves each host its own BFF.
func TestSeveralFrontends(t *testing.T) {
	site := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, name) })
	}
	handler := frontends(site("shop"), site("admin"))
	for host, want := range map[string]string{"shop.example": "shop", "admin.example": "admin", "other.example": "404 page not found\n"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://"+host+"/bff/login", nil))
		if w.Body.String() != want {
			t.Errorf("%s: %q, want %q", host, w.Body, want)
		}
	}
}

// clientIfNoUser sends the client's token with requests that have no token.
type clientIfNoUser struct{ client oauth2.TokenSource }

func (c clientIfNoUser) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") != "" {
		return http.DefaultTransport.RoundTrip(r)
	}
	return (&oauth2.Transport{Source: c.client}).RoundTrip(r)
}

// TestAPI calls an API with the user's token, with the client's, with either, and without one.
func TestAPI(t *testing.T) {
	server, base := newServer(t)
	b := newBed(t, base, nil)
	var got string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		_, _ = fmt.Fprint(w, `[{}, {}]`)
	}))
	defer api.Close()
	target, _ := url.Parse(api.URL)
	client := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "client"})
	for prefix, change := range map[string]func(*apiproxy.Config){
		"/api/":       func(*apiproxy.Config) {},
		"/optional/":  func(c *apiproxy.Config) { c.AllowAnonymous = true },
		"/signed-in/": func(c *apiproxy.Config) { c.Transport = &oauth2.Transport{Source: client} },
		"/either/":    func(c *apiproxy.Config) { c.AllowAnonymous, c.Transport = true, clientIfNoUser{client} },
	} {
		c := apiproxy.Config{Sessions: b.sessions, Target: api.URL, Prefix: prefix}
		change(&c)
		proxy, err := apiproxy.New(c)
		if err != nil {
			t.Fatal(err)
		}
		b.mux.Handle(prefix, b.sessions.Middleware(proxy))
	}
	prices, err := clientAPI(b.sessions, api.URL, client)
	if err != nil {
		t.Fatal(err)
	}
	b.mux.Handle("/prices/", prices)
	none, err := apiproxy.New(apiproxy.Config{Sessions: b.sessions, Target: api.URL, Prefix: "/none/", AllowAnonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	b.mux.Handle("/none/", none) // outside of the middleware
	b.mux.Handle("/orders", b.sessions.Middleware(ordersHandler(b.sessions, target)))
	server.Config.Handler = b.mux
	server.Start()
	call := func(path string) (int, string, string) {
		got = ""
		response, body := b.do(http.MethodGet, base+path, nil, "X-CSRF", "1")
		return response.StatusCode, got, body
	}
	want := func(path string, status int, token string) {
		t.Helper()
		code, sent, body := call(path)
		kind := sent
		if sent != "" && sent != "Bearer client" {
			kind = "user"
		}
		if code != status || kind != token {
			t.Errorf("%s: %d with %q, want %d with %q: %s", path, code, kind, status, token, body)
		}
	}
	want("/api/x", http.StatusUnauthorized, "")
	want("/optional/x", http.StatusOK, "")
	want("/signed-in/x", http.StatusUnauthorized, "")
	want("/either/x", http.StatusOK, "Bearer client")
	want("/prices/x", http.StatusOK, "Bearer client")
	want("/orders", http.StatusServiceUnavailable, "")
	b.signIn(base + "/bff/login")
	want("/api/x", http.StatusOK, "user")
	want("/optional/x", http.StatusOK, "user")
	want("/signed-in/x", http.StatusOK, "Bearer client")
	want("/either/x", http.StatusOK, "user")
	want("/prices/x", http.StatusOK, "Bearer client")
	want("/none/x", http.StatusOK, "")
	want("/orders", http.StatusOK, "user")
	if _, _, body := call("/orders"); body != `{"orders": 2}` {
		t.Errorf("%s", body)
	}
	if err := addAPI(http.NewServeMux(), b.sessions); err != nil {
		t.Error(err)
	}
}

// TestStepUp requires a stronger sign-in for one page.
func TestStepUp(t *testing.T) {
	server, base := newServer(t)
	b := newBed(t, base, func(c *relyingparty.Config) { c.AuthParameters = stepUp })
	b.mux.Handle("/payments", b.sessions.Middleware(requireMFA(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "paid")
	}))))
	server.Config.Handler = b.mux
	server.Start()
	b.signIn(base + "/bff/login")
	if response, _ := b.do(http.MethodGet, base+"/payments", nil); response.StatusCode != http.StatusForbidden {
		t.Errorf("without a step-up: %d", response.StatusCode)
	}
	b.signIn(base + "/bff/login?returnUrl=/payments")
	if _, body := b.do(http.MethodGet, base+"/payments", nil); body != "paid" {
		t.Errorf("after the step-up: %q", body)
	}
}

// TestFailurePage shows the application's own page.
func TestFailurePage(t *testing.T) {
	server, base := newServer(t)
	b := newBed(t, base, func(c *relyingparty.Config) { c.ErrorHandler = showFailure })
	server.Config.Handler = b.mux
	server.Start()
	response, body := b.do(http.MethodGet, base+"/bff/callback?state=x&code=x", nil)
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Sign in again</a>") {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

// TestLikeDuende signs in and compares the user endpoint's answer with the form of Duende.BFF.
func TestLikeDuende(t *testing.T) {
	server, base := newServer(t)
	b := newBed(t, base, nil)
	rp, sessions, err := newLikeDuende(bff.NewInMemoryStore(), b.config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := rp.Register(mux, sessions); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = sessions.Middleware(mux)
	server.Start()
	b.signIn(base + "/bff/login")
	_, body := b.do(http.MethodGet, base+"/bff/user", nil, "X-CSRF", "1")
	var claims []struct {
		Type  string
		Value any
	}
	if err := json.Unmarshal([]byte(body), &claims); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	got := map[string]any{}
	for _, claim := range claims {
		got[claim.Type] = claim.Value
	}
	logout, _ := got["bff:logout_url"].(string)
	expires, number := got["bff:session_expires_in"].(float64)
	if got["sub"] != "alice" || got["name"] != "Alice Archer" || !strings.HasPrefix(logout, "/bff/logout?sid=") || !number || expires < 1 {
		t.Errorf("%s", body)
	}
}
