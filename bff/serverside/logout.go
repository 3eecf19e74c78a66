package serverside

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
	"example.com/usersession/bff/ticket"
)

// ErrLoggedOut means that the identity provider has ended the user's session while the
// sign-in was under way.
var ErrLoggedOut = errors.New("the identity provider has ended the session")

// BackchannelLogout ends the sessions that match the filter, for package backchannel, and
// returns the number of sessions that it removed itself. Refresh tokens are revoked as by
// [Sessions.RevokeSessions].
//
// A filter with both ids also ends the user's sessions that have no session id of the
// provider: no logout token can name them.
func (s *Sessions) BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	storeCtx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	filter.SubjectID = bff.SubjectIDOf(filter.SubjectID)
	n, err := s.endMatching(ctx, storeCtx, filter, EndBackchannel)
	if err == nil && filter.SubjectID != "" && filter.SessionID != "" {
		var local int64
		local, err = s.endLocal(ctx, storeCtx, filter.SubjectID)
		n += local
	}
	if err != nil {
		err = fmt.Errorf("serverside: ending sessions: %w", err)
	}
	return n, err
}

// endLocal ends the user's sessions that have no session id of the provider, as part of a
// back-channel logout of the user. storeCtx bounds the calls of the store; ctx is the request's.
func (s *Sessions) endLocal(ctx, storeCtx context.Context, subjectID string) (int64, error) {
	var keys []string
	for key, err := range s.logoutNotes().LocalKeys(storeCtx, subjectID) {
		if err != nil {
			return 0, err
		}
		keys = append(keys, key)
	}
	n, tokens, err := s.endKeys(storeCtx, slices.Values(keys), EndBackchannel, subjectID)
	s.revokeLater(ctx, tokens)
	if opened := s.current(ctx); err == nil && opened != nil && slices.Contains(keys, opened.row.Key) {
		s.state(ctx).replace(opened.row.Key, nil)
	}
	return n, err
}

// RecordLogout records a logout for sign-ins that are under way, for package backchannel: a
// SignIn that matches the filter fails with [ErrLoggedOut] if its ID token was not issued
// after issuedAt, the iat of the logout token. The record lasts until the given time. It is a
// row in the partition "backchannel-logouts", which is reserved for such rows.
func (s *Sessions) RecordLogout(ctx context.Context, filter bff.UserSessionsFilter, issuedAt, until time.Time) error {
	filter.SubjectID = bff.SubjectIDOf(filter.SubjectID)
	err := filter.Validate()
	if err == nil {
		ctx, cancel := s.withStoreTimeout(ctx)
		defer cancel()
		err = s.logoutNotes().Write(ctx, filter, issuedAt, until)
	}
	if err != nil {
		return fmt.Errorf("serverside: recording a logout: %w", err)
	}
	return nil
}

func (s *Sessions) logoutNotes() logoutnote.Notes {
	return logoutnote.Notes{Store: s.cfg.Store, Partition: s.cfg.Partition, Issuer: s.cfg.Issuer}
}

// checkLogout returns [ErrLoggedOut] if a back-channel logout has been recorded that ends the
// sign-in. The sign-in must have written its row: a logout that comes later finds the row. Without
// an issuer there are no back-channel logouts, and without the iat of the ID token a logout cannot be
// compared with the sign-in.
func (s *Sessions) checkLogout(ctx context.Context, opened *openedSession) error {
	issuedAt := opened.ticket.IDTokenIssuedAt
	if s.cfg.Issuer == "" || issuedAt.IsZero() {
		return nil
	}
	ended, err := s.logoutNotes().Ended(ctx, opened.row.SubjectID, opened.row.SessionID, issuedAt)
	if err != nil {
		return err
	}
	if ended {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: a back-channel logout has ended a sign-in under way",
			slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID))
		return ErrLoggedOut
	}
	return nil
}

// idTokenIssuedAt returns the time at which the ticket's ID token was issued, or the zero
// time if that is unknown. The caller of SignIn has verified the ID token.
func idTokenIssuedAt(t ticket.Ticket) time.Time {
	if !t.IDTokenIssuedAt.IsZero() {
		return t.IDTokenIssuedAt.UTC()
	}
	parts := strings.Split(t.IDToken, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	var claims struct {
		IssuedAt float64 `json:"iat"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.IssuedAt < 1 || claims.IssuedAt > maxNumericDate {
		return time.Time{}
	}
	return time.Unix(int64(math.Floor(claims.IssuedAt)), 0).UTC()
}

// maxNumericDate is the end of the year 9999, in seconds.
const maxNumericDate = 253402300799
