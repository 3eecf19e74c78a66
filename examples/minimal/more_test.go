package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/devprovider"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// The functions before the tests are those of docs/bff.md.

func addAPI(mux *http.ServeMux, sessions *serverside.Sessions) error {
	api, err := apiproxy.New(apiproxy.Config{Sessions: sessions, Target: "https://api.internal/v1"})
	if err != nil {
		return err
	}
	mux.Handle("/api/", api) // GET /api/orders/7 becomes GET https://api.internal/v1/orders/7
	return nil
}

func ordersHandler(sessions *serverside.Sessions, api *url.URL) http.Handler {
	client := &http.Client{Transport: sessions.Transport(api, nil)}
	return serverside.AntiForgery(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, api.JoinPath("orders").String(), nil)
		if err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		response, err := client.Do(request)
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		defer response.Body.Close()
		var orders []json.RawMessage
		if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&orders) != nil {
			http.Error(w, "try again", http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintf(w, `{"orders": %d}`, len(orders))
	}))
}

// A clientToken replaces the user's token by the client's. The Source is that of
// golang.org/x/oauth2/clientcredentials, for example.
type clientToken struct {
	source func() (string, error)
	base   http.RoundTripper
}

func (t clientToken) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.source()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return t.base.RoundTrip(r)
}

func stepUp(r *http.Request) url.Values {
	if r.URL.Query().Get("returnUrl") == "/payments" {
		return url.Values{"max_age": {"300"}, "acr_values": {"urn:example:mfa"}}
	}
	return nil
}

func requireMFA(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, signedIn := serverside.FromContext(r.Context())
		if !signedIn || session.Claims["acr"] != "urn:example:mfa" {
			w.WriteHeader(http.StatusForbidden) // the page navigates to /bff/login?returnUrl=/payments
			return
		}
		next.ServeHTTP(w, r)
	})
}

var failurePage = template.Must(template.New("").Parse(`<!doctype html>
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Text}} <a href="/bff/login?returnUrl={{.ReturnURL}}">Sign in again</a></p>
`))

func showFailure(w http.ResponseWriter, _ *http.Request, f relyingparty.Failure) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(f.Status)
	_ = failurePage.Execute(w, f)
}

func addPartner(mux *http.ServeMux, db *gorm.DB, c relyingparty.Config) (*serverside.Sessions, error) {
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return nil, err
	}
	c.Path = "/partner"
	rp, err := relyingparty.New(c)
	if err != nil {
		return nil, err
	}
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: c.Protector, Issuer: rp.Issuer(), Refresher: rp, Revoker: rp,
		UserPath: "/partner/user", CookieName: "__Host-partner", Partition: "partner",
	})
	if err != nil {
		return nil, err
	}
	return sessions, rp.Register(mux, sessions) // /partner/login, /partner/callback, …
}

func frontends(shop, admin http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("shop.example/", shop) // each made by newBFF, with a BaseURL and a Partition of its own
	mux.Handle("admin.example/", admin)
	return mux
}

func withDevServer(mux *http.ServeMux, devServer *url.URL) {
	mux.Handle("/", httputil.NewSingleHostReverseProxy(devServer)) // in place of the page
}

func newLikeDuende(store bff.UserSessionStore, c relyingparty.Config) (*relyingparty.RelyingParty, *serverside.Sessions, error) {
	c.DuendeUser = true // the user endpoint answers [{"type": …, "value": …}, …]
	rp, err := relyingparty.New(c)
	if err != nil {
		return nil, nil, err
	}
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: c.Protector, Partition: "shop", // ApplicationName, PartitionKey
		Issuer: rp.Issuer(), Refresher: rp,
		Revoker:                    rp,   // RevokeRefreshTokenOnLogout
		EndSessionWithRefreshToken: true, // RemoveSessionAfterRefreshTokenExpiration
		EnableSessionCleanup:       true, // every SessionCleanupInterval, 10 minutes
	})
	return rp, sessions, err
}

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
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, "file "+r.URL.Path) }))
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

// TestAPI calls an API with the user's token, with the client's, and without one.
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
	for prefix, change := range map[string]func(*apiproxy.Config){
		"/api/":      func(*apiproxy.Config) {},
		"/optional/": func(c *apiproxy.Config) { c.AllowAnonymous = true },
		"/client/": func(c *apiproxy.Config) {
			c.AllowAnonymous = true
			c.Transport = clientToken{func() (string, error) { return "client", nil }, http.DefaultTransport}
		},
	} {
		c := apiproxy.Config{Sessions: b.sessions, Target: api.URL, Prefix: prefix}
		change(&c)
		proxy, err := apiproxy.New(c)
		if err != nil {
			t.Fatal(err)
		}
		b.mux.Handle(prefix, b.sessions.Middleware(proxy))
	}
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
	want("/client/x", http.StatusOK, "Bearer client")
	want("/orders", http.StatusServiceUnavailable, "")
	b.signIn(base + "/bff/login")
	want("/api/x", http.StatusOK, "user")
	want("/optional/x", http.StatusOK, "user")
	want("/client/x", http.StatusOK, "Bearer client")
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
