package apiproxy

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
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
