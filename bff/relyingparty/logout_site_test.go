package relyingparty_test

import (
	"net/http"
	"strings"
	"testing"
)

// A navigation that another site causes comes without the session's Strict cookie, and its
// response may delete the cookie all the same. Such a request signs nobody out.
func TestLogout_FromAnotherSite(t *testing.T) {
	for name, insecure := range map[string]bool{"with sid": false, "InsecureLogoutWithoutSID": true} {
		t.Run(name, func(t *testing.T) {
			b := newApp(t, newOP(t), func(s *setup) { s.rp.InsecureLogoutWithoutSID = insecure }).browser()
			b.signIn()
			logout := b.wantSignedIn("alice")["bff:logout_url"].(string)
			strict := b.cookies["__Host-bff"]
			send := func(method, target string, header ...string) answer {
				t.Helper()
				delete(b.cookies, "__Host-bff") // as browsers do
				r := b.request(method, target, nil)
				for i := 0; i < len(header); i += 2 {
					r.Header.Set(header[i], header[i+1])
				}
				a := b.send(r)
				if len(a.Cookies()) != 0 {
					t.Errorf("%s %s: the response has the cookies %v", method, target, a.Cookies())
				}
				b.cookies["__Host-bff"] = strict
				b.wantSignedIn("alice")
				return a
			}
			link := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}
			b.wantFailure(send(http.MethodGet, "/bff/logout", link...), http.StatusBadRequest, "does not match")
			b.wantFailure(send(http.MethodGet, "/bff/logout", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), http.StatusBadRequest, "does not match")
			b.wantFailure(send(http.MethodPost, "/bff/logout", append(link, "Origin", "https://evil.example")...), http.StatusBadRequest, "does not match")
			b.wantFailure(send(http.MethodPost, logout, append(link, "Origin", "https://evil.example")...), http.StatusBadRequest, "does not match")
			b.wantFailure(send(http.MethodPost, "/bff/logout"), http.StatusBadRequest, "does not match")
			send(http.MethodGet, "/bff/logout") // a browser that does not tell from where

			// A link with the session's sid works: the page asks again, with the cookie.
			page := send(http.MethodGet, logout, link...)
			if page.StatusCode != http.StatusOK || !strings.Contains(page.body, `content="0;url=`+logout+`"`) {
				t.Fatalf("%d: %s", page.StatusCode, page.body)
			}
			b.wantPage(page, "'none'")
			if a := b.get(logout, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate"); a.StatusCode != http.StatusSeeOther {
				t.Errorf("%d", a.StatusCode)
			}
			b.wantSignedIn("")
		})
	}
}
