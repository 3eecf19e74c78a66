package serverside

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
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
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// maxCookies is the number of session cookies of one request whose sessions are ended.
const maxCookies = 8

// requestKey returns the session key for the request's cookie. It reports false unless the
// request has exactly one session cookie, with an id in the form that newID returns.
func (s *Sessions) requestKey(r *http.Request) (string, bool) {
	cookies := r.CookiesNamed(s.cfg.CookieName)
	if len(cookies) != 1 {
		return "", false
	}
	return keyOfCookie(cookies[0])
}

var idEncoding = base64.RawURLEncoding.Strict()

// keyOfCookie returns the key of the session whose id is in the cookie. It reports false if the value
// is not in the form of an id.
func keyOfCookie(c *http.Cookie) (string, bool) {
	if len(c.Value) != base64.RawURLEncoding.EncodedLen(idSize) {
		return "", false
	}
	var id [idSize]byte
	if n, err := idEncoding.Decode(id[:], []byte(c.Value)); err != nil || n != idSize {
		return "", false
	}
	return keyOf(id[:]), true
}

// severalKeys returns the keys of a request with several session cookies, and no key for a
// request with one cookie. It is unknown which cookie the browser got last. So no cookie signs the
// request in, and a sign-in or a sign-out ends the sessions of all cookies.
func (s *Sessions) severalKeys(r *http.Request) []string {
	cookies := r.CookiesNamed(s.cfg.CookieName)
	if len(cookies) < 2 {
		return nil
	}
	var keys []string
	for _, c := range cookies {
		if key, ok := keyOfCookie(c); ok && len(keys) < maxCookies && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// browserKeys returns the keys of the sessions that the browser has: the request's session,
// or the sessions of several cookies. It logs the latter.
func (s *Sessions) browserKeys(r *http.Request) []string {
	var key string
	var several []string
	if st := s.state(r.Context()); st != nil {
		st.mu.Lock()
		key, several = st.key, st.several
		st.mu.Unlock()
	} else {
		key, _ = s.requestKey(r)
		several = s.severalKeys(r)
	}
	if len(several) > 0 {
		s.whenCommitted(func(s *Sessions) {
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "serverside: a request has several session cookies; all of their sessions end",
				slog.Int("count", len(several)))
		})
		return slices.Clone(several)
	}
	if key == "" {
		return nil
	}
	return []string{key}
}

// setCookie adds the cookie with the id to the response. The cookie has the attributes that RFC
// 6265bis requires for the prefix __Host-.
func (s *Sessions) setCookie(w http.ResponseWriter, r *http.Request, id string, end time.Time) {
	c := &http.Cookie{
		Name: s.cfg.CookieName, Value: id, Path: "/",
		Secure: true, HttpOnly: true, SameSite: s.cfg.SameSite,
	}
	if s.cfg.PersistentCookie {
		c.MaxAge = max(1, int(end.Sub(s.cfg.Clock())/time.Second))
	}
	s.sendCookie(w, r, c)
}

// clearCookie makes the browser delete the cookie.
func (s *Sessions) clearCookie(w http.ResponseWriter, r *http.Request) {
	s.sendCookie(w, r, &http.Cookie{
		Name: s.cfg.CookieName, Path: "/", MaxAge: -1,
		Secure: true, HttpOnly: true, SameSite: s.cfg.SameSite,
	})
}

// sendCookie adds the cookie to the response. It removes an earlier Set-Cookie for the same
// name: a response should set a cookie only once (RFC 6265, section 4.1.1), and an id that
// is no longer in use need not be sent.
//
// With the prefix __Host-, a browser has two cookies of one name only if one of them is
// partitioned (CHIPS). This package sets no partitioned cookie, so sendCookie deletes it:
// otherwise no sign-in would have an effect.
func (s *Sessions) sendCookie(w http.ResponseWriter, r *http.Request, c *http.Cookie) {
	header := w.Header()
	header["Set-Cookie"] = slices.DeleteFunc(header["Set-Cookie"], s.isCookie)
	http.SetCookie(w, c)
	if len(r.CookiesNamed(c.Name)) > 1 {
		http.SetCookie(w, &http.Cookie{Name: c.Name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: c.SameSite, Partitioned: true})
	}
	noStore(w)
}

// setsCookie reports whether the response sets the session cookie.
func (s *Sessions) setsCookie(w http.ResponseWriter) bool {
	return slices.ContainsFunc(w.Header()["Set-Cookie"], s.isCookie)
}

// isCookie reports whether a Set-Cookie header is of the session cookie.
func (s *Sessions) isCookie(line string) bool { return strings.HasPrefix(line, s.cfg.CookieName+"=") }

func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
