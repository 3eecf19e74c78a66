package main

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
)

// callAPI handles /api/. It proxies the call to the API with the session's access token,
// and refreshes a token that is about to expire. If the session was revoked meanwhile, there
// is no token and no call. Cookies pass in neither direction.
func (a *app) callAPI(w http.ResponseWriter, r *http.Request) {
	target, err := a.target(r)
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	if target == nil {
		answer(w, http.StatusNotFound, map[string]string{"error": "not_found"})
		return
	}
	token, err := a.sessions.AccessToken(r.Context())
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = target, target.Host
			p.Out.Header = http.Header{"Authorization": {"Bearer " + token}}
			for _, name := range []string{"Accept", "Accept-Language", "Content-Type"} {
				if values := p.In.Header.Values(name); len(values) > 0 {
					p.Out.Header[name] = values
				}
			}
		},
		ModifyResponse: func(response *http.Response) error {
			for _, name := range []string{"Set-Cookie", "WWW-Authenticate", "Content-Security-Policy", "Strict-Transport-Security"} {
				response.Header.Del(name)
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") { // only this origin's pages call /api/
					response.Header.Del(name)
				}
			}
			response.Header.Set("Cache-Control", "no-store")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			a.log.LogAttrs(r.Context(), slog.LevelWarn, "the API did not answer", slog.Any("error", err))
			answer(w, http.StatusBadGateway, map[string]string{"error": "api_unreachable"})
		},
	}
	proxy.ServeHTTP(w, r)
}

// target returns the API's URL for a request to /api/, or nil if there is none. With -api
// the request's path is appended to the API's URL. Without -api the only API is the
// provider's userinfo endpoint, as /api/userinfo. target returns an error if the provider's
// discovery fails.
func (a *app) target(r *http.Request) (*url.URL, error) {
	below := strings.TrimPrefix(r.URL.Path, "/api/")
	if leadsUp(below) {
		return nil, nil //nolint:nilnil // not found is not an error
	}
	rest := path.Clean("/" + below)
	if a.opts.api != "" {
		base, err := url.Parse(a.opts.api)
		if err != nil {
			return nil, err
		}
		// JoinPath would decode the path a second time.
		base.Path, base.RawPath = strings.TrimSuffix(base.Path, "/")+rest, ""
		base.RawQuery = r.URL.RawQuery
		return base, nil
	}
	if rest != "/userinfo" {
		return nil, nil //nolint:nilnil // not found is not an error
	}
	found, err := a.rp.discover(r.Context())
	if err != nil || found.UserInfo == "" {
		return nil, err
	}
	return url.Parse(found.UserInfo)
}

// leadsUp reports whether a decoded path has a segment "..". Some servers treat a
// backslash as a slash, or ignore the part of a segment after a semicolon, so leadsUp
// splits at these characters too.
func leadsUp(decoded string) bool {
	segments := strings.FieldsFunc(decoded, func(r rune) bool { return strings.ContainsRune(`/\;`, r) })
	return slices.Contains(segments, "..")
}
