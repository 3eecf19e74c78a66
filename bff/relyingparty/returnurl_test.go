package relyingparty_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The browser returns to the address that the page has named, to the letter.
func TestLogin_ReturnURLKept(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	for sent, want := range map[string]string{
		"/a//b":                       "/a//b",
		"/view/https://example.com/x": "/view/https://example.com/x",
		"/#/a/../b//c":                "/#/a/../b//c",
		"/a/./b/../":                  "/a/./b/../",
		"/é?q=ü":                      "/%C3%A9?q=%C3%BC",
		"/À":                          "/%C3%80",
		"/a?b=//c&d=<\"'>":            "/a?b=//c&d=<\"'>",
		"/bff/logout":                 "/bff/logout",
		"/%5c%0d%0ax":                 "/%5c%0d%0ax",
	} {
		if a := b.signIn("?returnUrl=" + url.QueryEscape(sent)); a.StatusCode != http.StatusSeeOther || a.location() != want {
			t.Errorf("%q: %d, to %q", sent, a.StatusCode, a.location())
		}
	}
	none := newApp(t, newOP(t, func(op *fakeOP) { op.noEndSession = true })).browser()
	if a := none.get("/bff/logout?returnUrl=%2Fa%2F%2Fb"); a.location() != "/a//b" {
		t.Errorf("the logout leads to %q", a.location())
	}
}

// A return URL that is accepted makes no address that the provider's server refuses as too long.
func TestLogin_ReturnURLBoundsState(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	for _, c := range []string{"&", "<", "\"", "\u2028", "\xff", "é", "x"} {
		a := b.get("/bff/login?returnUrl=" + url.QueryEscape("/"+strings.Repeat(c, 2047/len(c))))
		if a.StatusCode == http.StatusSeeOther && len(a.location()) > 8000 {
			t.Errorf("%q: the address has %d bytes", c, len(a.location()))
		}
		if a.StatusCode != http.StatusSeeOther && c != "\xff" {
			t.Errorf("%q: %d", c, a.StatusCode)
		}
	}
}

// A page that waits for the message of a silent sign-in gets it, whatever fails.
func TestSilentLogin_AlwaysAnswers(t *testing.T) {
	wantMessage := func(a answer) {
		t.Helper()
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "isLoggedIn: false") {
			t.Errorf("%d %q", a.StatusCode, a.body)
		}
	}
	down := newOP(t, func(op *fakeOP) {
		op.discover = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	})
	b := newApp(t, down).browser()
	wantMessage(b.get("/bff/silent-login"))
	for _, want := range []string{"failure=provider_unavailable", "answer has status 500"} {
		if !strings.Contains(b.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, b.log)
		}
	}
	b = newApp(t, newOP(t)).browser()
	state := queryOf(t, b.get("/bff/silent-login").location()).Get("state")
	wantMessage(b.get("/bff/callback?error=login_required&state=" + url.QueryEscape(state)))
	if strings.Contains(b.log.String(), "failed") {
		t.Errorf("that nobody is signed in at the provider is logged as a failure:\n%s", b.log)
	}
	wantMessage(b.get("/bff/silent-login?returnUrl=//evil.example"))
	callback := b.atProvider(b.get("/bff/silent-login"))
	wantMessage(b.app.browser().get(callback))                                 // another browser
	wantMessage(b.get(callback + "&code=x"))                                   // a parameter twice
	b.wantFailure(b.get("/bff/callback?state=forged"), 400, "no longer valid") // no page waits
}

// With a max_age that is not a number, the age of the authentication would not be checked.
func TestLogin_MaxAgeValues(t *testing.T) {
	for value, accepted := range map[string]bool{
		"": true, "0": true, "2147483647": true,
		"-1": false, "abc": false, "300 ": false, "1e2": false, "+5": false, "10000000000": false, "99999999999999999999": false,
	} {
		op := newOP(t, func(op *fakeOP) { op.change = func(c map[string]any) { c["auth_time"] = c["iat"] } })
		b := newApp(t, op, func(s *setup) {
			s.rp.AuthParameters = func(*http.Request) url.Values { return url.Values{"max_age": {value}} }
		}).browser()
		login := b.get("/bff/login")
		if !accepted {
			b.wantFailure(login, http.StatusBadRequest, "not signed in")
			continue
		}
		if sent := queryOf(t, login.location()); sent.Get("max_age") != value || sent.Has("max_age") != (value != "") {
			t.Errorf("%q: the provider got %v", value, sent["max_age"])
		}
		if a := b.get(b.atProvider(login)); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%q: %d\n%s", value, a.StatusCode, b.log)
		}
	}
}
