package relyingparty

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/usersession/bff/ticket"
)

const (
	// attemptLifetime is how long a user may stay at the provider.
	attemptLifetime = 15 * time.Minute
	// attemptsAtOnce bounds the sign-ins that one browser has begun: their cookies stay below
	// 8 kB together, however long the return URLs are.
	attemptsAtOnce = 12
	// attemptPurpose is the purpose of the keys that seal attempts. These keys open no ticket.
	attemptPurpose = "example.com/usersession relyingparty sign-in v1"
)

// An attempt is a sign-in that has begun and not finished. It has two sealed parts. The state
// parameter passes through the provider, and a cookie stays in the browser, so that only the
// browser that began the attempt can finish it. The server stores nothing for an attempt.
type attempt struct {
	sealedState
	sealedCookie
}

// sealedState is the state parameter.
type sealedState struct {
	ID      string `json:"i"`
	Return  string `json:"r"`
	Silent  bool   `json:"s,omitempty"` // answered with a message to the page, see silent.go
	NoPage  bool   `json:"p,omitempty"` // the request has prompt=none
	Expires int64  `json:"e"`           // Unix time
}

func (s sealedState) expires() time.Time { return time.Unix(s.Expires, 0) }
func (s sealedState) started() time.Time { return s.expires().Add(-attemptLifetime) }

// sealedCookie is the part that the provider does not get.
type sealedCookie struct {
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	MaxAge   *int   `json:"m,omitempty"` // of the authorization request, in seconds
	// Replaces is a replacement token: it names the session that the browser had when the
	// attempt began. The request to the callback comes from the provider's site, without
	// the session's cookie, which is Strict.
	Replaces string `json:"o,omitempty"`
}

// attempts seals, opens and counts attempts.
type attempts struct {
	protector ticket.Protector
	clock     func() time.Time
	client    string // issuer and client id: another client's attempts do not open
	prefix    string // of the cookies' names
}

func newAttempts(c Config) attempts {
	protector := c.Protector
	if ring, ok := protector.(*ticket.KeyRing); ok {
		protector = ring.ForPurpose(attemptPurpose)
	}
	client := c.Issuer + "\x00" + c.ClientID + "\x00" + c.Path
	sum := sha256.Sum256([]byte(client))
	return attempts{protector, c.Clock, client, "__Host-bff-signin-" + hex.EncodeToString(sum[:3]) + "-"}
}

func (a attempts) begin(returnURL, replaces string, silent bool) attempt {
	return attempt{
		sealedState{ID: rand.Text(), Return: returnURL, Silent: silent, Expires: a.clock().Add(attemptLifetime).Unix()},
		sealedCookie{Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Replaces: replaces},
	}
}

// cookieName returns the name of an attempt's cookie. Each attempt has its own, so that several
// tabs can sign in at the same time.
func (a attempts) cookieName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return a.prefix + hex.EncodeToString(sum[:8])
}

func (a attempts) seal(part string, v any) (string, error) {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false) // an escaped & is six bytes long
	if err := e.Encode(v); err != nil {
		return "", err
	}
	sealed, err := ticket.SealBytes(a.protector, ticket.Binding{PartitionKey: a.client, Key: part}, plain.Bytes())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func (a attempts) open(part, text string, v any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	plain, err := ticket.OpenBytes(a.protector, ticket.Binding{PartitionKey: a.client, Key: part}, sealed)
	return err == nil && json.Unmarshal(plain, v) == nil
}

const statePart = "state"

// keep sets the attempt's cookie and returns its state parameter. It deletes the oldest
// cookies beyond attemptsAtOnce, so that abandoned attempts do not fill the browser's storage.
func (a attempts) keep(w http.ResponseWriter, r *http.Request, at attempt) (state string, err error) {
	if state, err = a.seal(statePart, at.sealedState); err != nil {
		return "", err
	}
	name := a.cookieName(at.ID)
	value, err := a.seal(name, struct {
		sealedCookie
		Expires int64 `json:"e"`
	}{at.sealedCookie, at.Expires})
	if err != nil {
		return "", err
	}
	for _, old := range a.surplus(r) {
		setAttempt(w, old, "", -1)
	}
	setAttempt(w, name, value, int(attemptLifetime/time.Second))
	return state, nil
}

// surplus returns the names of the cookies to delete before another attempt begins: the cookies
// that do not open or have expired, and the oldest of the others if there is no room for one more.
func (a attempts) surplus(r *http.Request) []string {
	type old struct {
		name    string
		expires int64
	}
	var olds []old
	for _, cookie := range r.Cookies() {
		if !strings.HasPrefix(cookie.Name, a.prefix) {
			continue
		}
		var c struct {
			Expires int64 `json:"e"`
		}
		if !a.open(cookie.Name, cookie.Value, &c) || c.Expires <= a.clock().Unix() {
			c.Expires = 0
		}
		olds = append(olds, old{cookie.Name, c.Expires})
	}
	slices.SortStableFunc(olds, func(a, b old) int { return cmp.Compare(a.expires, b.expires) })
	var names []string
	for i, o := range olds {
		if o.expires == 0 || i < len(olds)-(attemptsAtOnce-1) {
			names = append(names, o.name)
		}
	}
	return names
}

// openState returns the state parameter's content. It reports false if the parameter was not
// sealed by this client or has expired.
func (a attempts) openState(state string) (sealedState, bool) {
	var s sealedState
	if !a.open(statePart, state, &s) {
		return sealedState{}, false
	}
	return s, a.clock().Before(s.expires())
}

// find returns the attempt to which the state belongs, if this browser has begun it.
func (a attempts) find(r *http.Request, s sealedState) (attempt, bool) {
	name := a.cookieName(s.ID)
	cookies := r.CookiesNamed(name)
	at := attempt{sealedState: s}
	if len(cookies) != 1 || !a.open(name, cookies[0].Value, &at.sealedCookie) {
		return attempt{}, false
	}
	return at, true
}

// end deletes the attempt's cookie.
func (a attempts) end(w http.ResponseWriter, at attempt) { setAttempt(w, a.cookieName(at.ID), "", -1) }

// setAttempt sets a cookie that comes back after the provider's redirect from another site.
func setAttempt(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
