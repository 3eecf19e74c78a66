package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"example.com/usersession/bff/apiproxy"
)

// newAPI returns the handler of /api/: the API with -api, otherwise the provider's userinfo
// endpoint as /api/userinfo.
func (a *app) newAPI() (http.Handler, error) {
	if a.opts.api == "" {
		return http.HandlerFunc(a.userInfo), nil
	}
	return apiproxy.New(apiproxy.Config{Sessions: a.sessions, Target: a.opts.api, Logger: a.log})
}

// maxUserInfo is the maximum size of a userinfo response.
const maxUserInfo = 1 << 20

// userInfo calls the provider's userinfo endpoint with the session's access token. If the
// session was revoked meanwhile, there is no token and no call.
func (a *app) userInfo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/userinfo" {
		answer(w, http.StatusNotFound, map[string]string{"error": "not_found"})
		return
	}
	found, err := a.rp.discover(r.Context())
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	endpoint, err := url.Parse(found.UserInfo)
	if err != nil || found.UserInfo == "" {
		answer(w, http.StatusNotFound, map[string]string{"error": "not_found"})
		return
	}
	if _, err := a.sessions.AccessToken(r.Context()); err != nil {
		a.answerError(w, r, err)
		return
	}
	call, err := http.NewRequestWithContext(r.Context(), http.MethodGet, found.UserInfo, nil)
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	client := &http.Client{Transport: a.sessions.Transport(endpoint, nil), Timeout: providerTimeout}
	response, err := client.Do(call)
	if err != nil {
		a.log.LogAttrs(r.Context(), slog.LevelWarn, "the userinfo endpoint did not answer", slog.Any("error", err))
		answer(w, http.StatusBadGateway, map[string]string{"error": "api_unreachable"})
		return
	}
	defer response.Body.Close() //nolint:errcheck // the body was only read
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(response.Body, maxUserInfo))
}
