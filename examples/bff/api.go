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

// callAPI is /api/: it passes the call on with the session's access token, fresh if need
// be. The browser's cookie stays here, and so do cookies of the API.
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
			for _, name := range []string{"Accept", "Accept-Language", "Content-Type"} { // nothing else of the browser's
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
				if strings.HasPrefix(name, "Access-Control-") { // this API has no other origin's pages
					response.Header.Del(name)
				}
			}
			response.Header.Set("Cache-Control", "no-store")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			a.log.LogAttrs(r.Context(), slog.LevelWarn, "the API cannot be reached", slog.Any("error", err))
			answer(w, http.StatusBadGateway, map[string]string{"error": "api_unreachable"})
		},
	}
	proxy.ServeHTTP(w, r)
}

// target is where a call goes, or nil: below -api, or else to the one API that every
// provider has.
func (a *app) target(r *http.Request) (*url.URL, error) {
	below := strings.TrimPrefix(r.URL.Path, "/api/")
	if leadsUp(below) {
		return nil, nil //nolint:nilnil // not found is no error
	}
	rest := path.Clean("/" + below)
	if a.opts.api != "" {
		base, err := url.Parse(a.opts.api)
		if err != nil {
			return nil, err
		}
		// Not JoinPath: the path is decoded already, and that would do it once more.
		base.Path, base.RawPath = strings.TrimSuffix(base.Path, "/")+rest, ""
		base.RawQuery = r.URL.RawQuery
		return base, nil
	}
	if rest != "/userinfo" {
		return nil, nil //nolint:nilnil // not found is no error
	}
	found, err := a.rp.discover(r.Context())
	if err != nil || found.UserInfo == "" {
		return nil, err
	}
	return url.Parse(found.UserInfo)
}

// leadsUp says whether a path has a segment "..", also for a server to which a backslash
// is a slash, or to which what follows a semicolon does not belong to the segment.
func leadsUp(decoded string) bool {
	segments := strings.FieldsFunc(decoded, func(r rune) bool { return strings.ContainsRune(`/\;`, r) })
	return slices.Contains(segments, "..")
}
