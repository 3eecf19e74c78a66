package serverside

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func FuzzCookie(f *testing.F) {
	s, err := New(Config{Protector: testKeys})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("__Host-bff=" + strings.Repeat("A", 43))
	f.Add("__Host-bff=" + strings.Repeat("A", 42) + "B")
	f.Add(`__Host-bff="x"; __Host-bff=y; =;;`)
	f.Fuzz(func(t *testing.T, header string) {
		key, ok := s.requestKey(&http.Request{Header: http.Header{"Cookie": {header}}})
		if sum, err := hex.DecodeString(key); ok && (err != nil || len(sum) != 32) || !ok && key != "" {
			t.Errorf("%q, %t", key, ok)
		}
	})
}

func FuzzLocalURL(f *testing.F) {
	base, err := url.Parse("https://bff.example/bff/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/a?b#c")
	f.Add(`/\evil.example`)
	f.Add("//evil.example")
	f.Fuzz(func(t *testing.T, returnURL string) {
		if !LocalURL(returnURL) {
			return
		}
		u, err := base.Parse(returnURL)
		if err != nil || u.Host != "bff.example" || u.Scheme != "https" {
			t.Errorf("%q leads to %v", returnURL, u)
		}
		// Browsers read backslashes as slashes and drop tabs and line breaks.
		seen := strings.NewReplacer(`\`, "/", "\t", "", "\n", "", "\r", "").Replace(returnURL)
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Errorf("%q is read as %q", returnURL, seen)
		}
	})
}
