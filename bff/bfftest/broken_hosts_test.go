package bfftest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// faultMaxStale is what the faulty caches promise.
const faultMaxStale = 2 * time.Second

// hostFaults are mistakes of a store that answers reads from memory.
func hostFaults() []fault {
	broken := func(name string, set func(*naiveCache)) fault {
		return fault{name: name, topics: []string{"hosts"}, hosts: func(clock func() time.Time, shared bff.UserSessionStore) bff.UserSessionStore {
			c := &naiveCache{InMemoryStore: shared.(*bff.InMemoryStore), clock: clock, rows: map[bff.UserSessionKey]naiveRow{}, maxStale: faultMaxStale}
			set(c)
			return c
		}}
	}
	return []fault{
		broken("a cache that is late", func(c *naiveCache) { c.maxStale++ }),
		broken("a cache that never ends", func(c *naiveCache) { c.maxStale = time.Hour / 2 }),
		broken("a cache that does not see its own update", func(c *naiveCache) { c.blindTo = "update" }),
		broken("a cache that does not see its own delete", func(c *naiveCache) { c.blindTo = "delete" }),
		broken("a cache that does not see its own revocation", func(c *naiveCache) { c.blindTo = "revocation" }),
		broken("a cache that does not see its own replacement", func(c *naiveCache) { c.blindTo = "replacement" }),
		broken("a cache that does not see a failed update", func(c *naiveCache) { c.blindTo = "failure" }),
		broken("a cache that remembers what is absent", func(c *naiveCache) { c.remembersAbsent = true }),
		broken("a cache that forgets the expiry", func(c *naiveCache) { c.forgetsExpiry = true }),
	}
}

// TestHosts_SoundCache runs the hosts' topic on the cache with which the faults are built.
func TestHosts_SoundCache(t *testing.T) {
	Run(t, Harness{
		New: func(_ *testing.T, clock func() time.Time) bff.UserSessionStore {
			return bff.NewInMemoryStore(bff.WithClock(clock))
		},
		MaxStale: faultMaxStale,
		Hosts: func(_ *testing.T, clock func() time.Time) (one, other bff.UserSessionStore) {
			shared := bff.NewInMemoryStore(bff.WithClock(clock))
			sound := func() *naiveCache {
				return &naiveCache{InMemoryStore: shared, clock: clock, rows: map[bff.UserSessionKey]naiveRow{}, maxStale: faultMaxStale}
			}
			return sound(), sound()
		},
	})
}

// naiveCache is a cache with a lock around everything.
type naiveCache struct {
	*bff.InMemoryStore
	clock    func() time.Time
	maxStale time.Duration

	blindTo         string
	remembersAbsent bool
	forgetsExpiry   bool

	mu   sync.Mutex
	rows map[bff.UserSessionKey]naiveRow
}

type naiveRow struct {
	session bff.UserSession
	err     error
	read    time.Time
}

func (c *naiveCache) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if row, ok := c.rows[key]; ok && now.Sub(row.read) < c.maxStale && (c.forgetsExpiry || row.session.Expires.IsZero() || now.Before(row.session.Expires)) {
		return row.session, row.err
	}
	session, err := c.InMemoryStore.GetUserSession(ctx, key)
	if err == nil || c.remembersAbsent && errors.Is(err, bff.ErrSessionNotFound) {
		c.rows[key] = naiveRow{session, err, now}
	}
	return session, err
}

// forget forgets everything, unless the cache is blind to the kind of write.
func (c *naiveCache) forget(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blindTo != kind {
		keep := map[bff.UserSessionKey]naiveRow{}
		for key, row := range c.rows {
			if row.err != nil {
				keep[key] = row
			}
		}
		c.rows = keep
	}
}

func (c *naiveCache) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	err := c.InMemoryStore.UpdateUserSession(ctx, key, update)
	if err != nil {
		c.forget("failure")
	} else {
		c.forget("update")
	}
	return err
}

func (c *naiveCache) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	defer c.forget("delete")
	return c.InMemoryStore.DeleteUserSession(ctx, key)
}

func (c *naiveCache) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	defer c.forget("delete")
	return c.InMemoryStore.DeleteUserSessionVersion(ctx, key, version)
}

func (c *naiveCache) DeleteUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
	defer c.forget("revocation")
	return c.InMemoryStore.DeleteUserSessions(ctx, partitionKey, filter)
}

func (c *naiveCache) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	defer c.forget("replacement")
	return c.InMemoryStore.ReplaceUserSession(ctx, session)
}
