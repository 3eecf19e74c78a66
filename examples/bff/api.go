package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	maxUserInfo = 1 << 20 // the maximum size of a userinfo response
	apiTimeout  = 5 * time.Second
)

// userInfo handles /api/ if there is no -api: /api/userinfo calls the provider's userinfo
// endpoint with the session's access token. If the session was revoked meanwhile, there is no
// token and no call.
func (a *app) userInfo(w http.ResponseWriter, r *http.Request) {
	endpoint, err := a.rp.UserInfoEndpoint(r.Context())
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	target, err := url.Parse(endpoint)
	if err != nil || endpoint == "" || r.URL.Path != "/api/userinfo" {
		answer(w, http.StatusNotFound, map[string]string{"error": "not_found"})
		return
	}
	if _, err := a.sessions.AccessToken(r.Context()); err != nil {
		a.answerError(w, r, err)
		return
	}
	call, err := http.NewRequestWithContext(r.Context(), http.MethodGet, endpoint, nil)
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	client := &http.Client{Transport: a.sessions.Transport(target, nil), Timeout: apiTimeout}
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
