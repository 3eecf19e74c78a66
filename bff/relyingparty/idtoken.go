package relyingparty

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// idToken is a verified ID token.
type idToken struct {
	subject  string
	issuedAt time.Time
	claims   map[string]any // numbers as json.Number
}

// verifyIDToken checks an ID token as OpenID Connect Core 1.0, section 3.1.3.7, requires, but
// for the nonce and auth_time, which belong to a sign-in. go-oidc checks the signature, iss,
// aud, exp and nbf. It decodes claims without regard to case, so iss, aud and exp are checked
// again by their exact names, and it leaves typ, azp, iat and at_hash to its caller. An error
// quotes nothing of the token. It wraps errProvider if the keys could not be fetched.
func (p *RelyingParty) verifyIDToken(ctx context.Context, found *discovered, raw, accessToken string) (idToken, error) {
	if err := checkHeader(raw); err != nil {
		return idToken{}, err
	}
	if _, err := found.keys.VerifySignature(ctx, raw); err != nil {
		return idToken{}, err // it may wrap errProvider; go-oidc's error would not
	}
	checked, err := found.idTokens.Verify(ctx, raw)
	if err != nil {
		return idToken{}, errors.New("the ID token is not valid: its issuer, audience, expiry or algorithm") // go-oidc's error quotes the token
	}
	var payload json.RawMessage
	if err := checked.Claims(&payload); err != nil {
		return idToken{}, errors.New("the ID token's claims are not JSON")
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return idToken{}, err
	}
	if err := p.checkClaims(claims); err != nil {
		return idToken{}, err
	}
	if hash, sent := claims["at_hash"]; sent {
		if text, ok := hash.(string); !ok || text != checked.AccessTokenHash || checked.VerifyAccessToken(accessToken) != nil {
			return idToken{}, errors.New("the ID token's at_hash is not that of the access token")
		}
	}
	issuedAt, _ := numericDate(claims["iat"])
	return idToken{subject: claims["sub"].(string), issuedAt: issuedAt, claims: claims}, nil
}

// checkHeader refuses a token of another type that the provider signs with the same key for
// the same client, such as a logout token.
func checkHeader(raw string) error {
	encoded, _, _ := strings.Cut(raw, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	var members map[string]json.RawMessage
	if err != nil || json.Unmarshal(header, &members) != nil {
		return errors.New("the ID token is not a signed JWT")
	}
	typ, sent := members["typ"]
	if !sent {
		return nil
	}
	var text string
	if json.Unmarshal(typ, &text) != nil || !strings.EqualFold(strings.TrimPrefix(strings.ToLower(text), "application/"), "jwt") {
		return errors.New("the token is not an ID token: its typ is not JWT")
	}
	return nil
}

// decodeClaims decodes a JSON object. It keeps numbers as they were sent.
func decodeClaims(payload []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var claims map[string]any
	if !utf8.Valid(payload) || d.Decode(&claims) != nil || claims == nil || !atEnd(d) {
		return nil, errors.New("the claims are not a JSON object")
	}
	return claims, nil
}

// atEnd reports whether no data follows. [json.Decoder.More] would not tell of a closing bracket.
func atEnd(d *json.Decoder) bool {
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}

// checkClaims checks iss, aud, azp, sub, exp, iat and sid, and refuses a logout token.
func (p *RelyingParty) checkClaims(claims map[string]any) error {
	now := p.cfg.Clock()
	subject, _ := claims["sub"].(string)
	issuedAt, hasIssuedAt := numericDate(claims["iat"])
	expires, hasExpires := numericDate(claims["exp"])
	azp, hasAzp := claims["azp"]
	audiences, ok := audience(claims["aud"])
	_, isLogout := claims["events"]
	sid, hasSID := claims["sid"]
	sidText, sidIsText := sid.(string)
	switch {
	case claims["iss"] != p.cfg.Issuer:
		return errors.New("the ID token is from another issuer")
	case !ok || !slices.Contains(audiences, p.cfg.ClientID):
		return errors.New("the ID token is not for this client")
	case hasAzp && azp != p.cfg.ClientID, len(audiences) > 1 && !hasAzp:
		return errors.New("the ID token was issued to another client")
	case subject == "":
		return errors.New("the ID token has no subject")
	case !hasExpires || now.Add(-p.cfg.ClockSkew).After(expires):
		return errors.New("the ID token has expired")
	case !hasIssuedAt || issuedAt.After(now.Add(p.cfg.ClockSkew)):
		return errors.New("the ID token has no iat, or one in the future")
	case isLogout:
		return errors.New("the token is not an ID token: it has events")
	case hasSID && !sidIsText:
		return errors.New("the ID token's sid is not a string")
	case strings.ContainsRune(subject+sidText, utf8.RuneError):
		// encoding/json replaces an escape that is half a character, so that two users become one.
		return errors.New("the ID token's sub or sid has a character that is not Unicode")
	}
	return nil
}

// checkSignIn checks the claims that belong to a sign-in: the nonce, and auth_time if the
// request had max_age.
func (p *RelyingParty) checkSignIn(token idToken, at attempt) error {
	if nonce, _ := token.claims["nonce"].(string); nonce != at.Nonce {
		return errors.New("the ID token does not have this sign-in's nonce")
	}
	if at.MaxAge == nil {
		return nil
	}
	authTime, ok := numericDate(token.claims["auth_time"])
	earliest := at.started().Add(-time.Duration(*at.MaxAge)*time.Second - p.cfg.ClockSkew)
	if !ok || authTime.Before(earliest) {
		return errors.New("the user's authentication is older than max_age")
	}
	return nil
}

// numericDate returns the time of a NumericDate (RFC 7519, section 2).
func numericDate(claim any) (time.Time, bool) {
	number, ok := claim.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 1 || seconds > 253402300799 { // the end of the year 9999
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC(), true
}

// audience returns the values of aud, which is a string or an array of strings.
func audience(claim any) ([]string, bool) {
	if one, ok := claim.(string); ok {
		return []string{one}, true
	}
	many, ok := claim.([]any)
	audiences := make([]string, 0, len(many))
	for _, one := range many {
		text, isText := one.(string)
		ok = ok && isText
		audiences = append(audiences, text)
	}
	return audiences, ok
}

// protocolClaims describe the ID token, not the user. The ticket leaves them out.
var protocolClaims = []string{
	"iss", "aud", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "azp", "client_id", "jti", "sid", "sub", "s_hash", "typ",
}

// userClaims returns the claims for the ticket: those of the ID token that describe the user,
// completed by those of the userinfo endpoint. Providers with small ID tokens have the user's
// name only there. Claims of the ID token take precedence, since they are signed.
func (p *RelyingParty) userClaims(ctx context.Context, found *discovered, token idToken, accessToken string) map[string]any {
	claims := map[string]any{}
	if found.UserInfo != "" && !p.cfg.SkipUserInfo {
		info, err := p.userInfo(ctx, found, token.subject, accessToken)
		if err != nil {
			p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "relyingparty: signing in without the claims of the userinfo endpoint",
				slog.String("error", err.Error()))
		}
		maps.Copy(claims, info)
		delete(claims, "acr") // only the signed token can say how the user was authenticated
		delete(claims, "amr")
		delete(claims, "auth_time")
	}
	maps.Copy(claims, token.claims)
	for _, name := range protocolClaims {
		delete(claims, name)
	}
	return claims
}

// userInfo returns the claims of the userinfo endpoint, which must name the ID token's subject
// (OpenID Connect Core 1.0, section 5.3.2). If the answer is signed, it verifies the signature.
func (p *RelyingParty) userInfo(ctx context.Context, found *discovered, subject, accessToken string) (map[string]any, error) {
	body, contentType, err := p.provider.getBody(ctx, found.UserInfo, accessToken)
	if err != nil {
		return nil, fmt.Errorf("the userinfo endpoint failed: %w", err)
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	if mediaType == "application/jwt" {
		if body, err = found.keys.VerifySignature(ctx, string(body)); err != nil {
			return nil, err
		}
	}
	claims, err := decodeClaims(body)
	if err != nil {
		return nil, fmt.Errorf("the userinfo endpoint: %w", err)
	}
	if claims["sub"] != subject {
		return nil, errors.New("the userinfo endpoint named another subject")
	}
	if issuer, sent := claims["iss"]; sent && issuer != p.cfg.Issuer {
		return nil, errors.New("the userinfo endpoint named another issuer")
	}
	if audiences, ok := audience(claims["aud"]); claims["aud"] != nil && (!ok || !slices.Contains(audiences, p.cfg.ClientID)) {
		return nil, errors.New("the userinfo endpoint named another client")
	}
	return claims, nil
}
