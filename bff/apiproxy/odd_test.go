package apiproxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// The errors of net/http quote an answer that is not valid HTTP. An API may echo the token in it.
func TestProxy_LogOfMalformedAnswer(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		connection, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\n"+r.Header.Get("Authorization")+"\r\n\r\n")
		_ = connection.Close()
	}, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if r := w.do(http.MethodPost, "/api/x", "body", nil); r.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d", r.StatusCode)
	}
	w.bff.Close() // the handler has logged
	if text := log.String(); strings.Contains(text, "token-1") || !strings.Contains(text, "a call has failed") {
		t.Errorf("the log is %s", text)
	}
}

// A redirect of the API to a path with two slashes does not lead to another host.
func TestProxy_RedirectAtRoot(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", "http://"+r.Host+"/v1//evil.example/x")
		rw.WriteHeader(http.StatusSeeOther)
	}, func(c *Config) { c.Prefix = "/" })
	r := w.do(http.MethodGet, "/api/x", "", nil)
	if to, err := r.Location(); err != nil || to.Host == "evil.example" || r.Header.Get("Location") == "" {
		t.Errorf("the redirect leads to %q", r.Header.Get("Location"))
	}
}

// An answer with status 401 whose body does not end must not hold up the call that is sent
// again.
func TestProxy_EndlessRefusal(t *testing.T) {
	end := make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-1" {
			return
		}
		rw.WriteHeader(http.StatusUnauthorized)
		_ = http.NewResponseController(rw).Flush()
		select {
		case <-end:
		case <-r.Context().Done(): // the BFF has closed the connection
		}
	})
	defer close(end)
	if r := w.do(http.MethodGet, "/api/x", "", nil); r.StatusCode != http.StatusOK {
		t.Errorf("status %d", r.StatusCode)
	}
}

// Trailers of the browser are headers, which pass by name only.
func TestProxy_RequestTrailers(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.bff.URL+"/api/x", io.NopCloser(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Csrf", "1")
	r.AddCookie(w.cookie)
	r.Trailer = http.Header{"Authorization": {"Bearer of-the-page"}, "X-Internal": {"1"}}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := w.last().Trailer; len(got) != 0 {
		t.Errorf("the API got the trailers %v", got)
	}
}

// With two Sessions, the proxy's own decide whether a call is anonymous.
func TestProxy_AnonymousAtAnotherProvider(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(c *Config) { c.AllowAnonymous = true })
	other, err := serverside.New(serverside.Config{
		Protector: ticket.InsecureRandomKeyRing(), CookieName: "__Host-partner", Partition: "partner", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.bff.Config.Handler = w.sessions.Middleware(other.Middleware(w.routes))
	w.do(http.MethodGet, "/api/x", "", nil)
	if got := w.last().Header.Get("Authorization"); got != "Bearer token-1" {
		t.Errorf("signed in at the proxy's provider only: the API gets %q", got)
	}
	rw := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if _, err := other.SignIn(rw, r, ticket.Ticket{SubjectID: "alice", AccessToken: "token-of-the-partner"}); err != nil {
		t.Fatal(err)
	}
	w.cookie = rw.Result().Cookies()[0]
	if r := w.do(http.MethodGet, "/api/x", "", nil); r.StatusCode != http.StatusOK || w.last().Header.Get("Authorization") != "" {
		t.Errorf("signed in at the other provider only: status %d, the API gets %q", r.StatusCode, w.last().Header.Get("Authorization"))
	}
}

// An API that switches protocols unasked is a broken API, and not a fault of the session.
func TestProxy_UnaskedSwitch(t *testing.T) {
	for _, protocol := range []string{"websocket", "h2c", ""} {
		w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
			connection, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\n")
			_ = connection.Close()
		}, func(c *Config) { c.WebSockets = true })
		if r := w.do(http.MethodGet, "/api/x", "", nil); r.StatusCode != http.StatusBadGateway {
			t.Errorf("%q: status %d, %s", protocol, r.StatusCode, text(t, r))
		}
	}
}

// Requests as a client that is no browser writes them: the API gets its own host, the user's token
// and the body, and nothing that the allow list does not have.
func TestProxy_RawRequests(t *testing.T) {
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
	for name, test := range map[string]struct {
		method, target, header, body string
		status                       int
	}{
		"absolute form":              {"GET", "http://other.example/api/x", "", "", 200},
		"a user in it":               {"GET", "http://a:b@other.example/api/x", "", "", 200},
		"named by Connection":        {"POST", "/api/x", "Connection: Authorization, Host, X-Csrf, Content-Length\r\nContent-Length: 4\r\n", "body", 200},
		"an upgrade in Connection":   {"GET", "/api/x", "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "", 200},
		"a cookie of the old kind":   {"GET", "/api/x", "Cookie2: $Version=1; a=b\r\n", "", 200},
		"forwarding":                 {"GET", "/api/x", "X-Forwarded-Host: evil\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\nX-Real-Ip: 1\r\nVia: x\r\n", "", 200},
		"another method in a header": {"GET", "/api/x", "X-HTTP-Method-Override: DELETE\r\nX-Original-Url: /admin\r\nX-Rewrite-Url: /admin\r\n", "", 200},
		"expecting":                  {"POST", "/api/x", "Expect: 100-continue\r\nContent-Length: 4\r\n", "body", 200},
		"in chunks":                  {"POST", "/api/x", "Transfer-Encoding: chunked\r\nTrailer: X-Late\r\nTE: trailers\r\n", "4\r\nbody\r\n0\r\nX-Late: 1\r\n\r\n", 200},
		"CONNECT":                    {"CONNECT", "/api/x", "", "", 405},
		"TRACE":                      {"TRACE", "/api/x", "", "", 405},
		"a body that is too short":   {"POST", "/api/x", "Content-Length: 9\r\n", "body", 400},
	} {
		t.Run(name, func(t *testing.T) {
			asked := len(w.asked)
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.bff.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: bff.example\r\nX-Csrf: 1\r\nCookie: %s=%s\r\n%s\r\n%s",
				test.method, test.target, w.cookie.Name, w.cookie.Value, test.header, test.body)
			if test.status == http.StatusBadRequest {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			for err == nil && response.StatusCode == http.StatusContinue {
				response, err = http.ReadResponse(bufio.NewReader(conn), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
			if len(w.asked) == asked {
				return
			}
			got := w.last()
			for name := range got.Header {
				if name != "Authorization" && name != "Content-Length" && name != "Accept-Encoding" { // the last is of net/http
					t.Errorf("the API gets %s: %q", name, got.Header[name])
				}
			}
			if got.Header.Get("Authorization") != "Bearer token-1" || got.Host == "bff.example" || got.Host == "other.example" || len(got.Trailer) != 0 ||
				(w.bodies[len(w.bodies)-1] == "body") != (test.body != "") {
				t.Errorf("the API gets %s %v, the body %q, the trailers %v", got.Host, got.Header, w.bodies[len(w.bodies)-1], got.Trailer)
			}
		})
	}
}

// While there is no valid token, the answer says whether to sign in again or to try again.
func TestProxy_NoToken(t *testing.T) {
	for name, test := range map[string]struct {
		refused error
		status  int
		code    string
	}{
		"the refresh token is refused": {serverside.ErrRefreshTokenRefused, http.StatusUnauthorized, "sign_in_again"},
		"the provider is down":         {errors.New("the provider is down"), http.StatusServiceUnavailable, "try_again"},
	} {
		w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
		w.refused = test.refused
		rw := httptest.NewRecorder()
		if _, err := w.sessions.SignIn(rw, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), ticket.Ticket{
			SubjectID: "alice", AccessToken: "token-0", AccessTokenExpires: time.Now().Add(-time.Hour), RefreshToken: "refresh",
		}); err != nil {
			t.Fatal(err)
		}
		w.cookie = rw.Result().Cookies()[0]
		r := w.do(http.MethodGet, "/api/x", "", nil)
		if body := text(t, r); r.StatusCode != test.status || body != `{"error":"`+test.code+`"}` || r.Header.Get("Cache-Control") != "no-store" || len(w.asked) > 0 {
			t.Errorf("%s: status %d, %s, %d calls", name, r.StatusCode, body, len(w.asked))
		}
	}
}
