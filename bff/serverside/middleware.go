package serverside

import (
	"context"
	"log/slog"
	"net/http"
)

// Middleware loads the session of every request that has a session cookie, once, and
// renews it if that is due. The handlers behind it find it with [FromContext].
//
// A request without a session, with one that is over, or with a ticket that does not
// open goes on, signed out. If the store fails, the request ends with 503 and a body
// that says no more than that; the browser keeps its cookie.
func (s *Sessions) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st, err := s.loadRequest(r)
		if err != nil {
			s.unavailable(w, r, err)
			return
		}
		ctx := context.WithValue(context.WithValue(r.Context(), contextKey{s}, st), contextKey{}, st)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// begin reads what the request's cookie stands for.
func (s *Sessions) loadRequest(r *http.Request) (*requestState, error) {
	st := &requestState{}
	key, ok := s.requestKey(r)
	if !ok {
		return st, nil
	}
	opened, err := s.load(r.Context(), key)
	if err != nil {
		return nil, err
	}
	if opened != nil && !s.withoutRenewal(r) {
		opened = s.renew(r.Context(), opened)
	}
	st.set(key, opened)
	return st, nil
}

// withoutRenewal is ?slide=false on the user endpoint.
func (s *Sessions) withoutRenewal(r *http.Request) bool {
	return r.URL.Path == s.cfg.UserPath && r.URL.Query().Get("slide") == "false"
}

// unavailable fails closed.
func (s *Sessions) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	level := slog.LevelError
	if r.Context().Err() != nil { // the browser went away
		level = slog.LevelDebug
	}
	s.cfg.Logger.LogAttrs(r.Context(), level, "serverside: the user session could not be read", slog.Any("error", err))
	noStore(w)
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}
