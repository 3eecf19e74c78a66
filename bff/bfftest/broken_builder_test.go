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

// A brokenStore is a store whose operations are replaceable one by one. A [builder] starts
// with sound operations, and a fault replaces some of them.
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

// A builder holds the parts from which a fault builds its broken store.
type builder struct {
	store *brokenStore       // the store to break
	sound *bff.InMemoryStore // the store that keeps the sessions
	now   func() time.Time   // the clock of the test
	lag   atomic.Int64       // the nanoseconds by which the sound store's clock is late
	past  atomic.Int32       // the number of operations for which no session has expired

	mu         sync.Mutex
	partitions map[string]bool // every partition in which a session was created
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

// inThePast runs an operation that sees every session as live.
func (b *builder) inThePast(operation func()) {
	b.past.Add(1)
	defer b.past.Add(-1)
	operation()
}

// all returns the created sessions of all partitions, live and expired, without tickets.
func (b *builder) all() []bff.UserSession {
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
	for _, s := range b.all() {
		if !s.Expires.IsZero() && !s.Expires.After(b.now()) {
			expired = append(expired, s)
		}
	}
	return expired
}

// A gate holds goroutines up until enough of them have arrived. With it, a fault that
// depends on the order of operations fails every time.
type gate struct {
	inUse   bool // in the test that the gate is for
	missing atomic.Int32
	open    chan struct{}
}

// gateIn returns a gate for n goroutines in the test with the name, and an open gate in any
// other test.
func gateIn(t *testing.T, test string, n int32) *gate {
	g := &gate{open: make(chan struct{}), inUse: strings.HasSuffix(t.Name(), "/"+underscored(test))}
	g.missing.Store(n)
	if !g.inUse {
		g.missing.Store(0)
		close(g.open)
	}
	return g
}

// arrive counts one goroutine and opens the gate for the last one.
func (g *gate) arrive() {
	if g.missing.Add(-1) == 0 {
		close(g.open)
	}
}

// wait returns when the gate is open.
func (g *gate) wait() { <-g.open }
