package serverside

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"example.com/usersession/bff/internal/loopback"
)

// Transport returns a RoundTripper for the BFF's own calls to an API. It adds the access
// token of the session that the request's context belongs to, as a bearer token (RFC 6750,
// section 2.1): make the request with the context of a request that came through
// [Sessions.Middleware]. The token comes from [Sessions.AccessToken], whose errors it returns.
//
// The token is sent only to the scheme and host of api. A request to any other host, such as
// a redirect, is an error, and so is http except to a loopback host.
//
// If the API answers with status 401, the tokens are refreshed, and the request is sent once
// more if it has no body or a GetBody. If the refresh fails, the API's answer stands. If the API
// refuses the new token too, its answers with status 401 stand for the next minute.
//
// A nil base means [http.DefaultTransport]. The transport is safe for concurrent use.
func (s *Sessions) Transport(api *url.URL, base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &apiTransport{sessions: s, api: *api, base: base}
}

type apiTransport struct {
	sessions *Sessions
	api      url.URL
	base     http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *apiTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, token, err := t.send(r, "")
	if err != nil || response.StatusCode != http.StatusUnauthorized || r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return response, err
	}
	s := t.sessions
	if s.apiRefusals.has(token, s.cfg.Clock()) {
		return response, nil
	}
	if s.RefreshTokens(r.Context()) != nil {
		return response, nil
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return response, nil //nolint:nilerr // the request cannot be sent again
		}
	}
	second, fresh, err := t.send(again, token)
	switch {
	case errors.Is(err, errSameToken):
		s.apiRefusals.add(token, s.cfg.Clock())
	case err == nil && second.StatusCode == http.StatusUnauthorized:
		s.apiRefusals.add(fresh, s.cfg.Clock())
	}
	if err != nil {
		return response, nil //nolint:nilerr // the API has answered the first request
	}
	_ = response.Body.Close() // unread: the body need not end
	return second, nil
}

var errSameToken = errors.New("serverside: the session's access token is still the one that the API refused")

// send sends the request with the session's access token, and returns the token. It fails if the
// token is the refused one.
func (t *apiTransport) send(r *http.Request, refused string) (*http.Response, string, error) {
	token, err := t.token(r)
	if err == nil && token == refused {
		err = errSameToken
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, "", err
	}
	out := r.Clone(r.Context())
	out.Header.Set("Authorization", "Bearer "+token)
	response, err := t.base.RoundTrip(out)
	return response, token, err
}

// token returns the session's access token. It refuses a request that does not go to the API, or
// goes there without encryption.
func (t *apiTransport) token(r *http.Request) (string, error) {
	if r.URL.Scheme != t.api.Scheme || r.URL.Host != t.api.Host {
		return "", fmt.Errorf("serverside: no access token for another host than the API's: %s", r.URL.Host)
	}
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !loopback.Is(r.URL.Hostname())) {
		return "", errors.New("serverside: no access token over http, except to a loopback host")
	}
	return t.sessions.AccessToken(r.Context())
}
