package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	attemptLifetime = 10 * time.Minute
	attemptCookie   = "__Host-bff-signin-"
	attemptsAtOnce  = 4
	maxCookieLength = 3 << 10
)

// An attempt is a sign-in that has begun and not finished. It is kept, sealed, in a
// cookie of the browser that began it. So only that browser can finish it, and the server
// stores nothing for sign-ins that are abandoned. The cookie is Lax, since the provider's
// redirect comes from another site.
type attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Return   string    `json:"r"`
	Expires  time.Time `json:"e"`
	// Replaces is a [serverside.Sessions.ReplacementToken]: it names the session that this
	// browser had when the attempt began. The callback needs it because the request comes
	// from the provider's site, without the Strict session cookie.
	Replaces string `json:"o,omitempty"`
}

func newAttempt(returnURL, replaces string) attempt {
	return attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Return: returnURL, Expires: time.Now().Add(attemptLifetime), Replaces: replaces,
	}
}

// attemptName returns the name of an attempt's cookie. Each attempt has its own, so that
// two tabs can sign in at the same time.
func attemptName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return attemptCookie + hex.EncodeToString(sum[:8])
}

// attemptPurpose names the keys that seal attempts: a ticket's keys open none.
const attemptPurpose = "usersession example sign-in attempt"

// attemptBinding returns the associated data of a sealed attempt: the attempt opens
// only under its own cookie name and with its own issuer.
func (a *app) attemptBinding(name string) []byte {
	return []byte(a.opts.issuer + "\x00" + name)
}

// keepAttempt sets the attempt's cookie. It deletes attempt cookies beyond attemptsAtOnce,
// so that abandoned sign-ins do not fill the browser's cookie storage. It returns an error
// and sets nothing if the cookie would be too long.
func (a *app) keepAttempt(w http.ResponseWriter, r *http.Request, at attempt) error {
	plain, err := json.Marshal(at)
	if err != nil {
		return err
	}
	name := attemptName(at.State)
	sealed, err := a.keys.ForPurpose(attemptPurpose).Encrypt(plain, a.attemptBinding(name))
	if err != nil {
		return err
	}
	value := base64.RawURLEncoding.EncodeToString(sealed)
	if len(value) > maxCookieLength {
		return errors.New("the return URL is too long for the sign-in cookie")
	}
	var old []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, attemptCookie) {
			old = append(old, cookie.Name)
		}
	}
	for _, name := range old[:max(0, len(old)-attemptsAtOnce+1)] {
		setAttempt(w, name, "", -1)
	}
	setAttempt(w, name, value, int(attemptLifetime/time.Second))
	return nil
}

// setAttempt sets an attempt cookie, or deletes it if maxAge is negative.
func setAttempt(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// findAttempt returns the attempt that this browser began with that state. It returns
// false if the cookie is missing, appears twice, does not open or has expired.
func (a *app) findAttempt(r *http.Request, state string) (attempt, bool) {
	var at attempt
	name := attemptName(state)
	cookies := r.CookiesNamed(name)
	if len(cookies) != 1 {
		return at, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err != nil {
		return at, false
	}
	plain, err := a.keys.ForPurpose(attemptPurpose).Decrypt(sealed, a.attemptBinding(name))
	if err != nil || json.Unmarshal(plain, &at) != nil {
		return at, false
	}
	return at, at.State == state && time.Now().Before(at.Expires)
}
