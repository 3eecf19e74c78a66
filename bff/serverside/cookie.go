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

// idSize is the length of the id in a session cookie, in bytes: 256 bits.
const idSize = 32

// newID returns a new random id for a cookie and the key of its session.
func newID() (id, key string) {
	random := make([]byte, idSize)
	_, _ = rand.Read(random) // it never returns an error
	return base64.RawURLEncoding.EncodeToString(random), keyOf(random)
}

// keyOf returns the key of the session in the store: the SHA-256 of the id, in hexadecimal
// digits, which every collation tells apart. An id has 256 random bits, so that the hash
// needs no salt and no stretching.
func keyOf(id []byte) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:])
}

// requestKey returns the session key for the request's cookie. It reports false unless the
// request has exactly one session cookie, with an id in the form that newID returns.
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

// setCookie sends the cookie with the id. It has the attributes that RFC 6265bis requires for
// the prefix __Host-.
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

// clearCookie makes the browser delete the cookie.
func (s *Sessions) clearCookie(w http.ResponseWriter) {
	s.sendCookie(w, &http.Cookie{
		Name: s.cfg.CookieName, Path: "/", MaxAge: -1,
		Secure: true, HttpOnly: true, SameSite: s.cfg.SameSite,
	})
}

// sendCookie adds the cookie to the response. It removes an earlier Set-Cookie for the same
// name: a response should set a cookie only once (RFC 6265, section 4.1.1), and an id that
// is no longer in use need not be sent.
func (s *Sessions) sendCookie(w http.ResponseWriter, c *http.Cookie) {
	header := w.Header()
	header["Set-Cookie"] = slices.DeleteFunc(header["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, c.Name+"=")
	})
	http.SetCookie(w, c)
	noStore(w)
}

func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
