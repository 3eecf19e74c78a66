package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/usersession/bff/relyingparty"
)

// Pages load from this origin only, cannot be framed, and hold no user's data.
func TestPages_SecurityHeaders(t *testing.T) {
	h := newHost(t, newFakeOP(t))
	c := h.newClient()
	c.signIn()
	for _, path := range []string{"/", "/operator", "/bff/callback", "/static/app.js", "/static/app.css", "/nowhere"} {
		r := c.get(path)
		policy := r.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
		if strings.Contains(policy, "unsafe") || r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, r.header)
		}
		if strings.Contains(r.body, "style=\"") || strings.Contains(r.body, "onclick") || strings.Contains(r.body, "Alice") {
			t.Errorf("%s has an inline style or script, or a user's name", path)
		}
	}
}

// With an https base URL browsers are told to use https only.
func TestPages_StrictTransportSecurity(t *testing.T) {
	for base, want := range map[string]bool{"https://app.example": true, "http://localhost:8080": false} {
		h := newHost(t, newFakeOP(t), func(o *options) { o.baseURL = base })
		for _, path := range []string{"/", "/bff/user", "/nowhere", "/static/app.css"} {
			recorder := httptest.NewRecorder()
			h.app.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, base+path, nil))
			if got := recorder.Header().Get("Strict-Transport-Security"); (got != "") != want {
				t.Errorf("%s%s: %q", base, path, got)
			}
		}
	}
}

// A page of a failure offers what helps: the sign-in for the page that the user wanted, or the
// same address again, also without a click. Nothing helps against an unknown address.
func TestFailurePage_Offers(t *testing.T) {
	for _, test := range []struct {
		failure relyingparty.Failure
		has     []string
		hasNot  []string
	}{
		{relyingparty.Failure{Status: 400, Code: relyingparty.FailureRefused, ReturnURL: "/operator?a=b&c"}, []string{`href="/bff/login?returnUrl=%2foperator%3fa%3db%26c"`}, []string{"refresh"}},
		{relyingparty.Failure{Status: 400, Code: relyingparty.FailureSignInExpired}, []string{`href="/bff/login"`}, []string{"refresh"}},
		{relyingparty.Failure{Status: 503, Code: relyingparty.FailureStoreUnavailable}, []string{`<meta http-equiv="refresh"`, `href=""`}, []string{"/bff/login"}},
		{relyingparty.Failure{Status: 503, Code: relyingparty.FailurePrefetch}, nil, []string{"refresh", "/bff/login", `href=""`}},
		{relyingparty.Failure{Status: 404}, []string{`href="/"`}, []string{"refresh", "/bff/login", `href=""`}},
	} {
		recorder := httptest.NewRecorder()
		show(recorder, test.failure.Status, "failure.html", test.failure)
		for _, text := range append(test.has, test.hasNot...) {
			if strings.Contains(recorder.Body.String(), text) != slices.Contains(test.has, text) {
				t.Errorf("%+v: %s\n%s", test.failure, text, recorder.Body)
			}
		}
	}
}

// Cookies belong to a host name. Page requests with another name of this machine are
// redirected to the base URL's, to which the provider sends the browser.
func TestCanonical_OtherLoopbackName(t *testing.T) {
	h := newHost(t, newFakeOP(t))
	c := h.newClient()
	other := "http://127.0.0.1:" + h.app.opts.base.Port()
	for _, path := range []string{"/", "/operator", "/bff/login?returnUrl=/operator"} {
		if r := c.get(other + path); r.status != http.StatusTemporaryRedirect || r.location != h.app.opts.baseURL+path {
			t.Errorf("%s: %d %s", path, r.status, r.location)
		}
	}
	r := c.do(http.MethodPost, other+"/bff/backchannel", url.Values{"logout_token": {"x"}}.Encode(),
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
	if r.status != http.StatusBadRequest {
		t.Errorf("/bff/backchannel under the other name: %d", r.status)
	}
}
