package serverside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/capability"
	"example.com/usersession/bff/internal/logoutnote"
	"example.com/usersession/bff/ticket"
)

// SignIn starts a session for the ticket's subject and sets the cookie. Call it before
// writing the response's body. The cookie has a new id in every case. The session that the
// browser had before ends, and so does a session with the same session id. If the request
// has several session cookies, the sessions of all of them end, as at a sign-out. (With
// SameSite=Strict the request to a callback has no cookie of the old session: see
// [Replacing].) The caller must have verified the ID token from which the ticket was made.
//
// SignIn sets the ticket's Issued. It sets Expires to the end of the absolute lifetime,
// unless Expires is earlier. A ticket without a session id gets "local-" and a random UUID as
// its session id, and a ticket without an issuer gets [Config.Issuer]. SignIn refuses a ticket
// with another issuer, without a subject id, or with identities that a store cannot keep
// ([bff.ErrInvalidSession]), and a ticket that has expired or whose refresh token has. It
// also refuses to sign in after the response has begun, because the browser would not get
// the cookie; without the middleware it does not notice that.
//
// If the provider has ended the session since it issued the ID token, SignIn returns an error
// that wraps [ErrLoggedOut]: package backchannel records logouts for that. SignIn takes the
// time of issue from the ticket's IDTokenIssuedAt, or from its IDToken if that is a signed
// token; if both are missing, it cannot notice the logout.
//
// After an error there is no new session and no cookie was set, and the ticket's refresh
// token is revoked if there is a Revoker. Sessions that the new session was to replace, and
// sessions beyond [Config.MaxSessionsPerUser], may have ended.
func (s *Sessions) SignIn(w http.ResponseWriter, r *http.Request, t ticket.Ticket, opts ...SignInOption) (Session, error) {
	ctx := r.Context()
	var o signInOptions
	for _, opt := range opts {
		opt(&o)
	}
	id, key := newID()
	opened, err := s.newSession(key, t)
	if err == nil {
		err = s.checkResponse(ctx)
	}
	if err == nil {
		err = s.startSession(r, opened, o)
	}
	if err == nil {
		if err = s.checkResponse(ctx); err != nil {
			s.undoLater(ctx, opened)
		}
	}
	if err != nil {
		if t.RefreshToken != "" { // no session has its grant
			s.revokeLater(ctx, []string{t.RefreshToken})
		}
		return Session{}, fmt.Errorf("serverside: signing in: %w", err)
	}
	s.started(w, r, id, opened)
	session := opened.session()
	session.Current = true
	return session, nil
}

// startSession stores the new session and ends the sessions that it replaces and those beyond
// the maximum. If that fails, the new session is removed in the background.
func (s *Sessions) startSession(r *http.Request, opened *openedSession, o signInOptions) error {
	ctx, cancel := s.withStoreTimeout(r.Context())
	defer cancel()
	err := capability.Replace(ctx, s.cfg.Store, opened.row)
	if err == nil {
		err = s.checkLogout(ctx, opened) // after the row is written: see package logoutnote
	}
	if err == nil {
		err = s.endReplaced(ctx, r, opened, o)
	}
	if err == nil {
		err = s.enforceMaximum(r.Context(), ctx, opened)
	}
	if err != nil { // Replace, too, may have written the row before it failed
		s.undoLater(ctx, opened)
	}
	return err
}

// newSession completes the ticket and returns it with its row, which is not stored yet.
func (s *Sessions) newSession(key string, t ticket.Ticket) (*openedSession, error) {
	if t.SubjectID == "" || bff.ReservedSubject(t.SubjectID) {
		return nil, fmt.Errorf("%w: the ticket has no subject id, or a subject id with the prefix of long subject ids, bff.ReservedSubject", bff.ErrInvalidSession)
	}
	t = t.Clone()
	if t.Issuer == "" {
		t.Issuer = s.cfg.Issuer
	}
	if t.Issuer != s.cfg.Issuer {
		return nil, errors.New("the ticket's issuer is not Config.Issuer")
	}
	if t.SessionID == "" {
		t.SessionID = logoutnote.LocalPrefix + uuid.NewString() // random: RFC 9562, version 4
	}
	now := s.cfg.Clock().UTC().Truncate(time.Microsecond)
	t.Issued = now
	if t.AccessToken != "" && t.AccessTokenObtained.IsZero() {
		t.AccessTokenObtained = now
	}
	t.IDTokenIssuedAt = idTokenIssuedAt(t)
	t.SetRefreshClaim("")
	if end := now.Add(s.cfg.AbsoluteLifetime); t.Expires.IsZero() || t.Expires.After(end) {
		t.Expires = end
	}
	row := bff.UserSession{
		PartitionKey: s.cfg.Partition, Key: key, SubjectID: bff.SubjectIDOf(t.SubjectID), SessionID: t.SessionID,
		Created: now, Renewed: now, Expires: s.expiry(now, t), Version: 1,
	}
	if !row.Expires.After(now) {
		return nil, errors.New("the ticket or its refresh token has expired")
	}
	if err := row.Validate(); err != nil {
		return nil, err
	}
	sealed, err := s.seal(row, t)
	if err != nil {
		return nil, err
	}
	row.Ticket = sealed
	return &openedSession{row: row, ticket: t}, nil
}

// enforceMaximum ends the oldest sessions of the user beyond MaxSessionsPerUser. The store's
// order decides, not Created, because the clocks of hosts differ. So concurrent sign-ins
// agree on the oldest sessions, and no two sign-ins end each other's session. A sign-in does
// not end its own session: if the session is already beyond the maximum, the later sign-ins
// end it. If the database showed the session to the later sign-ins too late, the user's next
// sign-in ends it.
func (s *Sessions) enforceMaximum(ctx, storeCtx context.Context, opened *openedSession) error {
	if s.cfg.MaxSessionsPerUser == 0 {
		return nil
	}
	var keys []string
	for key, err := range s.keysOf(storeCtx, opened.row.SubjectID) {
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	keys = keys[:max(0, len(keys)-s.cfg.MaxSessionsPerUser)]
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == opened.row.Key })
	_, tokens, err := s.endKeys(storeCtx, slices.Values(keys), EndMaximum, opened.row.SubjectID)
	s.revokeLater(ctx, tokens)
	return err
}

// undoSignIn deletes the session of a sign-in that failed. If the delete fails, the row
// remains until it expires, but no browser has its cookie.
func (s *Sessions) undoSignIn(ctx context.Context, opened *openedSession) {
	ctx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	if _, err := s.deleteSession(ctx, opened.row.Key); err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a failed sign-in may have left a session that no browser can use",
			slog.Any("error", err))
	}
}

// SignOut ends the request's session and makes the browser delete the cookie, if it has sent
// one: without a cookie the request may come from another site, and the browser would delete the
// Strict cookie that it has kept back. Call SignOut before writing the response's body. If the request has several session cookies, SignOut ends the
// sessions of all of them, of eight at most, and logs that. For a request that is already
// signed out it returns nil. With a Revoker, the refresh token that was in the session when
// it ended is revoked in the background, after the handler has returned.
//
// After the response has begun, SignOut still ends the session. The browser then keeps a
// cookie that belongs to no session.
//
// After an error the session may still exist, and the browser keeps its cookie, so that the
// user can try again: answer with status 503.
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if keys := s.browserKeys(r); len(keys) > 0 {
		storeCtx, cancel := s.withStoreTimeout(ctx)
		defer cancel()
		_, tokens, err := s.endKeys(storeCtx, slices.Values(keys), EndSignOut, s.requestSubject(ctx, keys[0]))
		s.revokeLater(ctx, tokens)
		if err != nil {
			return fmt.Errorf("serverside: signing out: %w", err)
		}
	}
	if st := s.state(ctx); st != nil {
		st.set("", nil)
	}
	s.whenCommitted(func(s *Sessions) {
		if len(r.CookiesNamed(s.cfg.CookieName)) > 0 || s.setsCookie(w) {
			s.clearCookie(w, r)
		}
	})
	return nil
}
