package devprovider_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/usersession/bff/devprovider"
)

// A host is loopback by its name, or by its address.
var (
	local   = []string{"localhost", "LOCALHOST", "idp.localhost", "127.0.0.1", "127.8.9.10", "[::1]"}
	foreign = []string{
		"example.com", "10.0.0.1", "192.168.1.2", "0.0.0.0", "[::]", "[fe80::1]", "localhost.example.com", "notlocalhost",
		"127.0.0.1.example.com", "128.0.0.1", "host.docker.internal",
	}
)

func TestNew_LoopbackIssuerOnly(t *testing.T) {
	for _, port := range []string{"", ":9000"} {
		for _, host := range local {
			for _, scheme := range []string{"http://", "https://"} {
				if _, err := devprovider.New(devprovider.Config{Issuer: scheme + host + port}); err != nil {
					t.Errorf("%s: %v", host, err)
				}
			}
		}
		for _, host := range foreign {
			_, err := devprovider.New(devprovider.Config{Issuer: "http://" + host + port})
			if err == nil || !strings.Contains(err.Error(), "this machine only") {
				t.Errorf("%s: %v", host, err)
			}
			if _, err := devprovider.Start(t.Context(), devprovider.Config{Issuer: "http://" + host + port}); err == nil {
				t.Errorf("Start with %s", host)
			}
		}
	}
	for _, issuer := range []string{
		"", "127.0.0.1:9000", "http://", "http://localhost/", "http://localhost/path", "http://localhost?x", "http://localhost#x",
		"http://user@localhost", "ftp://localhost", "http://localhost@example.com", "http://example.com\\@localhost", "http://[::1",
	} {
		if _, err := devprovider.New(devprovider.Config{Issuer: issuer}); err == nil {
			t.Errorf("the issuer %q is accepted", issuer)
		}
	}
}

func TestNew_LoopbackClientsOnly(t *testing.T) {
	for _, host := range foreign {
		for name, change := range map[string]func(*devprovider.Client, string){
			"redirect":      func(c *devprovider.Client, u string) { c.RedirectURIs = append(c.RedirectURIs, u) },
			"post-logout":   func(c *devprovider.Client, u string) { c.PostLogoutRedirectURIs = append(c.PostLogoutRedirectURIs, u) },
			"back-channel":  func(c *devprovider.Client, u string) { c.BackchannelLogoutURI = u },
			"front-channel": func(c *devprovider.Client, u string) { c.FrontchannelLogoutURI = u },
		} {
			c := app()
			change(&c, "http://"+host+":8080/x")
			_, err := devprovider.New(devprovider.Config{Issuer: issuer, Clients: []devprovider.Client{c}})
			if err == nil || !strings.Contains(err.Error(), "this machine only") {
				t.Errorf("%s at %s: %v", name, host, err)
			}
		}
	}
}

// A request is refused, with the reason, unless it is from this machine and to it.
func TestServeHTTP_LoopbackOnly(t *testing.T) {
	p := newProvider(t)
	ask := func(remote, host string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/openid-configuration", nil)
		r.RemoteAddr, r.Host = remote, host
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w
	}
	refused := func(w *httptest.ResponseRecorder, what, reason string) {
		t.Helper()
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), reason) || !strings.Contains(w.Body.String(), "this machine only") {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	for _, host := range local {
		for _, port := range []string{"", ":9000"} {
			if w := ask("127.0.0.1:50000", host+port); w.Code != http.StatusOK {
				t.Errorf("Host %s%s: %d %s", host, port, w.Code, w.Body)
			}
		}
	}
	for _, host := range append(foreign, "") {
		refused(ask("127.0.0.1:50000", host+":9000"), "Host "+host, "its Host header")
		refused(ask("127.0.0.1:50000", host), "Host "+host, "its Host header")
	}
	for _, remote := range []string{"10.0.0.1:50000", "[fe80::1%eth0]:50000", "192.0.2.1:1", "", "@", "203.0.113.1"} {
		refused(ask(remote, "localhost:9000"), "from "+remote, "it comes from")
	}
	if w := ask("[::1]:50000", "localhost:9000"); w.Code != http.StatusOK {
		t.Errorf("from ::1: %d", w.Code)
	}
	for _, forwarded := range [][]string{
		{"X-Forwarded-For", "127.0.0.1"}, {"X-Forwarded-For", "::1, 127.0.0.1"}, {"X-Forwarded-Host", "idp.localhost:8443"},
		{"Forwarded", `for="[::1]:4711";proto=https;host=localhost;by=203.0.113.43`},
	} {
		if w := ask("127.0.0.1:50000", "localhost:9000", forwarded...); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", forwarded, w.Code, w.Body)
		}
	}
	for _, forwarded := range [][]string{
		{"X-Forwarded-For", "203.0.113.1"}, {"X-Forwarded-For", "203.0.113.1, 127.0.0.1"}, {"X-Forwarded-For", "127.0.0.1", "X-Forwarded-For", "203.0.113.1"},
		{"X-Forwarded-Host", "idp.example.com"}, {"X-Real-IP", "203.0.113.1"}, {"X-Forwarded-For", "unknown"},
		{"Forwarded", "for=203.0.113.1"}, {"Forwarded", `for="[2001:db8::1]:4711"`}, {"Forwarded", "for=127.0.0.1;host=idp.example.com"}, {"Forwarded", "For=_hidden"},
	} {
		refused(ask("127.0.0.1:50000", "localhost:9000", forwarded...), strings.Join(forwarded, " "), "its header")
	}
}
