package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Pages load what is theirs and nothing else, cannot be framed, and hold nothing of anybody's.
func TestPages(t *testing.T) {
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
			t.Errorf("%s has a style or script of its own, or somebody's name", path)
		}
	}
}

// Cookies belong to a host name: who comes by another name of this machine is led to the
// one that the provider sends them back to.
func TestOneHostName(t *testing.T) {
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
		t.Errorf("the back channel is led away: %d", r.status)
	}
}
