package bff

import (
	"context"
	"iter"
	"sync"
	"time"
)

// An InMemoryStore keeps user sessions in the memory of the process, for tests and
// first steps. The sessions end with the process, and other hosts do not see them.
//
// It has every capability: besides [UserSessionStore] it implements
// [UserSessionReplacer], [UserSessionVersionDeleter], [UserSessionLister] and
// [UserSessionStoreCleanup]. An expired session stays in memory until
// [InMemoryStore.DeleteExpiredSessions] removes it or a new session takes its place.
//
// An empty ticket is read as nil.
type InMemoryStore struct {
	clock func() time.Time

	mu         sync.RWMutex
	partitions map[string]*inMemoryPartition
	lastID     int64
}

var (
	_ UserSessionStore          = (*InMemoryStore)(nil)
	_ UserSessionReplacer       = (*InMemoryStore)(nil)
	_ UserSessionVersionDeleter = (*InMemoryStore)(nil)
	_ UserSessionLister         = (*InMemoryStore)(nil)
	_ UserSessionStoreCleanup   = (*InMemoryStore)(nil)
)

// An InMemoryOption changes how an [InMemoryStore] works.
type InMemoryOption func(*InMemoryStore)

// WithClock makes the store read the time from clock instead of [time.Now], so that a
// test decides when sessions expire. The clock must be safe for concurrent use.
func WithClock(clock func() time.Time) InMemoryOption {
	return func(s *InMemoryStore) { s.clock = clock }
}

// NewInMemoryStore returns an empty store that is safe for concurrent use. It starts
// no goroutine and needs no closing.
func NewInMemoryStore(opts ...InMemoryOption) *InMemoryStore {
	s := &InMemoryStore{clock: time.Now, partitions: map[string]*inMemoryPartition{}}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// GetUserSession implements [UserSessionStore].
func (s *InMemoryStore) GetUserSession(ctx context.Context, key UserSessionKey) (UserSession, error) {
	if err := ctx.Err(); err != nil {
		return UserSession{}, err
	}
	if key.Validate() != nil {
		return UserSession{}, ErrSessionNotFound
	}
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	row := s.partitions[key.PartitionKey].withKey(key.Key)
	if row == nil || !row.live(now) {
		return UserSession{}, ErrSessionNotFound
	}
	return row.copy(), nil
}

// CreateUserSession implements [UserSessionStore].
func (s *InMemoryStore) CreateUserSession(ctx context.Context, session UserSession) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := session.Validate(); err != nil {
		return err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	conflicts := s.partitions[session.PartitionKey].conflicting(session)
	for _, row := range conflicts {
		if row.live(now) {
			return ErrSessionExists
		}
	}
	s.replaceRows(conflicts, session)
	return nil
}

// ReplaceUserSession implements [UserSessionReplacer].
func (s *InMemoryStore) ReplaceUserSession(ctx context.Context, session UserSession) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := session.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaceRows(s.partitions[session.PartitionKey].conflicting(session), session)
	return nil
}

// UpdateUserSession implements [UserSessionStore].
func (s *InMemoryStore) UpdateUserSession(ctx context.Context, key UserSessionKey, update UserSessionUpdate) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := key.Validate(); err != nil {
		return err
	}
	if err := update.Validate(); err != nil {
		return err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	partition := s.partitions[key.PartitionKey]
	row := partition.withKey(key.Key)
	if row == nil || !row.live(now) {
		return ErrSessionNotFound
	}
	if update.IfVersion != 0 && update.IfVersion != row.session.Version {
		return ErrSessionChanged
	}
	if rival := partition.withSessionID(update.SessionID); rival != nil && rival != row {
		if rival.live(now) && !update.ReplaceRivals {
			return ErrSessionExists
		}
		s.remove(rival)
	}
	partition.write(row, update)
	return nil
}

// DeleteUserSession implements [UserSessionStore].
func (s *InMemoryStore) DeleteUserSession(ctx context.Context, key UserSessionKey) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// No row has an invalid key, so the key needs no validation.
	row := s.partitions[key.PartitionKey].withKey(key.Key)
	if row == nil {
		return 0, nil
	}
	s.remove(row)
	return 1, nil
}

// DeleteUserSessionVersion implements [UserSessionVersionDeleter].
func (s *InMemoryStore) DeleteUserSessionVersion(ctx context.Context, key UserSessionKey, version int64) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.partitions[key.PartitionKey].withKey(key.Key)
	if row == nil || row.session.Version != version {
		return 0, nil
	}
	s.remove(row)
	return 1, nil
}

// GetUserSessions implements [UserSessionStore].
func (s *InMemoryStore) GetUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) ([]UserSession, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := filter.Validate(); err != nil {
		return nil, err
	}
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var sessions []UserSession
	for _, row := range oldestFirst(s.partitions[partitionKey].matching(filter)) {
		if row.live(now) {
			sessions = append(sessions, row.copy())
		}
	}
	return sessions, nil
}

// DeleteUserSessions implements [UserSessionStore].
func (s *InMemoryStore) DeleteUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := filter.Validate(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.partitions[partitionKey].matching(filter)
	for _, row := range rows {
		s.remove(row)
	}
	return int64(len(rows)), nil
}

// DeleteExpiredSessions implements [UserSessionStoreCleanup]. It visits every session
// and holds the store's lock meanwhile.
func (s *InMemoryStore) DeleteExpiredSessions(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var removed int64
	for _, partition := range s.partitions {
		for _, row := range partition.keys {
			if !row.live(now) {
				s.remove(row)
				removed++
			}
		}
	}
	return removed, nil
}

// UserSessions implements [UserSessionLister]. The listing does not include sessions that
// are created while it runs.
func (s *InMemoryStore) UserSessions(ctx context.Context, query UserSessionsQuery) iter.Seq2[UserSession, error] {
	if query.PageSize < 1 {
		query.PageSize = DefaultPageSize
	}
	return func(yield func(UserSession, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(UserSession{}, err)
			return
		}
		// The listing collects its rows first. It reads the values of the rows, and
		// whether they still exist, one page at a time.
		for rows := s.rowsToList(query); len(rows) > 0; {
			size := min(query.PageSize, len(rows))
			page := s.readPage(query, rows[:size])
			rows = rows[size:]
			for _, session := range page {
				if err := ctx.Err(); err != nil {
					yield(UserSession{}, err)
					return
				}
				if !yield(session, nil) {
					return
				}
			}
		}
	}
}

// now returns the time in the precision of a stored expiry, so that the two can be compared.
func (s *InMemoryStore) now() time.Time { return stored(s.clock()) }

// stored returns the time as a store keeps it.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
