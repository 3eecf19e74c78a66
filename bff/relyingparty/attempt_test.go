package relyingparty_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Tabs do not disturb each other, whatever the order, also with long return URLs.
func TestLogin_SeveralTabs(t *testing.T) {
	for name, returnURL := range map[string]string{"short": "/page", "long": "/page?q=" + strings.Repeat("x", 1900)} {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t)).browser()
			var callbacks []string
			for range 10 {
				callbacks = append(callbacks, b.atProvider(b.get("/bff/login?returnUrl="+url.QueryEscape(returnURL))))
			}
			size := 0
			for name, value := range b.cookies {
				size += len(name) + len(value) + 3
			}
			if size > 8<<10 {
				t.Errorf("the cookies of 10 sign-ins have %d bytes", size)
			}
			for i := range callbacks {
				a := b.get(callbacks[len(callbacks)-1-i])
				if a.StatusCode != http.StatusSeeOther || a.location() != returnURL {
					t.Errorf("tab %d: %d to %.40q", i, a.StatusCode, a.location())
				}
				b.wantSignedIn("alice")
			}
		})
	}
}

// Abandoned sign-ins do not fill the browser's storage, and the latest ones work.
func TestLogin_AbandonedAttempts(t *testing.T) {
	now := time.Now()
	b := newApp(t, newOP(t), func(s *setup) { s.rp.Clock = func() time.Time { return now } }).browser()
	var callbacks []string
	for range 40 {
		callbacks = append(callbacks, b.atProvider(b.get("/bff/login?returnUrl=%2F"+strings.Repeat("y", 1000))))
		now = now.Add(time.Second)
	}
	size := 0
	for name, value := range b.cookies {
		size += len(name) + len(value) + 3
	}
	if size > 8<<10 {
		t.Errorf("the cookies of 40 sign-ins have %d bytes", size)
	}
	b.wantFailure(b.get(callbacks[0]), http.StatusBadRequest, "no longer valid")
	for _, callback := range callbacks[28:] {
		if a := b.get(callback); a.StatusCode != http.StatusSeeOther {
			t.Errorf("a recent sign-in: %d", a.StatusCode)
		}
	}
	// Cookies of the name that do not open are removed.
	b.cookies["__Host-bff-signin-000000-00"] = "not of this application"
	for name := range b.cookies {
		if strings.Contains(name, "signin") {
			b.cookies[name] = "broken"
		}
	}
	b.signIn()
	b.wantSignedIn("alice")
}

func TestLogin_ReturnURL(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	for _, bad := range []string{
		"https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "evil", " /", "/\tx", "/%0a\n", "javascript:alert(1)",
		"/" + strings.Repeat("x", 2048),
	} {
		b.wantFailure(b.get("/bff/login?returnUrl="+url.QueryEscape(bad)), http.StatusBadRequest, "not allowed")
	}
	if a := b.signIn("?returnUrl=" + url.QueryEscape("/a%2Fb?c=/d#e")); a.location() != "/a%2Fb?c=/d#e" {
		t.Errorf("the callback leads to %q", a.location())
	}
	if a := b.signIn(); a.location() != "/" {
		t.Errorf("without returnUrl the callback leads to %q", a.location())
	}
}

// An attempt can be finished once, by the browser that began it, in time.
func TestCallback_AttemptsOfOthers(t *testing.T) {
	op := newOP(t)
	now := time.Now()
	shared := func(s *setup) { s.rp.Clock = func() time.Time { return now } }
	a := newApp(t, op, shared)
	b := a.browser()
	fresh := func() string { return b.atProvider(b.get("/bff/login")) }

	b.wantFailure(a.browser().get(fresh()), http.StatusBadRequest, "no longer valid")
	b.wantSignedIn("")

	callback := fresh()
	thief := b.clone()
	thief.get(callback)
	thief.wantSignedIn("alice")
	b.wantFailure(b.get(callback), http.StatusBadRequest, "no longer valid") // used on another connection
	b.wantSignedIn("")

	callback = fresh()
	other := b.atProvider(b.get("/bff/login"))
	swapped, _ := url.Parse(callback)
	query := swapped.Query()
	query.Set("code", queryOf(t, other).Get("code"))
	swapped.RawQuery = query.Encode()
	b.wantFailure(b.get(swapped.String()), http.StatusBadRequest, "refused") // another attempt's code
	b.wantSignedIn("")

	callback = fresh()
	now = now.Add(16 * time.Minute)
	b.wantFailure(b.get(callback), http.StatusBadRequest, "no longer valid")
	now = time.Now()

	for name, test := range map[string]struct {
		change func(url.Values)
		ends   bool // the attempt
	}{
		"no state":                   {func(q url.Values) { q.Del("state") }, false},
		"another state":              {func(q url.Values) { q.Set("state", "x"+q.Get("state")) }, false},
		"two states":                 {func(q url.Values) { q.Add("state", q.Get("state")) }, false},
		"two codes":                  {func(q url.Values) { q.Add("code", "y") }, false},
		"no code":                    {func(q url.Values) { q.Del("code") }, true},
		"an empty code":              {func(q url.Values) { q.Set("code", "") }, true},
		"an unknown code":            {func(q url.Values) { q.Set("code", "unknown") }, true},
		"another issuer":             {func(q url.Values) { q.Set("iss", "https://evil.example") }, true},
		"the issuer in another case": {func(q url.Values) { q.Set("iss", strings.ToUpper(op.issuer)) }, true},
		"two issuers":                {func(q url.Values) { q["iss"] = []string{op.issuer, op.issuer} }, false},
		"an error":                   {func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, true},
		"an error and a code":        {func(q url.Values) { q.Set("error", "access_denied") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			u, _ := url.Parse(fresh())
			q := u.Query()
			test.change(q)
			u.RawQuery = q.Encode()
			begun := b.attempts()
			got := b.get(u.String())
			if ended := b.attempts() < begun; ended != test.ends {
				t.Errorf("the attempt has ended: %t", ended)
			}
			if got.StatusCode < 400 || got.StatusCode >= 500 {
				t.Errorf("status %d", got.StatusCode)
			}
			b.wantSignedIn("")
		})
	}
}

// Two hosts with one store and the same keys: an attempt that one of them has accepted is used
// up on the other, although the browser of the test keeps its cookie.
func TestCallback_SingleUseAcrossHosts(t *testing.T) {
	op := newOP(t)
	var first setup
	one := newApp(t, op, func(s *setup) { first = *s })
	two := newApp(t, op, func(s *setup) {
		s.rp.Protector, s.sessions.Protector, s.sessions.Store = first.rp.Protector, first.sessions.Protector, first.sessions.Store
	})
	b := one.browser()
	callback := b.atProvider(b.get("/bff/login"))
	replay := &browser{two, b.clone().cookies}
	b.get(callback)
	asked, _ := op.tokenRequests()
	replay.wantFailure(replay.get(callback), http.StatusBadRequest, "no longer valid")
	if n := replay.attempts(); n != 0 {
		t.Errorf("the browser keeps %d cookies of used attempts", n)
	}
	if again, _ := op.tokenRequests(); again != asked {
		t.Error("a used attempt sent its code to the provider again")
	}
	// An attempt that began on one host ends on the other.
	b = one.browser()
	callback = b.atProvider(b.get("/bff/login"))
	b = &browser{two, b.cookies}
	b.get(callback)
	b.wantSignedIn("alice")
}

// RFC 9207: a provider whose discovery document says so sends iss in every response.
func TestCallback_ResponseIssuer(t *testing.T) {
	op := newOP(t, func(op *fakeOP) { op.responseIss = true })
	b := newApp(t, op).browser()
	b.signIn()
	b.wantSignedIn("alice")
	b = b.app.browser()
	u, _ := url.Parse(b.atProvider(b.get("/bff/login")))
	q := u.Query()
	q.Del("iss")
	u.RawQuery = q.Encode()
	b.wantFailure(b.get(u.String()), http.StatusBadRequest, "refused")
}

func TestLogin_NeverSpeculative(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	b.signIn()
	logout := b.wantSignedIn("alice")["bff:logout_url"].(string)
	for _, header := range [][2]string{{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"},
		{"Purpose", "prerender"}, {"X-Purpose", "preview"}} {
		for _, target := range []string{"/bff/login", "/bff/callback?state=x", logout, "/bff/silent-login"} {
			a := b.get(target, header[0], header[1])
			if a.StatusCode != http.StatusServiceUnavailable || len(a.Cookies()) != 0 || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s with %s: %d, %d cookies", target, header, a.StatusCode, len(a.Cookies()))
			}
		}
	}
	if a := b.send(b.request(http.MethodHead, logout, nil)); a.StatusCode < 400 {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
	b.wantSignedIn("alice")
}

// A link on another site begins a sign-in without the session's Strict cookie. The browser's former
// session ends all the same.
func TestLogin_FromAnotherSite(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	b.signIn()
	old := b.clone()
	strict := b.cookies["__Host-bff"]
	delete(b.cookies, "__Host-bff") // as browsers do
	page := b.get("/bff/login?returnUrl=%2Fa%22b&x=1", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	const again = `content="0;url=/bff/login?returnUrl=%2Fa%22b&amp;x=1"`
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, again) || len(page.Cookies()) != 0 {
		t.Fatalf("%d: %s", page.StatusCode, page.body)
	}
	b.wantPage(page, "'none'")
	b.cookies["__Host-bff"] = strict // the page of this site
	login := b.get("/bff/login?returnUrl=%2F", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
	callback := b.atProvider(login)
	delete(b.cookies, "__Host-bff")
	b.get(callback)
	b.wantSignedIn("alice")
	old.wantSignedIn("")
}

func TestLogin_AuthParameters(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op, func(s *setup) {
		s.rp.AuthParameters = func(r *http.Request) url.Values {
			return url.Values{
				"login_hint": {}, "acr_values": {r.URL.Query().Get("acr")}, "ui_locales": {"de"}, "prompt": {"consent"},
				"state": {"evil"}, "redirect_uri": {"https://evil.example"}, "client_id": {"x"}, "nonce": {"x"}, "code_challenge": {"x"},
			}
		}
	}).browser()
	query := queryOf(t, b.get("/bff/login?acr=2").location())
	if query.Get("acr_values") != "2" || query.Get("ui_locales") != "de" || query.Get("prompt") != "consent" {
		t.Errorf("%v", query)
	}
	if !strings.Contains(b.log.String(), "parameter=redirect_uri") {
		t.Errorf("the log does not name a parameter that was ignored:\n%s", b.log)
	}
	if query.Get("client_id") != fakeClient || query.Get("redirect_uri") != baseURL+"/bff/callback" || len(query["state"]) != 1 || query.Get("state") == "evil" ||
		query.Get("nonce") == "x" || query.Get("code_challenge") == "x" {
		t.Errorf("a parameter of the protocol was set: %v", query)
	}
	b.signIn("?acr=2")
	b.wantSignedIn("alice")
}

// Step-up: with max_age the ID token must tell of a recent authentication, and the new session
// replaces the old one.
func TestLogin_MaxAge(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op, func(s *setup) {
		s.rp.AuthParameters = func(r *http.Request) url.Values {
			if r.URL.Query().Has("stepup") {
				return url.Values{"max_age": {"60"}, "acr_values": {"2"}}
			}
			return nil
		}
	}).browser()
	b.signIn()
	old := b.clone()
	for name, change := range map[string]func(map[string]any){
		"no auth_time":     func(map[string]any) {},
		"an old auth_time": func(c map[string]any) { c["auth_time"] = time.Now().Add(-5 * time.Minute).Unix() },
		"a text":           func(c map[string]any) { c["auth_time"] = "now" },
	} {
		t.Run(name, func(t *testing.T) {
			op.change = change
			b.wantFailure(b.signIn("?stepup=1"), http.StatusBadRequest, "refused")
			b.wantSignedIn("alice")
		})
	}
	op.change = func(c map[string]any) { c["auth_time"], c["acr"] = time.Now().Add(-90*time.Second).Unix(), "2" }
	b.signIn("?stepup=1")
	if claims := b.wantSignedIn("alice"); claims["acr"] != "2" {
		t.Errorf("claims: %v", claims)
	}
	old.wantSignedIn("")
}

// prompt=none never shows a page: a user who is not signed in at the provider returns.
func TestLogin_Silent(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op).browser()
	answer := func(login answer, values url.Values) answer {
		t.Helper()
		query := queryOf(t, login.location())
		if query.Get("prompt") != "none" {
			t.Errorf("prompt = %q", query.Get("prompt"))
		}
		values.Set("state", query.Get("state"))
		return b.get("/bff/callback?" + values.Encode())
	}
	for _, code := range []string{"login_required", "interaction_required", "consent_required", "account_selection_required"} {
		a := answer(b.get("/bff/login?prompt=none&returnUrl=%2Fpage"), url.Values{"error": {code}})
		if a.StatusCode != http.StatusSeeOther || a.location() != "/page" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d to %q, %v", code, a.StatusCode, a.location(), a.Header)
		}
	}
	chosen := newApp(t, op, func(s *setup) {
		s.rp.AuthParameters = func(*http.Request) url.Values { return url.Values{"prompt": {"none"}} }
	}).browser()
	state := queryOf(t, chosen.get("/bff/login?returnUrl=%2Fpage").location()).Get("state")
	if a := chosen.get("/bff/callback?error=login_required&state=" + url.QueryEscape(state)); a.location() != "/page" {
		t.Errorf("prompt=none of AuthParameters: %d to %q", a.StatusCode, a.location())
	}
	a := answer(b.get("/bff/silent-login"), url.Values{"error": {"login_required"}})
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "isLoggedIn: false") || !strings.Contains(a.body, "window.location.origin") ||
		!strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'") {
		t.Errorf("%d: %s", a.StatusCode, a.body)
	}
	b.wantPage(a, "'self'")
	a = b.get(b.atProvider(b.get("/bff/silent-login")))
	if !strings.Contains(a.body, "isLoggedIn: true") {
		t.Errorf("%d: %s", a.StatusCode, a.body)
	}
	b.wantSignedIn("alice")
}

// Two providers: a RelyingParty and a Sessions each, on paths and cookie names of their own.
func TestTwoProviders(t *testing.T) {
	first, second := newOP(t), newOP(t)
	var keys setup
	one := newApp(t, first, func(s *setup) { keys = *s })
	two := newApp(t, second, func(s *setup) {
		s.rp.Protector, s.sessions.Protector, s.sessions.Store = keys.rp.Protector, keys.sessions.Protector, keys.sessions.Store
		s.rp.Path, s.sessions.UserPath = "/partner", "/partner/user"
		s.sessions.CookieName, s.sessions.Partition = "__Host-partner", "partner"
	})
	mux := http.NewServeMux()
	mux.Handle("/", one)
	mux.Handle("/partner/", two)
	both := *one
	both.Handler = mux
	b := both.browser()
	b.signIn()
	b.get(b.atProvider(b.get("/partner/login")))
	b.wantSignedIn("alice")
	if a := b.script(http.MethodGet, "/partner/user", ""); a.StatusCode != http.StatusOK || !strings.Contains(a.body, second.sid) {
		t.Errorf("the second provider's user: %d %s", a.StatusCode, a.body)
	}
	// A response of one provider at the other's callback is not accepted.
	login := b.get("/bff/login")
	mixed := strings.Replace(b.atProvider(login), "/bff/callback", "/partner/callback", 1)
	out := both.browser()
	out.cookies = b.cookies
	delete(out.cookies, "__Host-partner")
	out.wantFailure(out.get(mixed), http.StatusBadRequest, "no longer valid")
	if a := out.script(http.MethodGet, "/partner/user", ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the response of the first provider signed in at the second: %d", a.StatusCode)
	}
}
