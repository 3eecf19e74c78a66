package apiproxy

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// A fakeAPI answers calls without a network. It keeps the last one as its server would read it.
type fakeAPI struct {
	t        testing.TB
	location string
	asked    *http.Request
}

// RoundTrip writes the call as the client of net/http does and reads it as its server does.
func (a *fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, err
	}
	asked, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		a.t.Errorf("the API cannot read the call: %v", err)
		return nil, err
	}
	asked.URL.Scheme = r.URL.Scheme
	a.asked = asked
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}
	if a.location != "" {
		answer.StatusCode = http.StatusSeeOther
		answer.Header.Set("Location", a.location)
	}
	return answer, nil
}

// mounts are the proxies of the fuzz targets.
var mounts = []struct{ prefix, target, base string }{
	{"/api/", "https://api.internal/v1", "/v1/"},
	{"/api/", "https://api.internal/v1/", "/v1/"},
	{"/", "https://api.internal", "/"},
	{"/", "https://api.internal/v1", "/v1/"},
	{"/bff/api/v2/", "https://api.internal:8443/a%2Fb/c", "/a%2Fb/c/"},
}

// newFuzzed returns the proxies in front of the API, and a signed-in user's cookie.
func newFuzzed(f *testing.F, api *fakeAPI) (proxies []http.Handler, cookie *http.Cookie) {
	f.Helper()
	quiet := slog.New(slog.DiscardHandler)
	sessions, err := serverside.New(serverside.Config{Protector: ticket.InsecureRandomKeyRing(), Logger: quiet})
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range mounts {
		proxy, err := New(Config{Sessions: sessions, Target: m.target, Prefix: m.prefix, Transport: api, Logger: quiet})
		if err != nil {
			f.Fatal(err)
		}
		proxies = append(proxies, sessions.Middleware(proxy))
	}
	w := httptest.NewRecorder()
	if _, err := sessions.SignIn(w, httptest.NewRequestWithContext(f.Context(), http.MethodGet, "/", nil), ticket.Ticket{SubjectID: "alice", AccessToken: "token-1"}); err != nil {
		f.Fatal(err)
	}
	return proxies, w.Result().Cookies()[0]
}

// below reports whether a path leads below the base for every server: also for one that treats a
// backslash as a slash, or ignores the part of a segment after a semicolon or a NUL and white space.
func below(decoded, base string) bool {
	for _, seen := range []string{decoded, strings.ReplaceAll(decoded, `\`, "/")} {
		for _, parameters := range []bool{true, false} {
			segments := strings.Split(seen, "/")
			for i, segment := range segments {
				if !parameters {
					segment, _, _ = strings.Cut(segment, ";")
					segment, _, _ = strings.Cut(segment, "\x00")
					segments[i] = strings.TrimFunc(segment, func(r rune) bool { return r <= ' ' })
				}
			}
			if clean := path.Clean(strings.Join(segments, "/")); clean+"/" != base && !strings.HasPrefix(clean, base) {
				return false
			}
		}
	}
	return true
}

// FuzzProxy_Path checks that the API sees only paths below its base path, with the rest of the
// call's path and its query unchanged, and always its own host and the user's token. The call's
// path is the target of a request as the server of net/http reads it, or a URL that another
// handler has changed.
func FuzzProxy_Path(f *testing.F) {
	for i, m := range mounts {
		for _, rest := range []string{
			"", "orders/7", "a%2Fb", "a%252Fb", "a;b=c/d", "a..b/...", "x?a=1&b=%zz;c&&d", "x?", "%252e%252e/admin", "//evil.example/x", "./x", "100%25",
			"../admin", "%2e%2e/admin", "a/%2E%2e%2fadmin", "..%5cadmin", `..\admin`, "..;/admin", "a%5C..%5Cb", "..%2f..%2f", "a/..", "..?x", ".%2e/x", "x#y", "%", "%zz", "%00..", "..%00",
		} {
			f.Add(byte(i), m.prefix+rest, "")
			f.Add(byte(i)|0x80, m.prefix+strings.NewReplacer("%2e", ".", "%5C", `\`).Replace(rest), m.prefix+rest)
		}
	}
	for _, target := range []string{
		"/", "*", "https://other.example/api/x", "//other.example/api/x", "http:/api/x", "/%61pi/x", "/API/x", "/api", "/x/../api/y", "http://user:pass@other.example/api/../x", "/api/x HTTP/1.0\r\nHost: evil",
	} {
		f.Add(byte(0), target, "")
	}
	api := &fakeAPI{}
	proxies, cookie := newFuzzed(f, api)
	f.Fuzz(func(t *testing.T, how byte, text, rawPath string) {
		mount := mounts[int(how&0x7f)%len(mounts)]
		var r *http.Request
		if how&0x80 == 0 {
			var err error
			if r, err = http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + text + " HTTP/1.1\r\nHost: bff.example\r\n\r\n"))); err != nil {
				return
			}
		} else {
			r = &http.Request{Method: http.MethodGet, URL: &url.URL{Path: text, RawPath: rawPath}, Header: http.Header{}, Host: "bff.example", Body: http.NoBody}
		}
		r = r.WithContext(t.Context())
		r.Header = http.Header{"X-Csrf": {"1"}, "Authorization": {"Bearer forged"}}
		r.AddCookie(cookie)
		escaped, query := r.URL.EscapedPath(), r.URL.RawQuery

		api.t, api.asked, api.location = t, nil, ""
		w := httptest.NewRecorder()
		proxies[int(how&0x7f)%len(mounts)].ServeHTTP(w, r)
		if api.asked == nil {
			harmless := strings.HasPrefix(escaped, mount.prefix) && !strings.Contains(r.URL.Path, "..") && r.ContentLength == 0
			if w.Code == http.StatusOK || harmless {
				t.Errorf("%s was answered without the API: status %d", escaped, w.Code)
			}
			return
		}
		if want := mount.base + strings.TrimPrefix(escaped, mount.prefix); api.asked.URL.EscapedPath() != want || !strings.HasPrefix(escaped, mount.prefix) {
			t.Errorf("%s arrives as %s, want %s", escaped, api.asked.URL.EscapedPath(), want)
		}
		base, err := url.PathUnescape(mount.base)
		if err != nil {
			t.Fatal(err)
		}
		if !below(api.asked.URL.Path, base) {
			t.Errorf("%s arrives as %q, which is not below %s", escaped, api.asked.URL.Path, base)
		}
		target, err := url.Parse(mount.target)
		if err != nil {
			t.Fatal(err)
		}
		if api.asked.Host != target.Host || api.asked.URL.Host != "" || api.asked.URL.RawQuery != query {
			t.Errorf("%s?%s arrives at the host %q, %q with the query %q", escaped, query, api.asked.Host, api.asked.URL.Host, api.asked.URL.RawQuery)
		}
		if got := api.asked.Header; fmt.Sprint(got["Authorization"]) != "[Bearer token-1]" || got["Cookie"] != nil || got["X-Csrf"] != nil {
			t.Errorf("%s arrives with the headers %v", escaped, got)
		}
	})
}

// FuzzProxy_Location checks where a redirect of the API leads the browser: to the proxy if the
// API means a path below its base path, and otherwise where the API says.
func FuzzProxy_Location(f *testing.F) {
	for i, m := range mounts {
		for _, rest := range []string{"orders/7?x=1#y", "a%2Fb", "/evil.example/x", `\evil.example`, "//evil.example", "..", "../x", "%2e%2e/x", "?q", "#f", "%", "javascript:alert(1)"} {
			f.Add(byte(i), m.base+rest)
			f.Add(byte(i), strings.TrimSuffix(m.target, "/")+"/"+rest)
			f.Add(byte(i), rest)
		}
	}
	f.Add(byte(0), "https://files.example/v1/x")
	f.Add(byte(0), "//api.internal/v1/x")
	f.Add(byte(0), "HTTPS://api.internal/v1/x")
	f.Add(byte(2), "https://api.internal//evil.example/x")
	api := &fakeAPI{}
	proxies, cookie := newFuzzed(f, api)
	f.Fuzz(func(t *testing.T, which byte, location string) {
		mount := mounts[int(which)%len(mounts)]
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, mount.prefix+"x/y", nil)
		r.Header.Set("X-Csrf", "1")
		r.AddCookie(cookie)
		api.t, api.asked, api.location = t, nil, location
		w := httptest.NewRecorder()
		proxies[int(which)%len(mounts)].ServeHTTP(w, r)
		got := w.Header().Get("Location")
		if location == "" || got == location {
			return
		}
		// The proxy has changed it, so the API means itself.
		target, err := url.Parse(mount.target)
		if err != nil {
			t.Fatal(err)
		}
		at, err := url.Parse(strings.TrimSuffix(mount.target, "/") + "/x/y")
		if err != nil {
			t.Fatal(err)
		}
		meant, err := at.Parse(location)
		if err != nil || meant.Host != target.Host || meant.Scheme != target.Scheme {
			t.Fatalf("%q has become %q", location, got)
		}
		rest, ok := strings.CutPrefix(meant.EscapedPath(), mount.base)
		if !ok {
			t.Fatalf("%q, which is not below %s, has become %q", location, mount.base, got)
		}
		before, _, _ := strings.Cut(got, "?")
		before, _, _ = strings.Cut(before, "#")
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.Contains(before, `\`) || strings.ContainsAny(got, "\r\n\t") {
			t.Fatalf("%q has become %q, which a browser may read as another host", location, got)
		}
		if strings.HasPrefix(got, "/.//") { // as a browser reads it
			got = strings.TrimPrefix(got, "/.")
		}
		leads, err := url.Parse("https://bff.example" + got)
		if err != nil {
			t.Fatalf("%q has become %q: %v", location, got, err)
		}
		if leads.EscapedPath() != mount.prefix+rest || leads.RawQuery != meant.RawQuery || leads.Fragment != meant.Fragment {
			t.Errorf("%q has become %q, which leads to %v, want %s%s", location, got, leads, mount.prefix, rest)
		}
	})
}
