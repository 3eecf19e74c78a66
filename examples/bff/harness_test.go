package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/usersession/examples/usersessiondb/dsn"
)

// A host is a BFF that listens, with its log.
type host struct {
	t      *testing.T
	app    *app
	server *httptest.Server
	log    *bytes.Buffer
	logMu  *sync.Mutex
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// newHost starts a BFF with the fake provider, on a SQLite file unless change sets dsn.
func newHost(t *testing.T, op *fakeOP, change ...func(*options)) *host {
	t.Helper()
	h := &host{t: t, log: &bytes.Buffer{}, logMu: &sync.Mutex{}}
	opts, err := parseOptions([]string{
		"-issuer", op.issuer, "-client-id", fakeClient, "-client-secret", fakeSecret,
		"-dsn", filepath.Join(t.TempDir(), "bff.db"), "-operators", "alice",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	opts.keys = filepath.Join(t.TempDir(), "bff.keys")
	for _, f := range change {
		f(&opts)
	}
	h.server = httptest.NewUnstartedServer(nil)
	if opts.source, err = dsn.Parse(opts.dsn); err != nil {
		t.Fatal(err)
	}
	if err := opts.complete(h.server.Listener.Addr().(*net.TCPAddr).Port); err != nil {
		t.Fatal(err)
	}
	store, err := openStore(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.close)
	keys, err := keyRing(opts.keys)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(lockedWriter{h.logMu, h.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if h.app, err = newApp(opts, store, keys, logger); err != nil {
		t.Fatal(err)
	}
	h.server.Config.Handler = h.app
	h.server.Start()
	t.Cleanup(h.server.Close)
	return h
}

func (h *host) logged() string {
	h.logMu.Lock()
	defer h.logMu.Unlock()
	return h.log.String()
}

// A client is a browser with cookies. Like Chromium, and unlike net/http's jar, it accepts
// Secure cookies over http on this machine. It ignores SameSite.
type client struct {
	h       *host
	cookies map[string]string
	headers map[string]string // sent with every request
}

func (h *host) newClient() *client { return &client{h: h, cookies: make(map[string]string)} }

// A reply is a response with its body.
type reply struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return body
}

var noRedirects = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       30 * time.Second,
}

// do sends a request to a URL or to a path of the BFF. The BFF gets the client's cookies.
func (c *client) do(method, address, body string, headers map[string]string) reply {
	c.h.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = c.h.app.opts.baseURL + address
	}
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		c.h.t.Fatal(err)
	}
	ours := request.URL.Host == c.h.app.opts.base.Host
	if ours {
		for name, value := range c.cookies {
			request.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	for _, some := range []map[string]string{c.headers, headers} {
		for name, value := range some {
			request.Header.Set(name, value)
		}
	}
	response, err := noRedirects.Do(request)
	if err != nil {
		c.h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.h.t.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		switch {
		case !ours:
		case cookie.MaxAge < 0:
			delete(c.cookies, cookie.Name)
		default:
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return reply{response.StatusCode, response.Header.Get("Location"), response.Header, string(text)}
}

// get sends the request of a navigation.
func (c *client) get(address string) reply {
	c.h.t.Helper()
	return c.do(http.MethodGet, address, "", nil)
}

// call sends a request as the page's script does, with the CSRF header.
func (c *client) call(method, path, body string) reply {
	c.h.t.Helper()
	return c.do(method, path, body, map[string]string{"X-CSRF": "1", "Content-Type": "application/json"})
}

// begin signs in at the provider and returns the URL of the callback, without a request to
// it.
func (c *client) begin() string {
	c.h.t.Helper()
	r := c.get("/bff/login")
	if r.status != http.StatusSeeOther {
		c.h.t.Fatalf("/bff/login: %d %s", r.status, r.body)
	}
	r = c.get(r.location)
	if r.status != http.StatusFound {
		c.h.t.Fatalf("the provider: %d %s", r.status, r.body)
	}
	return r.location
}

func (c *client) signIn() {
	c.h.t.Helper()
	if r := c.get(c.begin()); r.status != http.StatusSeeOther || r.location != "/" {
		c.h.t.Fatalf("the callback: %d %s %s\n%s", r.status, r.location, r.body, c.h.logged())
	}
	if status := c.user(); status != http.StatusOK {
		c.h.t.Fatalf("/bff/user after the sign-in: %d", status)
	}
}

// user returns the status of /bff/user.
func (c *client) user() int {
	c.h.t.Helper()
	return c.call(http.MethodGet, "/bff/user", "").status
}

// logoutURL returns the address of the page's link to the sign-out.
func (c *client) logoutURL() string {
	c.h.t.Helper()
	return c.call(http.MethodGet, "/bff/user", "").json(c.h.t)["bff:logout_url"].(string)
}

// refusedSignIn requests the callback and checks that it shows a page with the status and
// begins no session.
func (c *client) refusedSignIn(callback string, status int) {
	c.h.t.Helper()
	r := c.get(callback)
	if r.status != status || !strings.Contains(r.body, "<h1>") {
		c.h.t.Errorf("the callback: %d, want a page with %d\n%s", r.status, status, c.h.logged())
	}
	if _, ok := c.cookies["__Host-bff"]; ok {
		c.h.t.Error("the callback set a session cookie")
	}
	if got := c.user(); got != http.StatusUnauthorized {
		c.h.t.Errorf("/bff/user: %d", got)
	}
}

// with returns the address with one query parameter changed.
func with(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}
