package backchannel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/usersession/bff"
)

// eventName is the member of events that marks a logout token (section 2.4).
const eventName = "http://schemas.openid.net/event/backchannel-logout"

// A logoutToken holds the claims of a valid token.
type logoutToken struct {
	issuer    string
	subjectID string
	sessionID string
	id        string // jti
	audience  string // aud as it stands in the token
	issuedAt  time.Time
}

// replayID returns the id under which the token is remembered.
func (t logoutToken) replayID() string {
	return strconv.Itoa(len(t.audience)) + ":" + t.audience + t.id
}

// parse does the checks of OpenID Connect Back-Channel Logout 1.0, section 2.6, that need no
// keys. Its errors quote nothing of the token.
func (h *Handler) parse(v VerifiedToken) (logoutToken, error) {
	var token logoutToken
	header, ok := parseObject(v.Header)
	if !ok {
		return token, errors.New("the token's header is not a JSON object, or has a member twice")
	}
	if err := h.checkHeader(header); err != nil {
		return token, err
	}
	claims, ok := parseObject(v.Claims)
	if !ok {
		return token, errors.New("the token's payload is not a JSON object, or has a member twice")
	}
	if _, ok := claims["nonce"]; ok { // step 7 of section 2.6: it is an ID token
		return token, errors.New("the token has a nonce")
	}
	events, ok := parseObject(claims["events"])
	if !ok {
		return token, errors.New("the token's events is missing or not an object")
	}
	if _, ok := parseObject(events[eventName]); !ok {
		return token, errors.New("the token's events has no back-channel logout event that is an object")
	}
	if err := h.readIdentity(claims, &token); err != nil {
		return token, err
	}
	err := h.checkTimes(claims, &token)
	return token, err
}

// checkHeader requires a signature algorithm and an explicit type (RFC 8725, section 3.11).
func (h *Handler) checkHeader(header map[string]json.RawMessage) error {
	if alg, ok := parseString(header["alg"]); !ok || strings.EqualFold(alg, "none") {
		return errors.New("the token is not signed")
	}
	typ, ok := parseString(header["typ"])
	if _, present := header["typ"]; present && !ok {
		return errors.New("the token's typ is not a string")
	}
	// Media types are case-insensitive, and application/ may be left out (RFC 7515,
	// section 4.1.9).
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "logout+jwt":
		return nil
	case "", "jwt":
		if h.cfg.InsecureAcceptUntypedTokens {
			return nil
		}
	}
	return errors.New("the token's typ is not logout+jwt")
}

// readIdentity reads iss, jti, sub and sid.
func (h *Handler) readIdentity(claims map[string]json.RawMessage, token *logoutToken) error {
	var ok bool
	if token.issuer, ok = parseString(claims["iss"]); !ok || token.issuer != h.cfg.Sessions.Issuer() {
		return errors.New("the token's iss is not the sessions' issuer")
	}
	if token.id, ok = parseString(claims["jti"]); !ok {
		return errors.New("the token has no jti")
	}
	token.audience = string(claims["aud"]) // the Verifier has checked it
	for _, claim := range []struct {
		name string
		to   *string
	}{{"sub", &token.subjectID}, {"sid", &token.sessionID}} {
		value, present := claims[claim.name]
		if !present {
			continue
		}
		// encoding/json replaces an escape that is half a character, so that two values become one.
		if *claim.to, ok = parseString(value); !ok || strings.ContainsRune(*claim.to, utf8.RuneError) {
			return errors.New("the token's " + claim.name + " is not a string, is blank or has a character that is not Unicode")
		}
	}
	filter := bff.UserSessionsFilter{SubjectID: token.subjectID, SessionID: token.sessionID}
	if filter.Validate() != nil {
		return errors.New("the token has neither sub nor sid")
	}
	return nil
}

// checkTimes checks iat, exp and nbf, and sets the token's issuedAt.
func (h *Handler) checkTimes(claims map[string]json.RawMessage, token *logoutToken) error {
	now := h.cfg.Clock()
	var ok bool
	if token.issuedAt, ok = parseNumericDate(claims["iat"]); !ok {
		return errors.New("the token has no iat")
	}
	if token.issuedAt.After(now.Add(h.cfg.ClockSkew)) {
		return errors.New("the token's iat is in the future")
	}
	if now.Sub(token.issuedAt) > h.cfg.MaxTokenAge+h.cfg.ClockSkew {
		return errors.New("the token is too old")
	}
	expires, ok := parseNumericDate(claims["exp"])
	if !ok {
		return errors.New("the token has no exp")
	}
	if !now.Before(expires.Add(h.cfg.ClockSkew)) {
		return errors.New("the token has expired")
	}
	if value, present := claims["nbf"]; present {
		if notBefore, ok := parseNumericDate(value); !ok || notBefore.After(now.Add(h.cfg.ClockSkew)) {
			return errors.New("the token is not valid yet")
		}
	}
	return nil
}

// parseObject parses a JSON object and keeps the exact names of its members, whereas
// encoding/json would read EVENTS into a struct's field events. It refuses an object with
// two members of the same name, because some parsers use the first of the two and some the last.
func parseObject(data []byte) (map[string]json.RawMessage, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	members := make(map[string]json.RawMessage)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, false
		}
		if _, twice := members[name]; twice {
			return nil, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return members, errors.Is(err, io.EOF) // no data may follow
}

// parseString parses a string and refuses a blank one.
func parseString(data json.RawMessage) (string, bool) {
	var s *string
	if len(data) == 0 || json.Unmarshal(data, &s) != nil || s == nil {
		return "", false
	}
	return *s, strings.TrimSpace(*s) != ""
}

// parseNumericDate parses a NumericDate (RFC 7519, section 2), which may have a fraction.
func parseNumericDate(data json.RawMessage) (time.Time, bool) {
	var seconds *float64
	if len(data) == 0 || json.Unmarshal(data, &seconds) != nil || seconds == nil {
		return time.Time{}, false
	}
	const latest = 253402300799 // the end of the year 9999
	if math.IsNaN(*seconds) || *seconds <= 0 || *seconds > latest {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}
