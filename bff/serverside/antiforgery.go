package serverside

import (
	"net/http"
	"net/url"
	"strings"
)

// AntiForgery refuses requests that another site may have caused (CSRF): those without
// the header X-CSRF: 1, which a form or a link cannot send and another origin's script
// not without permission, and those that [http.CrossOriginProtection] knows to come from
// another origin. Both are asked of every method, GET and HEAD as well. It is for the
// endpoints that a page calls with fetch; what the browser navigates to (sign-in,
// callback) and what the identity provider calls (back-channel logout) cannot send the
// header.
func AntiForgery(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := *r
		asked.Method = http.MethodPost // safe methods would pass unseen
		values := r.Header.Values("X-CSRF")
		if len(values) != 1 || values[0] != "1" || crossOrigin.Check(&asked) != nil {
			noStore(w)
			http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// LocalURL reports whether a return URL from a request leads to this host and nowhere
// else: a path that begins with one slash, without anything that a browser would read
// as the beginning of another host's name.
func LocalURL(returnURL string) bool {
	if !strings.HasPrefix(returnURL, "/") || strings.HasPrefix(returnURL, "//") {
		return false
	}
	for _, r := range returnURL {
		if r <= ' ' || r == '\\' || r == 0x7f {
			return false
		}
	}
	u, err := url.Parse(returnURL)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}
