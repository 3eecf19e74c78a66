package serverside

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

// UserHandler returns the handler from which a script in the browser learns the signed-in
// user: the claims as a JSON object, with sub and sid, and with bff:session_expires_in, the
// number of seconds until the session ends if it stays idle. Without a session it answers
// with status 401. The response is never cached and contains no token.
//
// Mount it at [Config.UserPath]. A request with ?slide=false does not renew the session, so
// that a page can poll without keeping the session alive.
func (s *Sessions) UserHandler() http.Handler {
	s = s.outermost()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noStore(w)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		st := s.state(r.Context())
		if st == nil { // the request did not come through the middleware
			var err error
			if st, err = s.loadRequest(r); err != nil {
				s.unavailable(w, r, err)
				return
			}
		}
		opened := st.get()
		if opened == nil {
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
			return
		}
		session := opened.session()
		claims := make(map[string]any, len(session.Claims)+3)
		maps.Copy(claims, session.Claims)
		claims["sub"], claims["sid"] = session.SubjectID, session.SessionID
		claims["bff:session_expires_in"] = max(0, int64(session.Expires.Sub(s.cfg.Clock())/time.Second))
		body, err := json.Marshal(claims)
		if err != nil {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body)
	})
}
