package serverside

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// A SignInOption is an option of [Sessions.SignIn].
type SignInOption func(*signInOptions)

type signInOptions struct{ replaces string }

// Replacing makes the sign-in end a second session besides the session of the request's
// cookie: the session to which the token refers. [Sessions.ReplacementToken] returned the
// token when the sign-in began. An empty or invalid token is ignored.
func Replacing(replacementToken string) SignInOption {
	return func(o *signInOptions) { o.replaces = replacementToken }
}

// replacementPurpose is the purpose of replacement tokens: the name from which the keys of
// a [ticket.KeyRing] are derived, and the beginning of the associated data.
const replacementPurpose = "example.com/usersession replacement v1"

// ReplacementToken returns a sealed reference to the request's session, or "" if the
// request has no session cookie. Keep it in the cookie that holds state and nonce while
// the user is at the identity provider, and pass it to SignIn with [Replacing].
//
// SignIn needs it because the request to the callback comes from the provider's site, so
// that the browser does not send a cookie with SameSite=Strict. Without the token the old
// session of a user who signs in again would remain until its idle timeout, unless the new
// session has the same session id. A replacement token gives no access to the session.
//
// If the token cannot be sealed, ReplacementToken logs that and returns "".
func (s *Sessions) ReplacementToken(r *http.Request) string {
	key, ok := s.requestKey(r)
	if !ok {
		return ""
	}
	sealed, err := s.replacementProtector().Encrypt([]byte(key), s.replacementData())
	if err != nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "serverside: the protector could not seal a replacement token")
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// replacementProtector returns a key ring's derived ring. Any other Protector separates
// replacement tokens from tickets by the associated data alone.
func (s *Sessions) replacementProtector() ticket.Protector {
	if r, ok := s.cfg.Protector.(*ticket.KeyRing); ok {
		return r.ForPurpose(replacementPurpose)
	}
	return s.cfg.Protector
}

func (s *Sessions) replacementData() []byte {
	return []byte(replacementPurpose + "\x00" + s.cfg.Partition)
}

// replacedKey returns the session key in a replacement token, or "" if the token does not
// open. It also opens the tokens of an older host, which sealed them under the key ring's
// own keys with the same associated data.
func (s *Sessions) replacedKey(token string) string {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || token == "" {
		return ""
	}
	for _, p := range []ticket.Protector{s.replacementProtector(), s.cfg.Protector} {
		if key, err := p.Decrypt(sealed, s.replacementData()); err == nil {
			return string(key)
		}
	}
	return ""
}

// endReplaced deletes the sessions that the browser had before this sign-in: the sessions of
// the request's cookies and the session of the replacement token. Their refresh tokens are
// not revoked, because many providers would then end the new sign-in as well.
func (s *Sessions) endReplaced(ctx context.Context, r *http.Request, opened *openedSession, o signInOptions) error {
	keys := append(s.browserKeys(r), s.replacedKey(o.replaces))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if key == "" || key == opened.row.Key {
			continue
		}
		old, err := s.load(ctx, key)
		if err != nil {
			return err
		}
		removed, err := s.deleteSession(ctx, key)
		if err != nil {
			return err
		}
		s.reportEnded(ctx, EndReplaced, removed, subjectOf(old))
	}
	return nil
}

// clockSkew is the assumed maximum difference between the clocks of two hosts.
const clockSkew = time.Minute

// signedInAgain reports whether a session that ended during its refresh may have been
// replaced by a new sign-in. The new refresh token may then belong to the grant of that
// sign-in and must not be revoked. A row does not tell which session it replaced. So
// signedInAgain reports true if the user has a session that began after the refresh did, or
// a session with the same session id.
func (s *Sessions) signedInAgain(ctx context.Context, opened *openedSession) bool {
	begun := s.cfg.Clock().Add(-2*s.cfg.TokenTimeout - clockSkew) // one timeout to ask the provider, one to write
	for row, err := range s.rowsWithoutTickets(ctx, bff.UserSessionsFilter{SubjectID: opened.row.SubjectID}) {
		if err != nil { // an unrevoked token does less harm than a sign-in that ends
			s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: the refresh token of a session that ended is not revoked, "+
				"since the user's sessions could not be read", slog.Any("error", err))
			return true
		}
		if row.SessionID == opened.row.SessionID || row.Created.After(begun) {
			return true
		}
	}
	return false
}
