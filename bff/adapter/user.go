package adapter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// EndSessions ends all sessions of a user and returns how many it has ended. A rotation that is
// under way does not continue an ended session. An empty subject id is refused with
// [bff.ErrInvalidFilter]. After an error some sessions may have ended, and the call can be
// repeated.
func (s *Sessions) EndSessions(ctx context.Context, subjectID string) (int64, error) {
	return s.end(ctx, bff.UserSessionsFilter{SubjectID: bff.SubjectIDOf(subjectID)})
}

// EndSession ends one session of a user, which [Session].SessionID names, as EndSessions does. It
// does not end another user's session.
func (s *Sessions) EndSession(ctx context.Context, subjectID, sessionID string) (int64, error) {
	if subjectID == "" || sessionID == "" {
		return 0, fmt.Errorf("adapter: ending a session: %w", bff.ErrInvalidFilter)
	}
	return s.end(ctx, bff.UserSessionsFilter{SubjectID: bff.SubjectIDOf(subjectID), SessionID: sessionID})
}

// requestTime is the assumed maximum time between the load and the save of a session in one
// request. The notes of ended sessions, which [Sessions.Create] needs, last that long.
const requestTime = time.Hour

// clockSkew is the assumed maximum difference between the clocks of two hosts.
const clockSkew = time.Minute

// end writes a note of the end, so that a rotation under way does not continue an ended session,
// and then deletes the sessions that match the filter.
func (s *Sessions) end(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	if err := filter.Validate(); err != nil {
		return 0, fmt.Errorf("adapter: ending sessions: %w", err)
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	now := s.now()
	if err := s.own.Write(ctx, filter, now, now.Add(requestTime)); err != nil {
		return 0, fmt.Errorf("adapter: ending sessions: %w", err)
	}
	n, err := s.cfg.Store.DeleteUserSessions(ctx, s.cfg.Partition, filter)
	if err != nil {
		return n, fmt.Errorf("adapter: ending sessions: %w", err)
	}
	return n, nil
}

// endedMeanwhile reports whether a row that was just written must not stay: a logout token has
// ended the sign-in, or the user's sessions have been ended since the former session was
// loaded. The logout notes are written before sessions are deleted, and read here after a
// session is written, so that one of the two sees the other.
func (s *Sessions) endedMeanwhile(ctx context.Context, row bff.UserSession, state State, former *Session) (bool, error) {
	if row.SubjectID == "" {
		return false, nil
	}
	signedIn := former == nil || former.SubjectID != row.SubjectID || former.SessionID != row.SessionID
	if signedIn && s.cfg.Issuer != "" && !state.IDTokenIssuedAt.IsZero() {
		if ended, err := s.provider.Ended(ctx, row.SubjectID, row.SessionID, state.IDTokenIssuedAt); ended || err != nil {
			return ended, err
		}
	}
	if ended, err := s.endedSince(ctx, row, former); ended || err != nil {
		return ended, err
	}
	for _, merged := range state.Merged {
		if ended, err := s.endedSince(ctx, row, merged); ended || err != nil {
			return ended, err
		}
	}
	return false, nil
}

// endedSince reports whether the sessions of a former session's user have been ended since the
// former session was loaded. It is false if the row is the former session's own.
func (s *Sessions) endedSince(ctx context.Context, row bff.UserSession, former *Session) (bool, error) {
	if former == nil || former.Anonymous() || former.key == row.Key {
		return false, nil
	}
	// The former session existed when it was read, so that a logout before that time did not
	// end it. The margin is for the clocks of other hosts, and for a read cache that may have
	// returned the session from memory.
	since := former.read.Add(-clockSkew - bff.MaxMaxStale)
	if former.Created.After(since) {
		since = former.Created
	}
	ids := [][2]string{{former.SubjectID, former.SessionID}, {row.SubjectID, row.SessionID}}
	for _, id := range slices.Compact(ids) {
		if ended, err := s.own.NotedSince(ctx, id[0], id[1], since); ended || err != nil {
			return ended, err
		}
		if s.cfg.Issuer == "" {
			continue
		}
		if ended, err := s.provider.NotedSince(ctx, id[0], id[1], since); ended || err != nil {
			return ended, err
		}
	}
	return false, nil
}

// UserSessions returns the live sessions of a user, oldest first: for a page "my sessions". A
// session whose payload does not open has a nil Payload, so that it can be ended. An empty
// subject id is refused with [bff.ErrInvalidFilter].
func (s *Sessions) UserSessions(ctx context.Context, subjectID string) ([]*Session, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	read := s.now()
	rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, bff.UserSessionsFilter{SubjectID: bff.SubjectIDOf(subjectID)})
	if err != nil {
		return nil, fmt.Errorf("adapter: listing sessions: %w", err)
	}
	sessions := make([]*Session, 0, len(rows))
	for _, row := range rows {
		session, err := s.open(row, read)
		switch {
		case errors.Is(err, ticket.ErrUnreadable):
			session = sessionOf(row, read)
		case err != nil:
			return nil, fmt.Errorf("adapter: listing sessions: %w", err)
		}
		sessions = append(sessions, session)
	}
	return sessions, nil
}

// ErrNotListable is the error of [Sessions.All] if the store is no [bff.UserSessionLister].
var ErrNotListable = errors.New("adapter: the store cannot list its sessions: it does not implement bff.UserSessionLister")

// All yields every live session of the partition, also the anonymous ones, except sessions whose
// payload does not open. It reads the sessions one by one and is meant for administration. It
// ends with the first error.
func (s *Sessions) All(ctx context.Context) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) {
		lister, ok := s.cfg.Store.(bff.UserSessionLister)
		if !ok {
			yield(nil, ErrNotListable)
			return
		}
		for row, err := range lister.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: s.cfg.Partition, OldestFirst: true}) {
			if err != nil {
				yield(nil, fmt.Errorf("adapter: listing sessions: %w", err))
				return
			}
			session, err := s.load(ctx, row.Key)
			if errors.Is(err, bff.ErrSessionNotFound) {
				continue // it has ended, or does not open
			}
			if !yield(session, err) || err != nil {
				return
			}
		}
	}
}
