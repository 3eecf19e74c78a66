package serverside

import (
	"context"
	"log/slog"
	"net/http"
)

// Middleware loads the session of each request once, if the request has a session cookie,
// and renews it if that is due. Handlers get the session with [FromContext].
//
// A request whose session is missing or expired, or whose ticket does not open, is served
// as signed out, and so is a request with several session cookies. If the store or the
// Protector is not available within [Config.StoreTimeout], [Config.ErrorHandler] answers, by
// default with status 503 and a body without details; the browser keeps its cookie.
//
// Handlers get a ResponseWriter that notes when the response begins, so that a sign-in
// after that is refused. It is an [http.Flusher] and an [http.Hijacker] if the server's is,
// and works with [http.ResponseController].
//
// A request that comes through the middleware of the same Sessions twice has one session, which
// is loaded once.
func (s *Sessions) Middleware(next http.Handler) http.Handler {
	s = s.outermost()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if st := s.state(r.Context()); st != nil {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, st)))
			return
		}
		st, err := s.loadRequest(r)
		if err != nil {
			s.unavailable(w, r, err)
			return
		}
		ctx := &requestContext{r.Context(), s.process, st}
		defer s.afterHandler(ctx, st)
		next.ServeHTTP(st.response.writer(w), r.WithContext(ctx))
	})
}

// loadRequest loads the session of the request's cookie and renews it if that is due.
func (s *Sessions) loadRequest(r *http.Request) (*requestState, error) {
	st := &requestState{}
	key, ok := s.requestKey(r)
	if !ok {
		st.several = s.severalKeys(r)
		return st, nil
	}
	ctx, cancel := s.withStoreTimeout(r.Context())
	defer cancel()
	opened, err := s.loadRecent(ctx, key)
	if err != nil {
		return nil, err
	}
	if opened != nil && !s.withoutRenewal(r) {
		opened = s.renew(ctx, opened)
	}
	st.set(key, opened)
	return st, nil
}

// withoutRenewal reports whether the request is to the user endpoint with ?slide=false.
func (s *Sessions) withoutRenewal(r *http.Request) bool {
	return r.URL.Path == s.cfg.UserPath && r.URL.Query().Get("slide") == "false"
}

// unavailable answers a request that must not be served, because its session is unknown.
func (s *Sessions) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	level := slog.LevelError
	if r.Context().Err() != nil { // the browser closed the connection
		level = slog.LevelDebug
	}
	s.cfg.Logger.LogAttrs(r.Context(), level, "serverside: the user session could not be read", slog.Any("error", err))
	noStore(w)
	s.cfg.ErrorHandler(w, r, err)
}
