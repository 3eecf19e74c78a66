package relyingparty

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
)

// maxRequestBody is the maximum size of a request's JSON.
const maxRequestBody = 4 << 10

// answer sends body as JSON. The response is never cached.
func answer(w http.ResponseWriter, status int, body any) {
	noStore(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the browser has gone
}

// answerError answers with a constant code. Only the log gets the error.
func (e *endpoints) answerError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, serverside.ErrNoSession):
		answer(w, http.StatusUnauthorized, map[string]string{"error": "signed_out"})
	case errors.Is(err, bff.ErrInvalidFilter):
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
	default:
		e.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "relyingparty: a request has failed", slog.Any("error", err))
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "try_again"})
	}
}

// user returns the signed-in user to the page: the claims, sub and sid, bff:session_expires_in (the
// seconds until the session ends if it stays idle) and bff:logout_url. It sends no token.
func (e *endpoints) user(w http.ResponseWriter, r *http.Request) {
	session, signedIn := serverside.FromContext(r.Context())
	switch {
	case !signedIn && e.cfg.AnonymousUserNull:
		answer(w, http.StatusOK, nil)
		return
	case !signedIn:
		answer(w, http.StatusUnauthorized, map[string]string{"error": "signed_out"})
		return
	}
	claims := make(map[string]any, len(session.Claims)+4)
	maps.Copy(claims, session.Claims)
	claims["sub"], claims["sid"] = session.SubjectID, session.SessionID
	claims["bff:session_expires_in"] = max(0, int64(session.Expires.Sub(e.cfg.Clock())/time.Second))
	claims["bff:logout_url"] = e.cfg.Path + pathLogout + "?sid=" + url.QueryEscape(session.SessionID)
	if e.cfg.DuendeUser {
		answer(w, http.StatusOK, duendeClaims(claims))
		return
	}
	answer(w, http.StatusOK, claims)
}

type duendeClaim struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// duendeClaims returns claims in the form of Duende.BFF: a claim that is an array becomes one
// element for each of its values, an object becomes its JSON text, and every value except that of
// bff:session_expires_in is a string.
func duendeClaims(claims map[string]any) []duendeClaim {
	list := []duendeClaim{}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		values, several := claims[name].([]any)
		if !several {
			values = []any{claims[name]}
		}
		for _, value := range values {
			if name != "bff:session_expires_in" {
				value = claimText(value)
			}
			list = append(list, duendeClaim{name, value})
		}
	}
	return list
}

func claimText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, _ := json.Marshal(value) // it was decoded from JSON
	return string(text)
}

// shownSession is one of the user's sessions as the page sees it.
type shownSession struct {
	SID        string            `json:"sid"`
	Created    time.Time         `json:"created"`
	Renewed    time.Time         `json:"renewed"`
	Expires    time.Time         `json:"expires"`
	EndsAt     time.Time         `json:"ends_at,omitzero"`
	Current    bool              `json:"current"`
	Properties map[string]string `json:"properties,omitempty"`
}

// list shows the user's sessions.
func (e *endpoints) list(w http.ResponseWriter, r *http.Request) {
	me, signedIn := serverside.FromContext(r.Context())
	if !signedIn {
		e.answerError(w, r, serverside.ErrNoSession)
		return
	}
	sessions, err := e.sessions.UserSessions(r.Context(), me.SubjectID)
	if err != nil {
		e.answerError(w, r, err)
		return
	}
	shown := make([]shownSession, 0, len(sessions))
	for _, s := range sessions {
		maps.DeleteFunc(s.Properties, func(name, _ string) bool { return !slices.Contains(e.cfg.ListProperties, name) })
		shown = append(shown, shownSession{s.SessionID, s.Created, s.Renewed, s.Expires, s.EndsAt, s.Current, s.Properties})
	}
	answer(w, http.StatusOK, map[string]any{"sessions": shown})
}

// revoke ends one of the user's sessions. The filter also names the user, so that no user can
// end another user's session.
func (e *endpoints) revoke(w http.ResponseWriter, r *http.Request) {
	me, signedIn := serverside.FromContext(r.Context())
	if !signedIn {
		e.answerError(w, r, serverside.ErrNoSession)
		return
	}
	var body struct {
		SID string `json:"sid"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBody)).Decode(&body) != nil || body.SID == "" {
		e.answerError(w, r, bff.ErrInvalidFilter)
		return
	}
	filter := bff.UserSessionsFilter{SubjectID: me.SubjectID, SessionID: body.SID}
	n, err := e.sessions.RevokeSessions(r.Context(), filter)
	e.revoked(w, r, n, err)
}

// revokeOthers ends all sessions of the user but the request's own.
func (e *endpoints) revokeOthers(w http.ResponseWriter, r *http.Request) {
	n, err := e.sessions.RevokeOtherSessions(r.Context())
	e.revoked(w, r, n, err)
}

func (e *endpoints) revoked(w http.ResponseWriter, r *http.Request, n int64, err error) {
	if err != nil {
		e.answerError(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]int64{"revoked": n})
}
