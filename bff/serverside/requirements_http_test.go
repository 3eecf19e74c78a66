package serverside

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/usersession/bff"
)

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (leaky) RevokeRefreshToken(_ context.Context, token string) error {
	return errors.New("cannot revoke " + token)
}

func (leaky) RefreshTokens(_ context.Context, token string) (Tokens, error) {
	return Tokens{}, errors.New("cannot refresh with " + token)
}

func TestRequirement11_Cookie_Attributes(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"default": func(*Config) {}, "lax": func(c *Config) { c.SameSite = http.SameSiteLaxMode },
		"persistent": func(c *Config) { c.PersistentCookie = true },
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, change)
			br := b.browser()
			response := br.signIn(alice())
			header := response.Header["Set-Cookie"]
			if len(header) != 1 {
				t.Fatalf("%d cookies", len(header))
			}
			out := br.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) })
			for _, c := range []*http.Cookie{response.Cookies()[0], out.Cookies()[0]} {
				if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" ||
					c.SameSite != b.cfg.SameSite {
					t.Errorf("%s", c.Raw)
				}
			}
			if want := map[bool]http.SameSite{true: http.SameSiteLaxMode, false: http.SameSiteStrictMode}[name == "lax"]; response.Cookies()[0].SameSite != want {
				t.Errorf("SameSite is %v, want %v", response.Cookies()[0].SameSite, want)
			}
			if want := map[string]int{"persistent": 8 * 3600}[name]; response.Cookies()[0].MaxAge != want {
				t.Errorf("Max-Age %d, want %d", response.Cookies()[0].MaxAge, want)
			}
			if c := out.Cookies()[0]; c.MaxAge >= 0 || c.Value != "" {
				t.Errorf("signing out: %s", c.Raw)
			}
			br.want("")
		})
	}
	for name, change := range map[string]func(*Config){
		"another prefix": func(c *Config) { c.CookieName = "bff" }, "a bad name": func(c *Config) { c.CookieName = "__Host-a b" },
		"SameSite=None": func(c *Config) { c.SameSite = http.SameSiteNoneMode }, "no SameSite": func(c *Config) { c.SameSite = http.SameSiteDefaultMode },
	} {
		c := Config{Protector: testKeys, Store: bff.NewInMemoryStore()}
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestRequirement11_Cookie_ConstantSize(t *testing.T) {
	b := newTestBFF(t)
	sizes := map[int]bool{}
	for _, n := range []int{100, 100_000} {
		tk := alice()
		tk.AccessToken = strings.Repeat("x", n)
		response := b.browser().signIn(tk)
		row := b.store.rows(t, "alice")[0]
		if len(row.Ticket) < n {
			t.Errorf("a ticket of %d bytes", len(row.Ticket))
		}
		header := response.Header.Get("Set-Cookie")
		sizes[len(header)] = true
		if len(header) > 128 {
			t.Errorf("the header has %d bytes: %s", len(header), header)
		}
	}
	if len(sizes) != 1 {
		t.Errorf("sizes differ: %v", sizes)
	}
}

func TestRequirement12_AntiForgery_HeaderOnEveryRequest(t *testing.T) {
	h := AntiForgery(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	for _, test := range []struct {
		name   string
		method string
		header map[string]string
		want   int
	}{
		{"same origin", "POST", map[string]string{"X-CSRF": "1", "Sec-Fetch-Site": "same-origin"}, 200},
		{"no browser", "GET", map[string]string{"X-CSRF": "1"}, 200},
		{"no header", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 403},
		{"no header, GET", "GET", nil, 403},
		{"another value", "GET", map[string]string{"X-CSRF": "true"}, 403},
		{"cross-site with the header", "POST", map[string]string{"X-CSRF": "1", "Sec-Fetch-Site": "cross-site"}, 403},
		{"same-site with the header", "POST", map[string]string{"X-CSRF": "1", "Sec-Fetch-Site": "same-site"}, 403},
		{"cross-site GET with the header", "GET", map[string]string{"X-CSRF": "1", "Sec-Fetch-Site": "cross-site"}, 403},
		{"same-site HEAD with the header", "HEAD", map[string]string{"X-CSRF": "1", "Sec-Fetch-Site": "same-site"}, 403},
		{"another origin, GET", "GET", map[string]string{"X-CSRF": "1", "Origin": "https://evil.example"}, 403},
		{"a preflight", "OPTIONS", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"same origin, GET", "GET", map[string]string{"X-CSRF": "1", "Sec-Fetch-Site": "same-origin"}, 200},
		{"same origin without Sec-Fetch-Site", "GET", map[string]string{"X-CSRF": "1", "Origin": "https://bff.example"}, 200},
		{"a navigation", "GET", map[string]string{"Sec-Fetch-Site": "none"}, 403},
		{"another origin", "DELETE", map[string]string{"X-CSRF": "1", "Origin": "https://evil.example"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), test.method, "https://bff.example/api", nil)
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.want || (w.Body.String() == "ok") != (test.want == http.StatusOK) {
				t.Errorf("status %d, want %d: %s", w.Code, test.want, w.Body)
			}
			if w.Code != http.StatusOK && w.Header().Get("Cache-Control") != "no-store" {
				t.Error("the refusal may be cached")
			}
		})
	}
}

// State, nonce and PKCE belong to the sign-in, which the application does with its OpenID
// Connect client: see examples/bff. This test covers the part of this package.
func TestRequirement13_Tokens_NeverReachBrowser(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	var sent strings.Builder
	note := func(r *http.Response) {
		_ = r.Header.Write(&sent)
		sent.WriteString(body(t, r))
	}
	note(br.signIn(alice()))
	note(br.visit(b.UserHandler().ServeHTTP))
	note(br.visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := FromContext(r.Context())
		sessions, _ := b.UserSessions(r.Context(), "alice")
		tk, ok := b.Ticket(r.Context())
		if !ok || tk.AccessToken == "" {
			t.Error("the BFF itself has no token")
		}
		_ = json.NewEncoder(w).Encode([]any{session, sessions, tk}) // even a careless handler must not leak a token
	}))
	note(br.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) }))
	for _, secret := range []string{"secret-", base64.StdEncoding.EncodeToString([]byte("secret-"))[:8]} {
		if strings.Contains(sent.String(), secret) {
			t.Errorf("the browser got a token: %s", sent.String())
		}
	}
	if !strings.Contains(sent.String(), `"name":"Alice"`) {
		t.Error("the browser did not get the claims")
	}
}

func TestRequirement14_Responses_NotStoredAndReturnURLsLocal(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	responses := map[string]*http.Response{
		"sign-in":  br.signIn(alice()),
		"user":     br.visit(b.UserHandler().ServeHTTP),
		"sign-out": br.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) }),
		"no user":  br.visit(b.UserHandler().ServeHTTP),
	}
	b.store.breakDown(allOperations...)
	br.cookies[DefaultCookieName] = strings.Repeat("A", 43)
	responses["database down"] = br.visit(func(http.ResponseWriter, *http.Request) {})
	for name, r := range responses {
		if r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", name, r.Header)
		}
	}
	if h := responses["user"].Header; h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the user's claims could be taken for a page: %v", h)
	}
	for url, want := range map[string]bool{
		"/": true, "/a/b?c=d#e": true, "/a?u=https://x": true, "/a//b": true,
		"": false, "a": false, "//evil.example": false, `/\evil.example`: false, `\/evil.example`: false, "/\t/evil.example": false,
		"https://evil.example": false, "javascript:alert(1)": false, " /": false, "/\n/evil.example": false, "///evil.example": false,
		"/%zz": false, "http:/a": false, "/a b": false, "/ /evil.example": false, "/\x7f/evil.example": false, "/\x1f": false, "/!": true,
	} {
		if got := LocalURL(url); got != want {
			t.Errorf("LocalURL(%q) = %t", url, got)
		}
	}
}
