package serverside

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// idSize is the length of a session cookie's id in bytes: 256 bits.
const idSize = 32

// newID returns a new id for a cookie, and the key of its session.
func newID() (id, key string) {
	random := make([]byte, idSize)
	_, _ = rand.Read(random) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(random), keyOf(random)
}

// keyOf is what the store knows a session by: SHA-256, in digits that no collation can
// take for others. An id has 256 random bits, so that it needs no salt and no stretching.
func keyOf(id []byte) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:])
}

// requestKey returns the key for the request's cookie, if it has one, and only one, of
// the form that newID makes.
func (s *Sessions) requestKey(r *http.Request) (string, bool) {
	cookies := r.CookiesNamed(s.cfg.CookieName)
	if len(cookies) != 1 {
		return "", false
	}
	value := cookies[0].Value
	if len(value) != base64.RawURLEncoding.EncodedLen(idSize) {
		return "", false
	}
	id, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(id) != idSize {
		return "", false
	}
	return keyOf(id), true
}

// setCookie sends the id. The attributes are those of RFC 6265bis's __Host- prefix.
func (s *Sessions) setCookie(w http.ResponseWriter, id string, end time.Time) {
	c := &http.Cookie{
		Name: s.cfg.CookieName, Value: id, Path: "/",
		Secure: true, HttpOnly: true, SameSite: s.cfg.SameSite,
	}
	if s.cfg.PersistentCookie {
		c.MaxAge = max(1, int(end.Sub(s.cfg.Clock())/time.Second))
	}
	s.sendCookie(w, c)
}

// clearCookie takes the cookie from the browser.
func (s *Sessions) clearCookie(w http.ResponseWriter) {
	s.sendCookie(w, &http.Cookie{
		Name: s.cfg.CookieName, Path: "/", MaxAge: -1,
		Secure: true, HttpOnly: true, SameSite: s.cfg.SameSite,
	})
}

// sendCookie takes the place of what the response would have set so far: one response
// should set a cookie once (RFC 6265, section 4.1.1), and an id that is out of use already
// need not go out.
func (s *Sessions) sendCookie(w http.ResponseWriter, c *http.Cookie) {
	header := w.Header()
	header["Set-Cookie"] = slices.DeleteFunc(header["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, c.Name+"=")
	})
	http.SetCookie(w, c)
	noStore(w)
}

func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
