package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// The names of the ticket's properties.
const (
	propertyDevice  = "device"
	propertyBallast = "ballast" // filler that makes the session larger, see grow
)

const (
	ballastStep = 20 << 10
	maxBallast  = 200 << 10
)

// nameDevice keeps the browser's name in the session, for the list of the user's sessions.
func nameDevice(r *http.Request, t *ticket.Ticket) error {
	t.Properties = map[string]string{propertyDevice: deviceName(r.UserAgent())}
	return nil
}

// signedIn passes requests with a session to next and answers 401 to others.
func (a *app) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := serverside.FromContext(r.Context()); !ok {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "signed_out"})
			return
		}
		next(w, r)
	}
}

// answer sends body as JSON.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the browser has gone
}

// answerError answers with the status and code for one of the library's errors. Only the
// log gets the error's text.
func (a *app) answerError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, serverside.ErrNoSession):
		answer(w, http.StatusUnauthorized, map[string]string{"error": "signed_out"})
	case errors.Is(err, serverside.ErrRefreshTokenRefused):
		answer(w, http.StatusUnauthorized, map[string]string{"error": "sign_in_again"})
	case errors.Is(err, bff.ErrInvalidFilter):
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
	default:
		a.log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "try_again"})
	}
}

// showSession handles GET /bff/session: the sizes of the cookie and of the ticket's parts.
// It sends no token, and not the cookie's value, which the page's own script cannot read
// either.
func (a *app) showSession(w http.ResponseWriter, r *http.Request) {
	session, _ := serverside.FromContext(r.Context())
	t, _ := a.sessions.Ticket(r.Context())
	rows, err := a.store.GetUserSessions(r.Context(), a.sessions.Config().Partition,
		bff.UserSessionsFilter{SubjectID: session.SubjectID, SessionID: session.SessionID})
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	stored := 0
	for _, row := range rows {
		stored = len(row.Ticket)
	}
	cookie, err := r.Cookie(serverside.DefaultCookieName)
	if err != nil { // signed out meanwhile
		a.answerError(w, r, serverside.ErrNoSession)
		return
	}
	body := map[string]any{
		"cookie": map[string]any{"name": cookie.Name, "length": len(cookie.Value)},
		"ticket": map[string]any{
			"stored": stored, "claims": len(t.Claims), "ballast": len(t.Properties[propertyBallast]),
			"access_token": len(t.AccessToken), "refresh_token": len(t.RefreshToken), "id_token": len(t.IDToken),
		},
		"device": t.Properties[propertyDevice], "created": session.Created, "renewed": session.Renewed,
		"expires": session.Expires, "ends_at": session.EndsAt, "operator": a.operators[session.SubjectID],
	}
	if !t.AccessTokenExpires.IsZero() {
		body["access_token_expires"] = t.AccessTokenExpires
	}
	answer(w, http.StatusOK, body)
}

// grow handles POST /bff/session/grow. It makes the session larger, to show that the
// cookie stays the same. Beyond maxBallast it starts again from zero.
func (a *app) grow(w http.ResponseWriter, r *http.Request) {
	err := a.sessions.Update(r.Context(), func(t *ticket.Ticket) error {
		size := len(t.Properties[propertyBallast]) + ballastStep
		if size > maxBallast {
			size = 0
		}
		if t.Properties == nil {
			t.Properties = make(map[string]string)
		}
		t.Properties[propertyBallast] = strings.Repeat("x", size)
		return nil
	})
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	a.showSession(w, r)
}

// refresh handles POST /bff/session/refresh: it gets new tokens from the provider.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	if t, ok := a.sessions.Ticket(r.Context()); ok && t.RefreshToken == "" {
		answer(w, http.StatusConflict, map[string]string{"error": "no_refresh_token"})
		return
	}
	if err := a.sessions.RefreshTokens(r.Context()); err != nil {
		a.answerError(w, r, err)
		return
	}
	a.showSession(w, r)
}
