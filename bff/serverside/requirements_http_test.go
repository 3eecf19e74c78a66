package serverside

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRequirement09ATicketThatDoesNotOpenIsNoSession(t *testing.T) {
	b := newBench(t)
	other := newBench(t)
	br, elsewhere := b.browser(), other.browser()
	br.signIn(as("alice", "s1"))
	elsewhere.signIn(as("alice", "s1"))
	good := b.store.rows(t, "alice")[0]
	plain := bytes.Contains(good.Ticket, []byte("secret")) || bytes.Contains(good.Ticket, []byte("Alice"))
	if plain {
		t.Error("the ticket is not encrypted")
	}
	flipped := bytes.Clone(good.Ticket)
	flipped[len(flipped)/2] ^= 1
	unknown, err := ticket.Seal(ticket.InsecureRandomKeyRing(), ticket.BindingOf(good), as("alice", "s1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range map[string][]byte{
		"tampered": flipped, "truncated": good.Ticket[:20], "empty": nil, "unknown key": unknown,
		"of another row": other.store.rows(t, "alice")[0].Ticket, "not one of ours": []byte(`{"sub":"alice"}`),
	} {
		t.Run(name, func(t *testing.T) {
			u := (&loaded{row: good}).update()
			u.Ticket, u.IfVersion = sealed, 0
			if err := b.store.UpdateUserSession(t.Context(), (&loaded{row: good}).key(), u); err != nil {
				t.Fatal(err)
			}
			response := br.visit(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := FromContext(r.Context()); ok {
					t.Error("it is a session")
				}
				_, _ = io.WriteString(w, "welcome")
			})
			if response.StatusCode != http.StatusOK || body(t, response) != "welcome" || len(response.Cookies()) != 0 {
				t.Errorf("status %d, cookies %v", response.StatusCode, response.Cookies())
			}
			if len(b.store.rows(t, "alice")) != 1 {
				t.Error("the row was deleted: another host may have the key")
			}
		})
	}
	if !strings.Contains(b.log.String(), "does not open") {
		t.Error("the log does not say so")
	}
	// It can be listed and revoked all the same, and signing out removes it.
	if sessions, err := b.UserSessions(t.Context(), "alice"); err != nil || len(sessions) != 1 || sessions[0].SessionID != "s1" {
		t.Errorf("listing: %v, %v", sessions, err)
	}
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	if len(b.store.rows(t, "alice")) != 0 {
		t.Error("signing out leaves the row")
	}
}

// A confused store answers with a row that was not asked for.
type confused struct {
	*spy
	answer bff.UserSession
}

func (c confused) GetUserSession(context.Context, bff.UserSessionKey) (bff.UserSession, error) {
	return c.answer, nil
}

func TestRequirement09ARowThatWasNotAskedForIsNoSession(t *testing.T) {
	b := newBench(t)
	b.browser().signIn(as("alice", "s1"))
	mallory := b.browser()
	mallory.signIn(as("mallory", "s2"))
	b.cfg.Store = confused{b.store, b.store.rows(t, "alice")[0]}
	mallory.want("")
}

// leaky fails with errors that quote everything.
type leaky struct{}

func (leaky) RevokeRefreshToken(_ context.Context, token string) error {
	return errors.New("cannot revoke " + token)
}

func (leaky) RefreshTokens(_ context.Context, token string) (Tokens, error) {
	return Tokens{}, errors.New("cannot refresh with " + token)
}

func TestRequirement09SecretsAreNeverLoggedOrReturned(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Refresher, c.Revoker = leaky{}, leaky{} })
	var out strings.Builder
	note := func(err error) {
		if err != nil {
			out.WriteString(err.Error() + "\n")
		}
	}
	var cookies, keys []string
	exercise := func() {
		br := b.browser()
		expired := as("alice", "")
		expired.AccessTokenExpires = b.clock.plus(-time.Hour)
		response := br.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := b.SignIn(w, r, expired)
			note(err)
			data, _ := json.Marshal(session)
			out.Write(data)
		})
		out.WriteString(body(t, response))
		cookies = append(cookies, br.cookies[DefaultCookieName])
		for _, row := range b.store.rows(t, "alice") {
			keys = append(keys, row.Key)
		}
		for range 2 {
			b.clock.pass(40 * time.Minute)
			response = br.visit(func(w http.ResponseWriter, r *http.Request) {
				_, err := b.AccessToken(r.Context())
				note(err)
				note(b.RefreshTokens(r.Context()))
				note(b.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Properties = nil; return nil }))
				session, _ := FromContext(r.Context())
				slog.New(slog.NewTextHandler(&out, nil)).Info("m", "session", session)
				_, err = b.RevokeOtherSessions(r.Context())
				note(err)
				b.UserHandler().ServeHTTP(w, r)
			})
			out.WriteString(body(t, response))
		}
		out.WriteString(body(t, br.visit(func(w http.ResponseWriter, r *http.Request) { note(b.SignOut(w, r)) })))
	}
	exercise()
	for _, operation := range allOperations {
		b.store.breakDown(operation)
		exercise()
	}
	b.store.breakDown()
	_, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
	note(err)
	out.WriteString(b.log.String())
	for _, want := range []string{"could not be revoked", "could not be refreshed", "ended", "database is down"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing was provoked that says %q", want)
		}
	}
	for _, secret := range slices.Concat([]string{"secret-"}, cookies, keys) {
		if secret != "" && strings.Contains(out.String(), secret) {
			t.Errorf("%.20q is logged, returned or shown", secret)
		}
	}
}

func TestRequirement10TheSessionEndsWithItsRefreshToken(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	tk := alice()
	tk.RefreshTokenExpires = b.clock.plus(100 * time.Minute)
	br.signIn(tk)
	for range 9 {
		b.clock.pass(10 * time.Minute)
		br.want("alice")
	}
	b.clock.pass(10 * time.Minute)
	br.want("")
	tk.RefreshTokenExpires = b.clock.Now()
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, tk); err == nil {
			t.Error("a session begins after its end")
		}
	})
	// New tokens put it off, and an update may bring it forward.
	tk.RefreshTokenExpires = b.clock.plus(10 * time.Minute)
	br.signIn(tk)
	expires := func(change func(*ticket.Ticket)) time.Duration {
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			if err := b.Update(r.Context(), func(tk *ticket.Ticket) error { change(tk); return nil }); err != nil {
				t.Error(err)
			}
		})
		return b.store.rows(t, "alice")[0].Expires.Sub(b.clock.Now())
	}
	if d := expires(func(tk *ticket.Ticket) { tk.RefreshTokenExpires = b.clock.plus(40 * time.Minute) }); d != 40*time.Minute {
		t.Errorf("with a refresh token of 40 minutes: %v", d)
	}
	if d := expires(func(tk *ticket.Ticket) { tk.Expires = b.clock.plus(5 * time.Minute) }); d != 5*time.Minute {
		t.Errorf("brought forward to 5 minutes: %v", d)
	}
	// A ticket may ask for an earlier end than the configuration.
	tk = alice()
	tk.Expires = b.clock.plus(time.Minute)
	br.signIn(tk)
	b.clock.pass(time.Minute)
	br.want("")
}

func TestRequirement10RefreshTokensAreRevokedAtTheEnd(t *testing.T) {
	revoker := &provider{}
	b := newBench(t, func(c *Config) { c.Revoker, c.MaxSessionsPerUser = revoker, 3 })
	in := func(token string) *browser {
		br := b.browser()
		tk := as("alice", "s-"+token)
		tk.RefreshToken = token
		br.signIn(tk)
		b.clock.pass(time.Second)
		return br
	}
	one, two := in("r1"), in("r2")
	in("r3")
	in("r4") // one too many
	revoker.want(t, "r1")
	one.want("")
	two.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) })
	revoker.want(t, "r1", "r2")
	if _, err := b.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SessionID: "s-r3"}); err != nil {
		t.Error(err)
	}
	in("r5")
	in("r6").visit(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = b.RevokeOtherSessions(r.Context())
	})
	revoker.want(t, "r1", "r2", "r3", "r4", "r5")
	if _, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Error(err)
	}
	revoker.want(t, "r1", "r2", "r3", "r4", "r5", "r6")
	// That the tokens cannot be read does not keep the sessions.
	in("r7")
	b.store.breakDown("list")
	if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// hangsUp cancels the request as soon as its session has ended.
type hangsUp struct {
	noMetrics
	cancel context.CancelFunc
}

func (h *hangsUp) SessionEnded(context.Context, EndReason, int64) { h.cancel() }

// A revoker that heeds its context.
type heedful struct{ provider }

func (h *heedful) RevokeRefreshToken(ctx context.Context, token string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return h.provider.RevokeRefreshToken(ctx, token)
}

func TestRequirement10RefreshTokensAreRevokedThoughTheBrowserHangsUp(t *testing.T) {
	revoker, hangUp := &heedful{}, &hangsUp{}
	b := newBench(t, func(c *Config) { c.Revoker, c.Metrics = revoker, hangUp })
	br := b.browser()
	br.signIn(alice())
	ctx, cancel := context.WithCancel(t.Context())
	hangUp.cancel = cancel
	br.do(br.request("/").WithContext(ctx), func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	revoker.want(t, "secret-refresh-token")
}

func TestRequirement11TheCookiesAttributes(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"default": func(*Config) {}, "lax": func(c *Config) { c.SameSite = http.SameSiteLaxMode },
		"persistent": func(c *Config) { c.PersistentCookie = true },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, change)
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

func TestRequirement11TheCookiesSizeIsConstant(t *testing.T) {
	b := newBench(t)
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

func TestRequirement12CSRFNeedsAHeaderOnEveryRequest(t *testing.T) {
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
		{"another origin", "DELETE", map[string]string{"X-CSRF": "1", "Origin": "https://evil.example"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), test.method, "https://bff.example/api", nil)
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
		})
	}
}

// State, nonce and PKCE are the sign-in's, which an application does with its OpenID
// Connect client: see examples/bff. Here is what the plumbing owes.
func TestRequirement13TokensNeverReachTheBrowser(t *testing.T) {
	b := newBench(t)
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
		_ = json.NewEncoder(w).Encode([]any{session, sessions, tk}) // careless, and still safe
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

func TestRequirement14ResponsesAreNotStoredAndReturnURLsAreLocal(t *testing.T) {
	b := newBench(t)
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
	for url, want := range map[string]bool{
		"/": true, "/a/b?c=d#e": true, "/a?u=https://x": true, "/a//b": true,
		"": false, "a": false, "//evil.example": false, `/\evil.example`: false, `\/evil.example`: false, "/\t/evil.example": false,
		"https://evil.example": false, "javascript:alert(1)": false, " /": false, "/\n/evil.example": false, "///evil.example": false,
		"/%zz": false, "http:/a": false,
	} {
		if got := LocalURL(url); got != want {
			t.Errorf("LocalURL(%q) = %t", url, got)
		}
	}
}
