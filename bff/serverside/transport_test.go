package serverside

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTransport_Scheme: an access token leaves the host over https, or over http to a loopback host.
func TestTransport_Scheme(t *testing.T) {
	for address, sent := range map[string]bool{
		"https://api.example/": true, "http://127.0.0.1:8080/": true, "http://localhost/": true, "http://[::1]:1/": true,
		"http://api.example/": false, "http://127.0.0.1.example/": false, "http://10.0.0.1/": false, "ftp://localhost/": false, "ws://api.example/": false,
	} {
		b := newTestBFF(t)
		br := b.browser()
		br.signIn(longLived())
		api, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		seen := ""
		transport := b.Transport(api, roundTripper(func(r *http.Request) (*http.Response, error) {
			seen = r.Header.Get("Authorization")
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		}))
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			call, err := http.NewRequestWithContext(r.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := transport.RoundTrip(call)
			if err == nil {
				_ = response.Body.Close()
			}
			if (err == nil) != sent || strings.HasPrefix(seen, "Bearer ") != sent {
				t.Errorf("%s: %v, Authorization sent: %v", address, err, seen != "")
			}
		})
	}
}
