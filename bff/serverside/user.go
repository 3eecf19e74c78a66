package serverside

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

// UserHandler tells the browser's script who is signed in: the claims as a JSON object,
// with sub and sid, and with bff:session_expires_in, the seconds until the session ends
// if it stays idle. Without a session it answers 401. The response is never stored and
// holds no token.
//
// Mount it at [Config.UserPath]. With ?slide=false it does not renew the session, so
// that a page can ask from time to time without keeping the session alive.
func (s *Sessions) UserHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noStore(w)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		st := s.state(r.Context())
		if st == nil { // not behind the middleware
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
