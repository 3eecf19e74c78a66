package serverside

import (
	"context"
	"fmt"
	"log/slog"

	"example.com/usersession/bff"
)

// UserSessions returns the live sessions of a user, oldest first. Current is set in the
// session of the request. A session whose ticket does not open is listed too, without claims
// and properties, so that it can be revoked. An empty subject id is refused with
// [bff.ErrInvalidFilter].
func (s *Sessions) UserSessions(ctx context.Context, subjectID string) ([]Session, error) {
	filter := bff.UserSessionsFilter{SubjectID: subjectID}
	if err := filter.Validate(); err != nil {
		return nil, fmt.Errorf("serverside: listing sessions: %w", err)
	}
	rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, filter)
	if err != nil {
		return nil, fmt.Errorf("serverside: listing sessions: %w", err)
	}
	current := s.current(ctx)
	sessions := make([]Session, 0, len(rows))
	for _, row := range rows {
		opened, err := s.open(ctx, row)
		if opened == nil || err != nil {
			opened = &openedSession{row: row}
		}
		session := opened.session()
		session.Current = current != nil && current.row.Key == row.Key
		sessions = append(sessions, session)
	}
	return sessions, nil
}

// RevokeSessions ends the sessions that match the filter and returns the number of sessions
// that it removed itself. To end one of a user's sessions, set both the subject id and the
// session id. An empty filter is refused with [bff.ErrInvalidFilter].
//
// When the sessions have ended, their refresh tokens are revoked, best effort.
func (s *Sessions) RevokeSessions(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	return s.endMatching(ctx, filter, EndRevoked)
}

// BackchannelLogout is [Sessions.RevokeSessions] for package backchannel.
func (s *Sessions) BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	return s.endMatching(ctx, filter, EndBackchannel)
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
	rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, bff.UserSessionsFilter{SubjectID: current.row.SubjectID})
	if err != nil {
		return 0, fmt.Errorf("serverside: revoking the other sessions: %w", err)
	}
	var n int64
	var ended []bff.UserSession
	for _, row := range rows {
		if row.Key == current.row.Key {
			continue
		}
		var removed int64
		removed, err = s.cfg.Store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: row.Key})
		if err != nil {
			err = fmt.Errorf("serverside: revoking the other sessions: %w", err)
			break
		}
		n += removed
		ended = append(ended, row)
	}
	s.reportEnded(ctx, EndRevoked, n, current.row.SubjectID)
	s.revokeTokens(ctx, s.refreshTokens(ctx, ended))
	return n, err
}

// Issuer returns [Config.Issuer].
func (s *Sessions) Issuer() string { return s.cfg.Issuer }

// SubjectOfSession returns the user of the live session with the session id, for package
// backchannel. It reports false if there is no such session.
func (s *Sessions) SubjectOfSession(ctx context.Context, sessionID string) (subjectID string, found bool, err error) {
	rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, bff.UserSessionsFilter{SessionID: sessionID})
	if err != nil || len(rows) == 0 {
		return "", false, err
	}
	return rows[0].SubjectID, true, nil
}

// endMatching deletes the sessions that match the filter and revokes their refresh tokens.
func (s *Sessions) endMatching(ctx context.Context, filter bff.UserSessionsFilter, reason EndReason) (int64, error) {
	if err := filter.Validate(); err != nil {
		return 0, fmt.Errorf("serverside: revoking sessions: %w", err)
	}
	var tokens []string
	if s.cfg.Revoker != nil {
		rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, filter)
		if err != nil { // the sessions end all the same
			s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: refresh tokens to revoke could not be read", slog.Any("error", err))
		}
		tokens = s.refreshTokens(ctx, rows)
	}
	n, err := s.cfg.Store.DeleteUserSessions(ctx, s.cfg.Partition, filter)
	s.reportEnded(ctx, reason, n, filter.SubjectID)
	if err != nil {
		return n, fmt.Errorf("serverside: revoking sessions: %w", err)
	}
	s.signOutRequest(ctx, filter)
	s.revokeTokens(ctx, tokens)
	return n, nil
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
	s.cfg.Metrics.SessionEnded(ctx, reason, n)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: user sessions ended",
		slog.String("reason", string(reason)), slog.Int64("count", n), slog.String("subject_id", subjectID))
}
