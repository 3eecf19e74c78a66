package relyingparty

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer is the maximum size of an answer of the provider.
const maxAnswer = 1 << 20

// newHTTPClient returns the client for requests to the provider: with a timeout, with a limit
// on the size of answers, and without http URLs, also after a redirect.
func newHTTPClient(c Config) *http.Client {
	return &http.Client{Timeout: c.ProviderTimeout, Transport: boundedTransport{c.Transport, c.allowed}}
}

// boundedTransport refuses URLs that are not allowed and bounds the bodies of answers.
type boundedTransport struct {
	base    http.RoundTripper
	allowed func(*url.URL) bool
}

// RoundTrip implements http.RoundTripper.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.allowed(r.URL) {
		return nil, errors.New("relyingparty: an endpoint of the provider, or where it redirects to, is not https")
	}
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	return response, nil
}

// postClient returns the client for the token endpoint or the revocation endpoint. It
// authenticates with the method and follows no redirect, which would send codes and tokens
// elsewhere.
func (p *RelyingParty) postClient(found *discovered, method string) *http.Client {
	client := *p.provider.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport = tokenTransport{clientAuth{client.Transport, p.cfg, method, found.Token}}
	return &client
}

// editForm returns a copy of a request whose form is changed.
func editForm(r *http.Request, change func(url.Values)) (*http.Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	_ = r.Body.Close() // the error of a body that was read does not matter
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	change(form)
	text := form.Encode()
	next := r.Clone(r.Context())
	next.Body, next.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	next.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	return next, nil
}

// tokenTransport makes the expires_in of the answers acceptable to the oauth2 package, which takes
// tokens from every status 2xx.
type tokenTransport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // the error of a body that was read does not matter
	if err != nil {
		return nil, err
	}
	body = withWholeSeconds(body)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Length")
	return response, nil
}
