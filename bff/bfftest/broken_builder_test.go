package bfftest

import (
	"context"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// A brokenStore is a sound store of which single operations can be exchanged for
// faulty ones.
type brokenStore struct {
	get       func(context.Context, bff.UserSessionKey) (bff.UserSession, error)
	create    func(context.Context, bff.UserSession) error
	update    func(context.Context, bff.UserSessionKey, bff.UserSessionUpdate) error
	delete    func(context.Context, bff.UserSessionKey) (int64, error)
	list      func(context.Context, string, bff.UserSessionsFilter) ([]bff.UserSession, error)
	deleteAll func(context.Context, string, bff.UserSessionsFilter) (int64, error)
	replace   func(context.Context, bff.UserSession) error
	cleanUp   func(context.Context) (int64, error)

	deleteVersion func(context.Context, bff.UserSessionKey, int64) (int64, error)
	query         func(context.Context, bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error]
}

func (s *brokenStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	return s.get(ctx, key)
}

func (s *brokenStore) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	return s.create(ctx, session)
}

func (s *brokenStore) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	return s.update(ctx, key, update)
}

func (s *brokenStore) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	return s.delete(ctx, key)
}

func (s *brokenStore) GetUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
	return s.list(ctx, partitionKey, filter)
}

func (s *brokenStore) DeleteUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
	return s.deleteAll(ctx, partitionKey, filter)
}

func (s *brokenStore) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	return s.replace(ctx, session)
}

func (s *brokenStore) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	return s.deleteVersion(ctx, key, version)
}

func (s *brokenStore) DeleteExpiredSessions(ctx context.Context) (int64, error) {
	return s.cleanUp(ctx)
}

func (s *brokenStore) UserSessions(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
	return s.query(ctx, query)
}

// A builder is what a fault is made from.
type builder struct {
	store *brokenStore       // to be spoilt
	sound *bff.InMemoryStore // what lies under it
	now   func() time.Time   // the time of the test
	lag   atomic.Int64       // how far the sound store's clock is behind it
	past  atomic.Int32       // how many operations see the sound store as if no time had passed

	mu         sync.Mutex
	partitions map[string]bool // in which something was ever created
}

func newBuilder(now func() time.Time) *builder {
	b := &builder{now: now, partitions: map[string]bool{}}
	b.sound = bff.NewInMemoryStore(bff.WithClock(func() time.Time {
		if b.past.Load() > 0 {
			return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return now().Add(-time.Duration(b.lag.Load()))
	}))
	b.store = &brokenStore{
		get: b.sound.GetUserSession,
		create: func(ctx context.Context, s bff.UserSession) error {
			b.mu.Lock()
			b.partitions[strings.Clone(s.PartitionKey)] = true
			b.mu.Unlock()
			return b.sound.CreateUserSession(ctx, s)
		},
		update:    b.sound.UpdateUserSession,
		delete:    b.sound.DeleteUserSession,
		list:      b.sound.GetUserSessions,
		deleteAll: b.sound.DeleteUserSessions,
		replace:   b.sound.ReplaceUserSession,
		cleanUp:   b.sound.DeleteExpiredSessions,
		query:     b.sound.UserSessions,

		deleteVersion: b.sound.DeleteUserSessionVersion,
	}
	return b
}

// inThePast runs an operation for which nothing has expired yet.
func (b *builder) inThePast(operation func()) {
	b.past.Add(1)
	defer b.past.Add(-1)
	operation()
}

// everything returns the created sessions of all partitions, live and expired.
func (b *builder) everything() []bff.UserSession {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []bff.UserSession
	b.inThePast(func() {
		for partitionKey := range b.partitions {
			for s := range b.sound.UserSessions(context.Background(), bff.UserSessionsQuery{PartitionKey: partitionKey}) {
				all = append(all, s)
			}
		}
	})
	return all
}

func (b *builder) expired() []bff.UserSession {
	var expired []bff.UserSession
	for _, s := range b.everything() {
		if !s.Expires.IsZero() && !s.Expires.After(b.now()) {
			expired = append(expired, s)
		}
	}
	return expired
}

// A gate holds everybody up until enough have come. It makes a fault that needs an
// unlucky moment show every time.
type gate struct {
	inUse   bool // in the test that the gate is for
	missing atomic.Int32
	open    chan struct{}
}

// gateIn returns a gate for n in the test whose name ends like this, and one that is
// open in any other test.
func gateIn(t *testing.T, test string, n int32) *gate {
	g := &gate{open: make(chan struct{}), inUse: strings.HasSuffix(t.Name(), "/"+underscored(test))}
	g.missing.Store(n)
	if !g.inUse {
		g.missing.Store(0)
		close(g.open)
	}
	return g
}

// arrive counts somebody in.
func (g *gate) arrive() {
	if g.missing.Add(-1) == 0 {
		close(g.open)
	}
}

// wait returns when the gate is open.
func (g *gate) wait() { <-g.open }
