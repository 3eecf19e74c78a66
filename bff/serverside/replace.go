package serverside

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"example.com/usersession/bff"
)

// A SignInOption adds to a [Sessions.SignIn].
type SignInOption func(*signIn)

type signIn struct{ replaces string }

// Replacing names the session that the sign-in takes the place of, besides the one of the
// request's cookie, by what [Sessions.ReplacementToken] gave when the sign-in began. An
// empty or unusable token names none.
func Replacing(replacementToken string) SignInOption {
	return func(o *signIn) { o.replaces = replacementToken }
}

// replacementPurpose separates these ciphertexts from tickets.
const replacementPurpose = "example.com/usersession replacement v1\x00"

// ReplacementToken returns a sealed note of the request's session cookie, or "" if it has
// none. Keep it in the cookie that holds state and nonce while the user is at the identity
// provider, and hand it to SignIn with [Replacing].
//
// It is needed because the request to the callback comes from the provider's site, and
// brings no cookie with SameSite=Strict: without the note the old session of a user who
// signs in again would stay until it is idle for too long, unless it has the same session
// id. The note opens no session, and is of use for nothing else.
func (s *Sessions) ReplacementToken(r *http.Request) string {
	key, ok := s.requestKey(r)
	if !ok {
		return ""
	}
	sealed, err := s.cfg.Protector.Encrypt([]byte(key), s.replacementData())
	if err != nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "serverside: the protector could not seal a replacement token")
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sealed)
}

func (s *Sessions) replacementData() []byte { return []byte(replacementPurpose + s.cfg.Partition) }

// replacedKey returns the key in a replacement token, or "".
func (s *Sessions) replacedKey(token string) string {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || token == "" {
		return ""
	}
	key, err := s.cfg.Protector.Decrypt(sealed, s.replacementData())
	if err != nil {
		return ""
	}
	return string(key)
}

// endReplaced deletes the sessions that a browser had before it signed in with l. Their
// refresh tokens are not revoked: to many providers that ends the sign-in that has just
// begun.
func (s *Sessions) endReplaced(ctx context.Context, r *http.Request, l *loaded, o signIn) error {
	var keys []string
	if st := s.state(ctx); st != nil {
		st.mu.Lock()
		keys = append(keys, st.key)
		st.mu.Unlock()
	} else if key, ok := s.requestKey(r); ok {
		keys = append(keys, key)
	}
	keys = append(keys, s.replacedKey(o.replaces))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if key == "" || key == l.row.Key {
			continue
		}
		old, err := s.load(ctx, key)
		if err != nil {
			return err
		}
		if _, err := s.cfg.Store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key}); err != nil {
			return err
		}
		if old != nil {
			s.ended(ctx, EndReplaced, 1, old.row.SubjectID)
		}
	}
	return nil
}

// clockSkew is how much hosts' clocks may differ, when one asks whether a sign-in at
// another was before or after something.
const clockSkew = time.Minute

// signedInAgain reports whether a session that ended during its refresh may have been
// replaced by a sign-in, whose grant then has the new refresh token too. A row does not
// say what it has replaced: any session counts that the user began since the refresh did.
func (s *Sessions) signedInAgain(ctx context.Context, l *loaded) bool {
	rows, err := s.cfg.Store.GetUserSessions(ctx, l.row.PartitionKey, bff.UserSessionsFilter{SubjectID: l.row.SubjectID})
	if err != nil { // a token too many does less harm than a sign-in that ends
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: the refresh token of a session that ended is not revoked, "+
			"since the user's sessions could not be read", slog.Any("error", err))
		return true
	}
	begun := s.cfg.Clock().Add(-2*s.cfg.TokenTimeout - clockSkew) // one to ask, one to write
	return slices.ContainsFunc(rows, func(row bff.UserSession) bool {
		return row.SessionID == l.row.SessionID || row.Created.After(begun)
	})
}
