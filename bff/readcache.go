package bff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// DefaultMaxStale is the default of [ReadCacheConfig.MaxStale].
	DefaultMaxStale = 2 * time.Second
	// MaxMaxStale is the largest [ReadCacheConfig.MaxStale].
	MaxMaxStale = time.Minute

	defaultReadCacheSize  = 10_000
	defaultReadCacheBytes = 64 << 20
)

// ReadCacheConfig configures [NewReadCache]. Zero values mean the defaults.
type ReadCacheConfig struct {
	// MaxStale is how long the cache answers with a session after it read the session from the
	// store, and so the longest time after which this host sees a write, a deletion or a
	// revocation of another host. The default is 2 seconds, the maximum a minute.
	MaxStale time.Duration

	// Size is the maximum number of sessions in memory. The default is 10,000.
	Size int

	// MaxBytes is the maximum size of the tickets of these sessions together. The default is
	// 64 MB.
	MaxBytes int64

	// Clock is the clock of the host. The default is [time.Now]. It should be the clock of
	// the store, so that a session expires at the same moment in both. The times of time.Now
	// have a monotonic reading. If a clock without one is set back, sessions may be answered
	// from memory longer than MaxStale, by as much as the clock was set back.
	Clock func() time.Time
}

// A ReadCache is a store that answers reads from memory for a short time. It implements the
// capabilities that the store below it implements, such as [UserSessionReplacer], and no others.
type ReadCache interface {
	UserSessionStore

	// Forget removes the sessions with the keys from memory, or all sessions if no key is
	// given. Call it after the commit of a transaction in which sessions were written past
	// the cache, as with WithTx of the GORM store.
	Forget(keys ...UserSessionKey)

	// Stats returns the counters since the cache was made.
	Stats() ReadCacheStats
}

// ReadCacheStats are the counters of a [ReadCache].
type ReadCacheStats struct {
	Hits     uint64 // reads answered from memory
	Misses   uint64 // reads that asked the store, also those of [WithFreshRead]
	Shared   uint64 // reads that waited for another read of the same session
	Sessions int    // sessions in memory
	Bytes    int64  // the size of their tickets
}

// NewReadCache returns a store that answers GetUserSession from memory if it has read the
// session less than MaxStale ago, and otherwise asks the store. Use one cache for all handlers of
// a process, also for the back-channel logout.
//
//   - A read sees every write, deletion and revocation through the cache whose call returned
//     before the read began, also if the call failed. The cache does not remember a read that was
//     under way during such a call.
//   - A read sees the writes, deletions and revocations of other hosts after MaxStale at the
//     latest. The same bound holds in two further cases: if the database completes a write after
//     its call has failed, because the context ended or the connection broke; and if a replacement
//     ends a session to which another host has given the session id, while the cache has the
//     session under its former session id.
//   - A session ends at its expiry exactly. The cache does not remember that a session does not
//     exist.
//   - Reads with a context of [WithFreshRead] ask the store. The packages of this module use such
//     reads before a token refresh, a change of claims and a sign-out, and in AccessToken and
//     Reload. Lists of sessions ask the store, too.
//   - Concurrent reads of one session ask the store once, except reads during a write that may
//     change the session.
//
// Do not use the cache if a session that was revoked on another host must not be served for
// another MaxStale. The cache is safe for concurrent use. The sessions that it returns belong to
// the caller. The cache holds their tickets, sealed as the store returned them, until newer
// sessions take their place.
//
// It returns an error if the store is nil or a value of the configuration is out of range.
func NewReadCache(store UserSessionStore, config ReadCacheConfig) (ReadCache, error) {
	if store == nil {
		return nil, errors.New("bff: NewReadCache: the store is nil")
	}
	if config.MaxStale < 0 || config.MaxStale > MaxMaxStale {
		return nil, fmt.Errorf("bff: ReadCacheConfig.MaxStale is %s, want at most %s", config.MaxStale, MaxMaxStale)
	}
	if config.Size < 0 || config.MaxBytes < 0 {
		return nil, errors.New("bff: ReadCacheConfig.Size and MaxBytes must not be negative")
	}
	if config.MaxStale == 0 {
		config.MaxStale = DefaultMaxStale
	}
	if config.Size == 0 {
		config.Size = defaultReadCacheSize
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = defaultReadCacheBytes
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	return withCapabilities(&readCache{store: store, config: config, memory: newReadMemory(config)}), nil
}

type freshRead struct{}

// WithFreshRead returns a context with which a [ReadCache] asks the store. The answer of the store
// replaces the session that the cache has in memory. Other stores ignore the context's value.
func WithFreshRead(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshRead{}, true)
}

// readCache implements the methods that every store has.
type readCache struct {
	store  UserSessionStore
	config ReadCacheConfig
	memory *readMemory
}

func (c *readCache) Forget(keys ...UserSessionKey) { c.memory.forget(keys) }

func (c *readCache) Stats() ReadCacheStats { return c.memory.stats() }

// GetUserSession returns a session from memory, waits for a read that is under way, or reads the
// session itself. With [WithFreshRead] it always reads.
func (c *readCache) GetUserSession(ctx context.Context, key UserSessionKey) (UserSession, error) {
	if err := ctx.Err(); err != nil {
		return UserSession{}, err
	}
	if ctx.Value(freshRead{}) != nil {
		return c.lead(ctx, key, c.memory.begin(key, c.config.Clock()))
	}
	for waited := false; ; waited = true {
		now := c.config.Clock()
		session, read, leads := c.memory.find(key, now)
		switch {
		case read == nil:
			session.Ticket = bytes.Clone(session.Ticket)
			return session, nil
		case leads:
			return c.lead(ctx, key, read)
		}
		select {
		case <-ctx.Done():
			return UserSession{}, ctx.Err()
		case <-read.done:
		}
		// Without an answer, because the context of the reading caller ended or because the
		// read began too early for this caller, try again. A read that this caller finds then
		// has begun after the caller came, and answers it.
		if read.complete && (waited || read.answersAt(now)) {
			session = read.session
			session.Ticket = bytes.Clone(session.Ticket)
			return session, read.err
		}
	}
}

// lead reads the session for this caller and for the callers that wait for the read.
func (c *readCache) lead(ctx context.Context, key UserSessionKey, read *underwayRead) (UserSession, error) {
	defer c.memory.finish(key, read) // also if the store panics
	session, err := c.store.GetUserSession(ctx, key)
	read.session, read.err = session, err
	read.complete = err == nil || ctx.Err() == nil
	session.Ticket = bytes.Clone(session.Ticket)
	return session, err
}

func (c *readCache) CreateUserSession(ctx context.Context, session UserSession) error {
	defer c.memory.write(affected{key: keyOfSession(session)})()
	return c.store.CreateUserSession(ctx, session)
}

func (c *readCache) UpdateUserSession(ctx context.Context, key UserSessionKey, update UserSessionUpdate) error {
	a := affected{key: key}
	if update.ReplaceRivals {
		a.sessionID = update.SessionID
	}
	defer c.memory.write(a)()
	return c.store.UpdateUserSession(ctx, key, update)
}

func (c *readCache) DeleteUserSession(ctx context.Context, key UserSessionKey) (int64, error) {
	defer c.memory.write(affected{key: key})()
	return c.store.DeleteUserSession(ctx, key)
}

func (c *readCache) GetUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) ([]UserSession, error) {
	return c.store.GetUserSessions(ctx, partitionKey, filter)
}

func (c *readCache) DeleteUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) (int64, error) {
	// All sessions of the partition are affected: another host may have given a session other
	// ids than it has in memory, so that the filter matches it.
	defer c.memory.write(affected{key: UserSessionKey{PartitionKey: partitionKey}, partition: true})()
	return c.store.DeleteUserSessions(ctx, partitionKey, filter)
}

func keyOfSession(session UserSession) UserSessionKey {
	return UserSessionKey{PartitionKey: session.PartitionKey, Key: session.Key}
}
