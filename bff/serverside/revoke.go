package serverside

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
)

// RevokeSessions ends the sessions that match the filter and returns the number of sessions
// that it removed itself. To end one of a user's sessions, set both the subject id and the
// session id. An empty filter is refused with [bff.ErrInvalidFilter].
//
// With a Revoker, the refresh tokens that were in the sessions when they ended are revoked in
// the background, best effort. The number of tokens that were not revoked is logged.
func (s *Sessions) RevokeSessions(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	storeCtx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	filter.SubjectID = bff.SubjectIDOf(filter.SubjectID)
	n, err := s.endMatching(ctx, storeCtx, filter, EndRevoked)
	if err != nil {
		err = fmt.Errorf("serverside: revoking sessions: %w", err)
	}
	return n, err
}

// RevokeOtherSessions ends all sessions of the request's user except the request's own,
// and returns the number of sessions that it removed itself, also together with an error. It
// returns [ErrNoSession] if the request is signed out. The refresh tokens of the ended
// sessions are revoked, best effort.
func (s *Sessions) RevokeOtherSessions(ctx context.Context) (int64, error) {
	current := s.current(ctx)
	if current == nil {
		return 0, ErrNoSession
	}
	storeCtx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	var listErr error
	others := func(yield func(string) bool) {
		for key, err := range s.keysOf(storeCtx, current.row.SubjectID) {
			if listErr = err; err != nil || key != current.row.Key && !yield(key) {
				return
			}
		}
	}
	n, tokens, err := s.endKeys(storeCtx, others, EndRevoked, current.row.SubjectID)
	s.revokeLater(ctx, tokens)
	if err = cmp.Or(err, listErr); err != nil {
		err = fmt.Errorf("serverside: revoking the other sessions: %w", err)
	}
	return n, err
}

// Issuer returns [Config.Issuer].
func (s *Sessions) Issuer() string { return s.cfg.Issuer }

// SubjectOfSession returns the user of the live session with the session id, for package
// backchannel. It reports false if there is no such session.
func (s *Sessions) SubjectOfSession(ctx context.Context, sessionID string) (subjectID string, found bool, err error) {
	ctx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, bff.UserSessionsFilter{SessionID: sessionID})
	if err != nil || len(rows) == 0 {
		return "", false, err
	}
	return rows[0].SubjectID, true, nil
}

// endMatching ends the sessions that match the filter. With a Revoker it deletes them one by
// one, to know their refresh tokens, for at most half of StoreTimeout. One statement then deletes
// the rest, because the end of the sessions matters more than the tokens.
func (s *Sessions) endMatching(ctx, storeCtx context.Context, filter bff.UserSessionsFilter, reason EndReason) (int64, error) {
	if err := filter.Validate(); err != nil {
		return 0, err
	}
	var (
		n      int64
		tokens []string
	)
	if s.cfg.Revoker != nil {
		var err error
		n, tokens, err = s.endWithTokens(storeCtx, filter, reason)
		s.revokeLater(ctx, tokens)
		if err != nil && s.tx != nil { // see endKeys
			return n, err
		}
	}
	rest, err := s.cfg.Store.DeleteUserSessions(storeCtx, s.cfg.Partition, filter)
	s.tickets.forgetMatching(filter)
	s.reportEnded(ctx, reason, rest, filter.SubjectID)
	// tokens also has the tokens of the rest that endWithTokens has read but not deleted.
	if s.cfg.Revoker != nil && rest > 0 {
		s.logNotRevoked(ctx, int(n+rest)-len(tokens), "the sessions were deleted unread")
	}
	if err != nil {
		return n + rest, err
	}
	s.signOutRequest(ctx, filter)
	return n + rest, nil
}

// endWithTokens ends sessions that match the filter, one by one, and returns their number and
// their refresh tokens, also together with an error, which it logs.
func (s *Sessions) endWithTokens(ctx context.Context, filter bff.UserSessionsFilter, reason EndReason) (int64, []string, error) {
	begin := time.Now()
	if s.tx == nil { // a deadline in the middle of a statement would end a transaction
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.StoreTimeout/2)
		defer cancel()
	}
	var listErr error
	keys := func(yield func(string) bool) {
		for key, err := range s.keysMatching(ctx, filter) {
			if listErr = err; err != nil || time.Since(begin) >= s.cfg.StoreTimeout/2 || !yield(key) {
				return
			}
		}
	}
	n, tokens, err := s.endKeys(ctx, keys, reason, filter.SubjectID)
	if err = cmp.Or(err, listErr); err != nil {
		s.whenCommitted(func(s *Sessions) {
			s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: the refresh tokens of sessions that end could not all be read", slog.Any("error", err))
		})
	}
	return n, tokens, err
}

// signOutRequest signs the request out if its own session matches the filter of a revocation.
func (s *Sessions) signOutRequest(ctx context.Context, filter bff.UserSessionsFilter) {
	opened := s.current(ctx)
	if opened == nil || filter.SubjectID != "" && filter.SubjectID != opened.row.SubjectID ||
		filter.SessionID != "" && filter.SessionID != opened.row.SessionID {
		return
	}
	s.state(ctx).replace(opened.row.Key, nil)
}

// reportEnded counts and logs the end of n sessions. It does nothing if n is 0.
func (s *Sessions) reportEnded(ctx context.Context, reason EndReason, n int64, subjectID string) {
	if n == 0 {
		return
	}
	s.whenCommitted(func(s *Sessions) {
		s.cfg.Metrics.SessionEnded(ctx, reason, n)
		s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: user sessions ended",
			slog.String("reason", string(reason)), slog.Int64("count", n), slog.String("subject_id", subjectID))
	})
}
