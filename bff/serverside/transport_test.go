package serverside

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
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
			if !sent && !strings.Contains(err.Error(), "no access token over http") {
				t.Errorf("%s: the error is %q", address, err)
			}
		})
	}
}

// TestTransport_OtherHost: the access token goes to the scheme and host of the API only, and the
// body of a request that is not sent is closed.
func TestTransport_OtherHost(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	api := &url.URL{Scheme: "https", Host: "api.example"}
	transport := b.Transport(api, roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s got the token", r.URL)
		return nil, errDown
	}))
	for _, address := range []string{"https://other.example/", "http://api.example/", "https://api.example:8443/", "https://api.example.evil.example/"} {
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			sent := &countedBody{}
			call, err := http.NewRequestWithContext(r.Context(), http.MethodPost, address, sent)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := transport.RoundTrip(call); err == nil || !strings.Contains(err.Error(), "another host than the API's") {
				t.Errorf("%s: %v", address, err)
			}
			if sent.closed != 1 {
				t.Errorf("%s: the request's body was closed %d times", address, sent.closed)
			}
		})
	}
}

// An answer of an API's: a status, or an error.
type answer struct {
	status int
	err    error
}

// TestTransport_Status401: if the API refuses the token, the tokens are refreshed, and the request
// is sent once more if its body can be. Otherwise the first answer stands.
func TestTransport_Status401(t *testing.T) {
	refused, done := answer{status: http.StatusUnauthorized}, answer{status: http.StatusOK}
	withBody := func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader("text"))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("text")), nil }
	}
	fresh := refresherOf{AccessToken: "access-1"}
	for name, test := range map[string]struct {
		prepare   func(*http.Request)
		refresher TokenRefresher
		answers   []answer
		want      int    // the status; 0: an error
		sent      string // the body of the last request
	}{
		"not refused":                      {nil, fresh, []answer{done}, 200, ""},
		"refused for another reason":       {nil, fresh, []answer{{status: http.StatusForbidden}}, 403, ""},
		"the API fails":                    {nil, fresh, []answer{{err: errDown}}, 0, ""},
		"no body":                          {nil, fresh, []answer{refused, done}, 200, ""},
		"no body in another form":          {func(r *http.Request) { r.Body = http.NoBody }, fresh, []answer{refused, done}, 200, ""},
		"a body":                           {withBody, fresh, []answer{refused, done}, 200, "text"},
		"a body, not refused":              {withBody, fresh, []answer{done}, 200, "text"},
		"a body that cannot be read again": {func(r *http.Request) { withBody(r); r.GetBody = nil }, fresh, []answer{refused}, 401, "text"},
		"a body whose second reader fails": {func(r *http.Request) {
			withBody(r)
			r.GetBody = func() (io.ReadCloser, error) { return nil, errDown }
		}, fresh, []answer{refused}, 401, "text"},
		"refused again":                     {nil, fresh, []answer{refused, refused}, 401, ""},
		"the API fails the second time":     {nil, fresh, []answer{refused, {err: errDown}}, 401, ""},
		"the provider fails":                {nil, &provider{fail: errDown}, []answer{refused}, 401, ""},
		"the provider sends the same token": {nil, refresherOf{AccessToken: alice().AccessToken}, []answer{refused}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.Refresher = test.refresher })
			br := b.browser()
			br.signIn(alice())
			var tokens []string
			var bodies []*countedBody // of the answers
			sent := ""
			transport := b.Transport(&url.URL{Scheme: "https", Host: "api.example"}, roundTripper(func(r *http.Request) (*http.Response, error) {
				tokens = append(tokens, r.Header.Get("Authorization"))
				if r.Body != nil {
					data, _ := io.ReadAll(r.Body)
					sent = string(data)
				}
				if len(tokens) > len(test.answers) {
					t.Errorf("the API was called %d times", len(tokens))
					return nil, errDown
				}
				bodies = append(bodies, &countedBody{})
				a := test.answers[len(tokens)-1]
				return &http.Response{StatusCode: a.status, Body: bodies[len(tokens)-1]}, a.err
			}))
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				call, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "https://api.example/", nil)
				if err != nil {
					t.Fatal(err)
				}
				if test.prepare != nil {
					test.prepare(call)
				}
				response, err := transport.RoundTrip(call)
				if (err != nil) != (test.want == 0) || err != nil && !errors.Is(err, errDown) {
					t.Fatalf("%v", err)
				}
				if err == nil && response.StatusCode != test.want {
					t.Errorf("status %d, want %d", response.StatusCode, test.want)
				}
				if err == nil {
					for i, body := range bodies {
						if unused := response.Body != body && test.answers[i].err == nil; (body.closed > 0) != unused {
							t.Errorf("answer %d: the body was closed %d times", i+1, body.closed)
						}
					}
				}
				if call.Header.Get("Authorization") != "" {
					t.Error("the caller's request was changed")
				}
			})
			want := []string{"Bearer secret-access-token", "Bearer access-1"}[:len(test.answers)]
			if !slices.Equal(tokens, want) || sent != test.sent {
				t.Errorf("the API was called with %q and %q, want %q and %q", tokens, sent, want, test.sent)
			}
		})
	}
}
