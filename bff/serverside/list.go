package serverside

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"example.com/usersession/bff"
)

// UserSessions returns the live sessions of a user, oldest first. Current is set in the
// session of the request. A session whose ticket does not open is listed too, without claims
// and properties, so that it can be revoked. An empty subject id is refused with
// [bff.ErrInvalidFilter]. It opens one ticket at a time and, if the store is a
// [bff.UserSessionLister], reads a bounded number of tickets at a time.
func (s *Sessions) UserSessions(ctx context.Context, subjectID string) ([]Session, error) {
	filter := bff.UserSessionsFilter{SubjectID: bff.SubjectIDOf(subjectID)}
	if err := filter.Validate(); err != nil {
		return nil, fmt.Errorf("serverside: listing sessions: %w", err)
	}
	ctx, cancel := s.withStoreTimeout(ctx)
	defer cancel()
	current := s.current(ctx)
	sessions := []Session{}
	for row, err := range s.rowsOf(ctx, filter) {
		if err != nil {
			return nil, fmt.Errorf("serverside: listing sessions: %w", err)
		}
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

// rowsOf yields the live sessions of a user with their tickets, oldest first. It reads them with
// one statement if they fit into a page of the lister, and otherwise one by one.
func (s *Sessions) rowsOf(ctx context.Context, filter bff.UserSessionsFilter) iter.Seq2[bff.UserSession, error] {
	return func(yield func(bff.UserSession, error) bool) {
		var keys []string
		for key, err := range s.keysOf(ctx, filter.SubjectID) {
			if err != nil {
				yield(bff.UserSession{}, err)
				return
			}
			keys = append(keys, key)
		}
		if _, ok := s.cfg.Store.(bff.UserSessionLister); !ok || len(keys) <= bff.DefaultPageSize {
			rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, filter)
			if err != nil {
				yield(bff.UserSession{}, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			return
		}
		for _, key := range keys {
			row, err := s.cfg.Store.GetUserSession(bff.WithFreshRead(ctx), s.rowKey(key))
			if errors.Is(err, bff.ErrSessionNotFound) {
				continue // it has ended in the meantime
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// keysOf yields the keys of a user's live sessions, oldest first.
func (s *Sessions) keysOf(ctx context.Context, subjectID string) iter.Seq2[string, error] {
	return s.keysMatching(ctx, bff.UserSessionsFilter{SubjectID: subjectID})
}

// keysMatching yields the keys of the live sessions that match the filter, oldest first.
func (s *Sessions) keysMatching(ctx context.Context, filter bff.UserSessionsFilter) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for row, err := range s.rowsWithoutTickets(ctx, filter) {
			if !yield(row.Key, err) {
				return
			}
		}
	}
}

// rowsWithoutTickets yields the live sessions that match the filter, oldest first. It reads
// their tickets only if the store has no lister, or if the filter names a session id, which
// at most one session has.
func (s *Sessions) rowsWithoutTickets(ctx context.Context, filter bff.UserSessionsFilter) iter.Seq2[bff.UserSession, error] {
	if lister, ok := s.cfg.Store.(bff.UserSessionLister); ok && filter.SessionID == "" {
		return lister.UserSessions(ctx, bff.UserSessionsQuery{
			PartitionKey: s.cfg.Partition, SubjectID: filter.SubjectID, OldestFirst: true,
		})
	}
	return func(yield func(bff.UserSession, error) bool) {
		rows, err := s.cfg.Store.GetUserSessions(ctx, s.cfg.Partition, filter)
		if err != nil {
			yield(bff.UserSession{}, err)
			return
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (s *Sessions) rowKey(key string) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: s.cfg.Partition, Key: key}
}
