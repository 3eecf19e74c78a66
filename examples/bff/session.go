package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

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
	maxJSON     = 4 << 10 // of a request's body
)

// signedIn passes requests with a session to next and answers 401 to others.
func (a *app) signedIn(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := serverside.FromContext(r.Context()); !ok {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "signed_out"})
			return
		}
		next(w, r)
	})
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
	rows, err := a.store.GetUserSessions(r.Context(), a.partition,
		bff.UserSessionsFilter{SubjectID: session.SubjectID, SessionID: session.SessionID})
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	stored := 0
	for _, row := range rows {
		stored = len(row.Ticket)
	}
	cookie, length := a.cookie(r)
	body := map[string]any{
		"cookie": map[string]any{"name": cookie, "length": length},
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

// cookie returns the session cookie's name and the length of its value, 0 without one.
func (a *app) cookie(r *http.Request) (string, int) {
	for _, cookie := range r.CookiesNamed(serverside.DefaultCookieName) {
		return cookie.Name, len(cookie.Value)
	}
	return serverside.DefaultCookieName, 0
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

// shownSession is one of the user's sessions as the page shows it.
type shownSession struct {
	SID     string    `json:"sid"`
	Device  string    `json:"device"`
	Created time.Time `json:"created"`
	Renewed time.Time `json:"renewed"`
	Expires time.Time `json:"expires"`
	Current bool      `json:"current"`
}

// listSessions handles GET /bff/sessions: all sessions of the user.
func (a *app) listSessions(w http.ResponseWriter, r *http.Request) {
	me, _ := serverside.FromContext(r.Context())
	sessions, err := a.sessions.UserSessions(r.Context(), me.SubjectID)
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	shown := make([]shownSession, 0, len(sessions))
	for _, s := range sessions {
		shown = append(shown, shownSession{s.SessionID, s.Properties[propertyDevice], s.Created, s.Renewed, s.Expires, s.Current})
	}
	answer(w, http.StatusOK, map[string]any{"sessions": shown})
}

// revokeOne handles POST /bff/sessions/revoke. It ends one of the user's sessions. The
// filter also names the user, so that no user can end another user's session.
func (a *app) revokeOne(w http.ResponseWriter, r *http.Request) {
	me, _ := serverside.FromContext(r.Context())
	var body struct {
		SID string `json:"sid"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSON)).Decode(&body) != nil || body.SID == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	a.revoked(w, r)(a.sessions.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: me.SubjectID, SessionID: body.SID}))
}

// revokeOthers handles POST /bff/sessions/revoke-others. It ends all sessions of the user
// except the request's own.
func (a *app) revokeOthers(w http.ResponseWriter, r *http.Request) {
	a.revoked(w, r)(a.sessions.RevokeOtherSessions(r.Context()))
}

// revoked returns a function that answers with the result of a revocation.
func (a *app) revoked(w http.ResponseWriter, r *http.Request) func(int64, error) {
	return func(n int64, err error) {
		if err != nil {
			a.answerError(w, r, err)
			return
		}
		answer(w, http.StatusOK, map[string]int64{"revoked": n})
	}
}
