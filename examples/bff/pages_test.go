package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
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
