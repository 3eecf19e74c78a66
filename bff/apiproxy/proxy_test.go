package apiproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// A world is an API, a BFF in front of it and a browser that is signed in.
type world struct {
	t        testing.TB
	bff      *httptest.Server
	cookie   *http.Cookie
	sessions *serverside.Sessions
	routes   http.Handler // of the BFF, without the middleware

	mu        sync.Mutex
	asked     []*http.Request // by the API, in order
	bodies    []string
	refreshes int
	refused   error // of a refresh
}

// RefreshTokens is the provider's.
func (w *world) RefreshTokens(context.Context, string) (serverside.Tokens, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refreshes++
	return serverside.Tokens{AccessToken: fmt.Sprint("token-", w.refreshes+1), AccessTokenExpires: time.Now().Add(time.Hour)}, w.refused
}

func newWorld(t testing.TB, api http.HandlerFunc, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t}
	upstream := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.asked, w.bodies = append(w.asked, r), append(w.bodies, string(body))
		w.mu.Unlock()
		api(rw, r)
	}))
	t.Cleanup(upstream.Close)
	var err error
	w.sessions, err = serverside.New(serverside.Config{
		Protector: ticket.InsecureRandomKeyRing(), Refresher: w, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Sessions: w.sessions, Target: upstream.URL + "/v1", Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&config)
	}
	proxy, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/sign-in", func(rw http.ResponseWriter, r *http.Request) {
		_, err := w.sessions.SignIn(rw, r, ticket.Ticket{SubjectID: "alice", AccessToken: "token-1", RefreshToken: "refresh"})
		if err != nil {
			t.Error(err)
		}
	})
	mux.Handle("/api/", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", "the BFF's own")
		proxy.ServeHTTP(rw, r)
	}))
	w.routes = mux
	w.bff = httptest.NewServer(w.sessions.Middleware(mux))
	t.Cleanup(w.bff.Close)
	response := w.do(http.MethodGet, "/sign-in", "", nil)
	w.cookie = response.Cookies()[0]
	return w
}

// do sends a request as a page of the BFF does. A nil header value removes a header.
func (w *world) do(method, path, body string, header http.Header) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.bff.URL, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.URL.Opaque = "//" + r.URL.Host + path // as it is escaped
	r.Header.Set("X-Csrf", "1")
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (w *world) last() *http.Request {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) == 0 {
		w.t.Fatal("the API was not asked")
	}
	return w.asked[len(w.asked)-1]
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

func TestProxy_RequestHeaders(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(c *Config) { c.RequestHeaders = []string{"x-tenant"} })
	sent := http.Header{
		"Accept": {"application/json"}, "If-Match": {`"7"`}, "Range": {"bytes=0-1"}, "Content-Type": {"text/plain"}, "X-Tenant": {"shop"},
		"Authorization": {"Bearer of-the-page"}, "X-Forwarded-For": {"1.2.3.4"}, "Forwarded": {"for=1"}, "X-Internal": {"1"}, "Origin": {w.bff.URL},
		"Proxy-Authorization": {"Basic eA=="}, "Te": {"trailers"},
	}
	w.do(http.MethodPost, "/api/x", "body", sent)
	got := w.last().Header
	want := http.Header{
		"Accept": {"application/json"}, "If-Match": {`"7"`}, "Range": {"bytes=0-1"}, "Content-Type": {"text/plain"}, "X-Tenant": {"shop"},
		"Authorization": {"Bearer token-1"}, "Content-Length": {"4"},
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("the API gets %s: %q", name, got[name])
		}
	}
	for name, values := range want {
		if got.Get(name) != values[0] {
			t.Errorf("the API gets %s: %q, want %q", name, got.Get(name), values[0])
		}
	}
	if w.bodies[0] != "body" {
		t.Errorf("the API gets the body %q", w.bodies[0])
	}
}

func TestProxy_ResponseHeaders(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		h := rw.Header()
		h.Set("Link", "</early>; rel=preload")
		h.Set("Set-Cookie", "early=1")
		rw.WriteHeader(http.StatusEarlyHints)
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Etag": `"7"`, "Content-Range": "bytes 0-1/2", "Set-Cookie": "a=b", "Clear-Site-Data": `"*"`,
			"Strict-Transport-Security": "max-age=0", "Content-Security-Policy": "default-src *", "Access-Control-Allow-Origin": "*",
			"Www-Authenticate": "Bearer", "Server": "api", "X-Powered-By": "api", "X-Page": "2",
		} {
			h.Set(name, value)
		}
		h.Set("Trailer", "X-Late")
		h.Del("Link")
		rw.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(rw, "{}")
		h.Set("X-Late", "1")
		h.Set(http.TrailerPrefix+"X-Later", "1")
	}, func(c *Config) { c.ResponseHeaders = []string{"x-page"} })
	r := w.do(http.MethodGet, "/api/x", "", nil)
	if body := text(t, r); r.StatusCode != http.StatusPartialContent || body != "{}" || len(r.Trailer) > 0 {
		t.Errorf("status %d, body %q, trailers %v", r.StatusCode, body, r.Trailer)
	}
	want := map[string]string{
		"Content-Type": "application/json", "Etag": `"7"`, "Content-Range": "bytes 0-1/2", "X-Page": "2", "Cache-Control": "no-store",
		"Content-Security-Policy": "the BFF's own", "Date": r.Header.Get("Date"), "Content-Length": r.Header.Get("Content-Length"),
	}
	for name := range r.Header {
		if r.Header.Get(name) != want[name] {
			t.Errorf("the browser gets %s: %q, want %q", name, r.Header.Get(name), want[name])
		}
	}
	for name, value := range want {
		if value != "" && r.Header.Get(name) == "" {
			t.Errorf("the browser does not get %s", name)
		}
	}
}

func TestProxy_CacheControl(t *testing.T) {
	for sent, want := range map[string]string{
		"": "no-store", "no-store": "no-store", "public, max-age=60": "private, max-age=60", "private": "private", "public": "private",
		"max-age=60, s-maxage=600": "private, max-age=60", "PUBLIC": "private", "no-cache": "private, no-cache", "max-age=1, no-store": "no-store",
		`private="a, b", max-age=60`: "private, max-age=60", `no-cache="a, b", public`: `private, no-cache="a, b"`, `x="\", no-store", public`: `private, x="\", no-store"`,
		`no-cache="a, b`: `no-store`,
	} {
		w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
			if sent != "" {
				rw.Header().Set("Cache-Control", sent)
			}
		})
		if got := w.do(http.MethodGet, "/api/x", "", nil).Header.Get("Cache-Control"); got != want {
			t.Errorf("%q becomes %q, want %q", sent, got, want)
		}
	}
}

func TestProxy_Paths(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
	for path, want := range map[string]string{
		"/api/orders/7":         "/v1/orders/7",
		"/api/orders/":          "/v1/orders/",
		"/api/":                 "/v1/",
		"/api/a%2Fb":            "/v1/a%2Fb",
		"/api/a%252Fb":          "/v1/a%252Fb",
		"/api/caf%C3%A9":        "/v1/caf%C3%A9",
		"/api/a;b=c/d":          "/v1/a;b=c/d",
		"/api/a..b/...":         "/v1/a..b/...",
		"/api/x?a=1&b=%zz;c&&d": "/v1/x?a=1&b=%zz;c&&d",
		"/api/x?":               "/v1/x",
		"/api/100%25":           "/v1/100%25",
		"/api/%252e%252e/admin": "/v1/%252e%252e/admin", // no path is decoded twice
	} {
		r := w.do(http.MethodGet, path, "", nil)
		if got := w.last().RequestURI; r.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: status %d, the API gets %s, want %s", path, r.StatusCode, got, want)
		}
	}
	asked := len(w.asked)
	for _, path := range []string{
		"/api/%2e%2e/admin", "/api/%2E%2e%2fadmin", "/api/a/%2e%2e", "/api/..%5cadmin", "/api/..;/admin", "/api/a%5C..%5Cb",
		"/api/..%00/admin", "/api/..%00x", "/api/..%20/admin", "/api/%09../admin", "/api/..%0d%0a/admin", "/api/.%2e%20;x/admin",
	} {
		if r := w.do(http.MethodGet, path, "", nil); r.StatusCode == http.StatusOK || len(w.asked) != asked {
			t.Errorf("%s: status %d, and the API gets %s", path, r.StatusCode, w.last().RequestURI)
		}
	}
}

func TestProxy_OtherSites(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
	for name, header := range map[string]http.Header{
		"no header":          {"X-Csrf": nil},
		"two headers":        {"X-Csrf": {"1", "1"}},
		"another site":       {"Sec-Fetch-Site": {"cross-site"}},
		"another origin":     {"Origin": {"https://evil.example"}},
		"a sibling's page":   {"Sec-Fetch-Site": {"same-site"}},
		"WebSocket, refused": {"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {w.bff.URL}},
		"h2c":                {"Connection": {"Upgrade"}, "Upgrade": {"h2c"}},
	} {
		if r := w.do(http.MethodGet, "/api/x", "", header); r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusNotImplemented || len(w.asked) > 0 {
			t.Errorf("%s: status %d, %d calls", name, r.StatusCode, len(w.asked))
		}
	}
}

func TestProxy_SignedOut(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(c *Config) { c.AllowAnonymous = anonymous })
		w.cookie = nil
		r := w.do(http.MethodGet, "/api/x", "", http.Header{"Authorization": {"Bearer forged"}})
		if anonymous {
			if r.StatusCode != http.StatusOK || w.last().Header.Get("Authorization") != "" {
				t.Errorf("anonymous: status %d, Authorization %q", r.StatusCode, w.last().Header.Get("Authorization"))
			}
			continue
		}
		if body := text(t, r); r.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "signed_out") || len(w.asked) > 0 ||
			r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("status %d, %s, %v, %d calls", r.StatusCode, body, r.Header, len(w.asked))
		}
	}
}

// An API may refuse a token before its expiry. The call is made again, once, with a new token.
func TestProxy_TokenRefused(t *testing.T) {
	refuse := func(tokens ...string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			for _, token := range tokens {
				if r.Header.Get("Authorization") == "Bearer "+token {
					http.Error(rw, "refused", http.StatusUnauthorized)
					return
				}
			}
			_, _ = io.WriteString(rw, "done")
		}
	}
	large := strings.Repeat("x", maxReplayedBody+1)
	for name, test := range map[string]struct {
		body             string
		refused          []string
		failing          error
		status           int
		calls, refreshes int
	}{
		"no body":         {"", []string{"token-1"}, nil, 200, 2, 1},
		"small body":      {"body", []string{"token-1"}, nil, 200, 2, 1},
		"large body":      {large, []string{"token-1"}, nil, 401, 1, 0},
		"refused again":   {"body", []string{"token-1", "token-2"}, nil, 401, 2, 1},
		"refresh fails":   {"body", []string{"token-1"}, errors.New("the provider is down"), 401, 1, 1},
		"refresh refused": {"body", []string{"token-1"}, serverside.ErrRefreshTokenRefused, 401, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, refuse(test.refused...))
			w.refused = test.failing
			r := w.do(http.MethodPost, "/api/x", test.body, nil)
			_ = text(t, r)
			if r.StatusCode != test.status || len(w.asked) != test.calls || w.refreshes != test.refreshes {
				t.Errorf("status %d, %d calls, %d refreshes", r.StatusCode, len(w.asked), w.refreshes)
			}
			for _, body := range w.bodies {
				if body != test.body {
					t.Errorf("the API got a body of %d bytes", len(body))
				}
			}
		})
	}
}

func TestProxy_APIDown(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(c *Config) { c.Target = "http://127.0.0.1:1" })
	if r := w.do(http.MethodGet, "/api/x", "", nil); r.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d, %s", r.StatusCode, text(t, r))
	}
}

func TestProxy_Redirects(t *testing.T) {
	var location string
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", strings.ReplaceAll(location, "API", "http://"+r.Host))
		rw.WriteHeader(http.StatusSeeOther)
	})
	for sent, want := range map[string]string{
		"API/v1/orders/7?x=1#y": "/api/orders/7?x=1#y",
		"API/v1/a%2Fb":          "/api/a%2Fb",
		"/v1/orders/8":          "/api/orders/8",
		"9":                     "/api/9",
		"https://files.example": "https://files.example",
		"/other":                "/other",
	} {
		location = sent
		if r := w.do(http.MethodGet, "/api/x", "", nil); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != want {
			t.Errorf("%s: status %d, %s, want %s", sent, r.StatusCode, r.Header.Get("Location"), want)
		}
	}
}

// A stream lasts longer than the server's timeouts, and each event arrives at once.
func TestProxy_EventStream(t *testing.T) {
	next := make(chan bool)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for i := range 3 {
			_, _ = fmt.Fprintf(rw, "data: %d\n\n", i)
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	})
	w.bff.Config.WriteTimeout = 50 * time.Millisecond
	response := w.do(http.MethodGet, "/api/events", "", nil)
	lines := bufio.NewScanner(response.Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprint("data: ", i) || !lines.Scan() {
			t.Fatalf("event %d: %q, %v", i, lines.Text(), lines.Err())
		}
		time.Sleep(2 * w.bff.Config.WriteTimeout)
		next <- true
	}
}

func TestProxy_WebSocket(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Authorization") != "Bearer token-1" || r.Header.Get("Cookie")+r.Header.Get("Origin") != "" {
			t.Errorf("the API gets %v", r.Header)
		}
		conn, buffer, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nSet-Cookie: a=b\r\n\r\n")
		line, _ := buffer.ReadString('\n')
		_, _ = io.WriteString(conn, "echo "+line)
	}, func(c *Config) { c.WebSockets = true })
	dial := func(origin, header string) (*bufio.Reader, net.Conn, *http.Response) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.bff.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = fmt.Fprintf(conn, "GET /api/ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"+
			"Sec-WebSocket-Version: 13\r\nOrigin: %s\r\nCookie: %s=%s\r\n%s\r\n", w.bff.Listener.Addr(), origin, w.cookie.Name, w.cookie.Value, header)
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		return reader, conn, response
	}
	reader, conn, response := dial(w.bff.URL, "Sec-Fetch-Site: same-origin\r\n")
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-Websocket-Accept") != "x" || response.Header.Get("Set-Cookie") != "" {
		t.Errorf("status %d, %v", response.StatusCode, response.Header)
	}
	_, _ = io.WriteString(conn, "hello\n")
	if line, err := reader.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("%q, %v", line, err)
	}
	for _, origin := range []string{"https://evil.example", "null", "", w.bff.URL + ".evil.example", "http://evil@" + w.bff.Listener.Addr().String() + "0"} {
		if _, _, response := dial(origin, ""); response.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: status %d", origin, response.StatusCode)
		}
	}
	for _, site := range []string{"cross-site", "same-site", "none"} {
		if _, _, response := dial(w.bff.URL, "Sec-Fetch-Site: "+site+"\r\n"); response.StatusCode != http.StatusForbidden {
			t.Errorf("Sec-Fetch-Site %s: status %d", site, response.StatusCode)
		}
	}
}

func TestNew_Misconfigured(t *testing.T) {
	w := newWorld(t, nil)
	for name, change := range map[string]func(*Config){
		"no sessions":        func(c *Config) { c.Sessions = nil },
		"no target":          func(c *Config) { c.Target = "" },
		"http":               func(c *Config) { c.Target = "http://api.internal" },
		"no host":            func(c *Config) { c.Target = "https:///v1" },
		"another scheme":     func(c *Config) { c.Target = "ftp://api.internal" },
		"an empty segment":   func(c *Config) { c.Prefix = "/api//" },
		"dots":               func(c *Config) { c.Prefix = "/api/../" },
		"dots at the root":   func(c *Config) { c.Prefix = "/../" },
		"an escape":          func(c *Config) { c.Prefix = "/caf%C3%A9/" },
		"a space":            func(c *Config) { c.Prefix = "/a pi/" },
		"a port alone":       func(c *Config) { c.Target = "https://:8443/v1" },
		"no port":            func(c *Config) { c.Target = "https://api.internal:/v1" },
		"an empty query":     func(c *Config) { c.Target = "https://api.internal?" },
		"a fragment":         func(c *Config) { c.Target = "https://api.internal#x" },
		"a query":            func(c *Config) { c.Target = "https://api.internal?x=1" },
		"a password":         func(c *Config) { c.Target = "https://a:secret@api.internal" },
		"prefix":             func(c *Config) { c.Prefix = "/api" },
		"cookies to the API": func(c *Config) { c.RequestHeaders = []string{"cookie"} },
		"cookies of the API": func(c *Config) { c.ResponseHeaders = []string{"set-cookie"} },
	} {
		config := Config{Sessions: w.sessions, Target: "https://api.internal/v1"}
		change(&config)
		if _, err := New(config); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The transport for the BFF's own calls sends the token nowhere else.
func TestTransport_OtherHosts(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host gets %v", r.Header)
	}))
	defer elsewhere.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirecting.Close()
	api, err := url.Parse(redirecting.URL)
	if err != nil {
		t.Fatal(err)
	}
	handler := w.sessions.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		client := &http.Client{Transport: w.sessions.Transport(api, nil)}
		call, err := http.NewRequestWithContext(r.Context(), http.MethodGet, redirecting.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := client.Do(call); err == nil {
			_ = response.Body.Close()
			t.Error("the redirect was followed")
		}
	}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.AddCookie(w.cookie)
	handler.ServeHTTP(httptest.NewRecorder(), r)
}
