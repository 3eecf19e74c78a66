package relyingparty_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A page of Duende.BFF chooses the prompt with the login endpoint's parameter.
func TestLogin_Prompt(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	for prompt, want := range map[string]string{
		"login": "login", "select_account": "select_account", "consent": "consent", "create": "create", "none": "none",
		"": "", "evil": "", "login consent": "", "LOGIN": "",
	} {
		if got := queryOf(t, b.get("/bff/login?prompt="+url.QueryEscape(prompt)).location()).Get("prompt"); got != want {
			t.Errorf("prompt=%q becomes %q, want %q", prompt, got, want)
		}
	}
	if query := queryOf(t, b.get("/bff/login?prompt=login&prompt=consent").location()); query.Has("prompt") {
		t.Errorf("two prompts become %q", query.Get("prompt"))
	}
	step := newApp(t, newOP(t), func(s *setup) {
		s.rp.AuthParameters = func(*http.Request) url.Values { return url.Values{"prompt": {"login"}} }
	}).browser()
	if got := queryOf(t, step.get("/bff/login?prompt=select_account").location()).Get("prompt"); got != "login" {
		t.Errorf("the page's prompt %q replaces that of AuthParameters", got)
	}
}

// In a frame login?prompt=none is answered as silent-login is, as in Duende.BFF 4.
func TestLogin_SilentInFrame(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	frame := []string{"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate"}
	state := queryOf(t, b.get("/bff/login?prompt=none", frame...).location()).Get("state")
	a := b.get("/bff/callback?error=login_required&state=" + url.QueryEscape(state))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "isLoggedIn: false") {
		t.Errorf("a frame: %d %q", a.StatusCode, a.body)
	}
	a = b.get(b.atProvider(b.get("/bff/login?prompt=none", frame...)))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "isLoggedIn: true") {
		t.Errorf("a frame: %d %q", a.StatusCode, a.body)
	}
	b.wantSignedIn("alice")
	if a := b.get(b.atProvider(b.get("/bff/login", frame...))); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a frame without prompt=none: %d", a.StatusCode)
	}
}

// The logout endpoint's returnUrl takes the place of PostLogoutPath.
func TestLogout_ReturnURL(t *testing.T) {
	b := newApp(t, newOP(t), func(s *setup) { s.rp.PostLogoutPath = "/out" }).browser()
	for _, target := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "page", "/" + strings.Repeat("x", 2048)} {
		b.signIn()
		logout := b.wantSignedIn("alice")["bff:logout_url"].(string)
		b.wantFailure(b.get(logout+"&returnUrl="+url.QueryEscape(target)), http.StatusBadRequest, "return address")
		b.wantSignedIn("alice")
	}
	logout := b.wantSignedIn("alice")["bff:logout_url"].(string)
	a := b.get(logout + "&returnUrl=%2Flogged-out")
	if got := queryOf(t, a.location()).Get("post_logout_redirect_uri"); got != baseURL+"/logged-out" {
		t.Errorf("the provider returns to %q", got)
	}
	b.wantSignedIn("")
	if got := queryOf(t, b.get("/bff/logout").location()).Get("post_logout_redirect_uri"); got != baseURL+"/out" {
		t.Errorf("without returnUrl the provider returns to %q", got)
	}
	none := newApp(t, newOP(t, func(op *fakeOP) { op.noEndSession = true })).browser()
	if a := none.get("/bff/logout?returnUrl=%2Flogged-out"); a.location() != "/logged-out" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("without an end_session_endpoint: %q, %v", a.location(), a.Header)
	}
}
