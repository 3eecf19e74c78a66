package serverside

import (
	"net/http"
	"net/url"
	"strings"
)

// AntiForgery refuses with status 403 requests that another site may have caused (CSRF):
//
//   - requests without the header X-CSRF: 1. A form or a link cannot send it, and a script
//     of another origin can only with permission;
//   - requests that [http.CrossOriginProtection] recognizes as coming from another origin.
//
// Both checks apply to every method, including GET and HEAD. AntiForgery is for endpoints
// that a page calls with fetch. Leave it out of endpoints that the browser navigates to
// (sign-in, callback) or the identity provider calls (back-channel logout): these requests
// cannot have the header.
func AntiForgery(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checked := *r
		checked.Method = http.MethodPost // the check accepts every GET and HEAD
		values := r.Header.Values("X-CSRF")
		if len(values) != 1 || values[0] != "1" || crossOrigin.Check(&checked) != nil {
			noStore(w)
			http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// LocalURL reports whether a return URL from a request stays on this host: it must be a path
// that begins with exactly one slash and contains nothing that a browser could read as the
// name of another host.
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
