package bff

import (
	"context"
	"iter"
	"sync"
	"time"
)

// An InMemoryStore keeps user sessions in the memory of the process, for tests and
// first steps: they are gone when it ends, and other hosts do not see them.
//
// It does everything that a store can do: besides [UserSessionStore] it implements
// [UserSessionReplacer], [UserSessionLister] and [UserSessionStoreCleanup]. An expired
// session stays in memory until [InMemoryStore.DeleteExpiredSessions] removes it or a
// new session takes its place.
//
// An empty ticket comes back as nil.
type InMemoryStore struct {
	clock func() time.Time

	mu         sync.RWMutex
	partitions map[string]*inMemoryPartition
	lastID     int64
}

var (
	_ UserSessionStore        = (*InMemoryStore)(nil)
	_ UserSessionReplacer     = (*InMemoryStore)(nil)
	_ UserSessionLister       = (*InMemoryStore)(nil)
	_ UserSessionStoreCleanup = (*InMemoryStore)(nil)
)

// An InMemoryOption changes how an [InMemoryStore] works.
type InMemoryOption func(*InMemoryStore)

// WithClock makes the store read the time from clock instead of [time.Now], so that
// a test decides when sessions expire. The store may call it from several goroutines
// at once.
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
	return row.handOut(), nil
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
	inTheWay := s.partitions[session.PartitionKey].conflicting(session)
	for _, row := range inTheWay {
		if row.live(now) {
			return ErrSessionExists
		}
	}
	s.put(session, inTheWay)
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
	s.put(session, s.partitions[session.PartitionKey].conflicting(session))
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
	if holder := partition.withSessionID(update.SessionID); holder != nil && holder != row {
		if holder.live(now) {
			return ErrSessionExists
		}
		s.remove(holder)
	}
	partition.write(row, update)
	return nil
}

// DeleteUserSession implements [UserSessionStore].
func (s *InMemoryStore) DeleteUserSession(ctx context.Context, key UserSessionKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A key that no session can have is not there, and needs no look of its own.
	if row := s.partitions[key.PartitionKey].withKey(key.Key); row != nil {
		s.remove(row)
	}
	return nil
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
			sessions = append(sessions, row.handOut())
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

// DeleteExpiredSessions implements [UserSessionStoreCleanup]. It looks at every
// session, and the store waits meanwhile.
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

// UserSessions implements [UserSessionLister]. A session that is created while the
// listing runs is not in it.
func (s *InMemoryStore) UserSessions(ctx context.Context, query UserSessionsQuery) iter.Seq2[UserSession, error] {
	if query.PageSize < 1 {
		query.PageSize = DefaultPageSize
	}
	return func(yield func(UserSession, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(UserSession{}, err)
			return
		}
		// What the listing will visit is settled first; what each session holds,
		// and whether it is still there, is read a page at a time.
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

// now is the time in the precision that the store keeps, so that an expiry is
// compared with its like.
func (s *InMemoryStore) now() time.Time { return kept(s.clock()) }

// kept is the time as a store keeps it.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
