package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// secretInForm is a transport that adds the client's secret to the posted form. It is for
// providers that support only client_secret_post: [serverside.RevocationEndpoint]
// authenticates with client_secret_basic.
type secretInForm struct{ secret string }

const maxForm = 64 << 10

// RoundTrip implements http.RoundTripper.
func (t secretInForm) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm))
	_ = r.Body.Close() // the error of a body that was read does not matter
	if err != nil {
		return nil, err
	}
	form := string(body) + "&client_secret=" + url.QueryEscape(t.secret)
	next := r.Clone(r.Context())
	next.Body, next.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	next.GetBody = nil
	return http.DefaultTransport.RoundTrip(next)
}
