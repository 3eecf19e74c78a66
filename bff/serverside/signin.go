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
	"example.com/usersession/bff/ticket"
)

// createAttempts bounds how often a sign-in makes slots for itself in a store that
// cannot replace atomically.
const createAttempts = 5

// SignIn begins a session for the ticket's subject and sets the cookie: call it before
// the response's body is begun. The cookie's id is always new; the session that the
// browser had before ends, as does one with the same session id. (With SameSite=Strict
// the request to a callback brings no cookie of that session: see [Replacing].)
//
// It sets the ticket's Issued, and Expires unless that is earlier than the absolute
// lifetime allows. A ticket without a session id gets a random UUID for one. A ticket
// with another issuer than [Config.Issuer] is refused; with none it gets that one. The
// caller has verified the ID token that the ticket was made from.
//
// After an error nobody has a new session, and no cookie was sent; but the sessions that
// this one was to take the place of, or those beyond the maximum, may have ended.
func (s *Sessions) SignIn(w http.ResponseWriter, r *http.Request, t ticket.Ticket, opts ...SignInOption) (Session, error) {
	ctx := r.Context()
	var o signInOptions
	for _, opt := range opts {
		opt(&o)
	}
	id, key := newID()
	opened, err := s.newSession(key, t)
	if err != nil {
		return Session{}, err
	}
	err = s.storeNew(ctx, opened.row)
	if err == nil {
		err = s.endReplaced(ctx, r, opened, o)
	}
	if err == nil {
		err = s.enforceMaximum(ctx, opened)
	}
	if err != nil { // of put too: the row is there if only the store's answer was lost
		s.undoSignIn(ctx, opened)
		return Session{}, fmt.Errorf("serverside: signing in: %w", err)
	}
	s.setCookie(w, id, opened.ticket.Expires)
	if st := s.state(ctx); st != nil {
		st.set(key, opened)
	}
	s.cfg.Metrics.SessionStarted(ctx)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: user session started",
		slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID))
	session := opened.session()
	session.Current = true
	return session, nil
}

// newSession completes the ticket and makes its row.
func (s *Sessions) newSession(key string, t ticket.Ticket) (*openedSession, error) {
	if t.SubjectID == "" {
		return nil, errors.New("serverside: signing in: the ticket has no subject id")
	}
	t = t.Clone()
	if t.Issuer == "" {
		t.Issuer = s.cfg.Issuer
	}
	if t.Issuer != s.cfg.Issuer {
		return nil, errors.New("serverside: signing in: the ticket's issuer is not the configured one")
	}
	if t.SessionID == "" {
		t.SessionID = uuid.NewString() // random: RFC 9562, version 4
	}
	now := s.cfg.Clock().UTC().Truncate(time.Microsecond)
	t.Issued = now
	if end := now.Add(s.cfg.AbsoluteLifetime); t.Expires.IsZero() || t.Expires.After(end) {
		t.Expires = end
	}
	row := bff.UserSession{
		PartitionKey: s.cfg.Partition, Key: key, SubjectID: t.SubjectID, SessionID: t.SessionID,
		Created: now, Renewed: now, Expires: s.expiry(now, t), Version: 1,
	}
	if !row.Expires.After(now) {
		return nil, errors.New("serverside: signing in: the ticket or its refresh token has expired")
	}
	if err := row.Validate(); err != nil {
		return nil, fmt.Errorf("serverside: signing in: %w", err)
	}
	sealed, err := ticket.Seal(s.cfg.Protector, ticket.BindingOf(row), t)
	if err != nil {
		return nil, fmt.Errorf("serverside: signing in: %w", err)
	}
	row.Ticket = sealed
	return &openedSession{row: row, ticket: t}, nil
}

// put adds the row, in the place of one with the same session id.
func (s *Sessions) storeNew(ctx context.Context, row bff.UserSession) error {
	if replacer, ok := s.cfg.Store.(bff.UserSessionReplacer); ok {
		return replacer.ReplaceUserSession(ctx, row)
	}
	var err error
	for range createAttempts {
		err = s.cfg.Store.CreateUserSession(ctx, row)
		if !errors.Is(err, bff.ErrSessionExists) {
			return err
		}
		filter := bff.UserSessionsFilter{SessionID: row.SessionID}
		if _, err := s.cfg.Store.DeleteUserSessions(ctx, row.PartitionKey, filter); err != nil {
			return err
		}
	}
	return err
}

// trim ends the oldest sessions of l's user beyond the maximum. The order is the store's,
// not that of Created, since hosts' clocks differ. Sign-ins at the same time so agree on
// which are the oldest, and no two end each other's sessions. None ends its own: if it is
// among the oldest already, that is up to those that came after it. Should the database
// have let them see it too late for that, the next sign-in ends it.
func (s *Sessions) enforceMaximum(ctx context.Context, opened *openedSession) error {
	if s.cfg.MaxSessionsPerUser == 0 {
		return nil
	}
	rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, bff.UserSessionsFilter{SubjectID: opened.row.SubjectID})
	if err != nil {
		return err
	}
	rows = rows[:max(0, len(rows)-s.cfg.MaxSessionsPerUser)]
	rows = slices.DeleteFunc(rows, func(row bff.UserSession) bool { return row.Key == opened.row.Key })
	tokens := s.refreshTokens(ctx, rows)
	var total int64
	for _, row := range rows {
		removed, err := s.cfg.Store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: row.Key})
		if err != nil {
			s.reportEnded(ctx, EndMaximum, total, opened.row.SubjectID)
			return err
		}
		total += removed
	}
	s.reportEnded(ctx, EndMaximum, total, opened.row.SubjectID)
	s.revokeTokens(ctx, tokens)
	return nil
}

// undo removes a session whose id nobody was told. If that fails too, the row is out of
// anybody's reach until it expires.
func (s *Sessions) undoSignIn(ctx context.Context, opened *openedSession) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
	defer cancel()
	if _, err := s.cfg.Store.DeleteUserSession(ctx, opened.key()); err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a sign-in that failed may have left a session nobody can use",
			slog.Any("error", err))
	}
}

// SignOut ends the request's session and takes the cookie from the browser: call it
// before the response's body is begun. A request that is signed out already is success.
//
// After an error the session may still be there, and the browser still has its cookie,
// so that the user can try again: answer with 503. The refresh token is revoked after
// that, best effort.
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	key, ok := s.requestKey(r)
	st := s.state(ctx)
	if st != nil {
		st.mu.Lock()
		key = st.key
		ok = key != ""
		st.mu.Unlock()
	}
	if ok {
		if err := s.endSession(ctx, key, EndSignOut); err != nil {
			return fmt.Errorf("serverside: signing out: %w", err)
		}
	}
	if st != nil {
		st.set("", nil)
	}
	s.clearCookie(w)
	return nil
}

// end deletes one session, and revokes its refresh token.
func (s *Sessions) endSession(ctx context.Context, key string, reason EndReason) error {
	opened, loadErr := s.load(ctx, key) // anew: its tokens may have been refreshed since the request began
	if loadErr != nil {                 // ending the session matters more
		opened = nil
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a session that ends could not be read", slog.Any("error", loadErr))
	}
	removed, err := s.cfg.Store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key})
	if err != nil {
		return err
	}
	s.reportEnded(ctx, reason, removed, subjectOf(opened))
	if opened != nil && opened.ticket.RefreshToken != "" {
		s.revokeTokens(ctx, []string{opened.ticket.RefreshToken})
	}
	return nil
}
