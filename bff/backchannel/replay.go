package backchannel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/usersession/bff"
)

// A ReplayMemory remembers which logout tokens were used. It must be safe for concurrent use.
//
// [Handler] calls Used before it ends sessions and Remember after they have ended, so that a
// token whose logout failed is not remembered. The token id is made of the jti and the aud: a
// provider may use one jti for the tokens that it sends to several clients, and the clients may
// share a memory.
type ReplayMemory interface {
	// Used reports whether the issuer's token with the id is remembered. From the
	// return of Remember until the time that Remember was given, Used reports true on
	// all hosts that share the memory.
	Used(ctx context.Context, issuer, tokenID string) (bool, error)
	// Remember stores the token until the given time and reports whether it was not
	// remembered before. Of any number of concurrent calls for one token exactly one
	// reports true. After an error the token may be remembered or not.
	Remember(ctx context.Context, issuer, tokenID string, until time.Time) (first bool, err error)
}

// replayKey returns a key of fixed length for an issuer and a token id of any length.
func replayKey(issuer, tokenID string) string {
	data := binary.BigEndian.AppendUint64(nil, uint64(len(issuer)))
	sum := sha256.Sum256(append(append(data, issuer...), tokenID...))
	return hex.EncodeToString(sum[:])
}

// InMemoryReplay is a [ReplayMemory] for one host. It is empty after a restart: a token that
// was used before the restart is then accepted once more. The sessions for which it was used
// have ended already; a token that names only the user also ends the user's new sessions.
type InMemoryReplay struct {
	clock func() time.Time
	mu    sync.Mutex
	until map[string]time.Time
	limit int // at this number of entries the expired entries are removed
}

// minReplayLimit is the lowest limit of an InMemoryReplay.
const minReplayLimit = 1024

// NewInMemoryReplay returns an empty memory. A nil clock means [time.Now].
func NewInMemoryReplay(clock func() time.Time) *InMemoryReplay {
	if clock == nil {
		clock = time.Now
	}
	return &InMemoryReplay{clock: clock, until: make(map[string]time.Time), limit: minReplayLimit}
}

// Used implements [ReplayMemory].
func (m *InMemoryReplay) Used(ctx context.Context, issuer, tokenID string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	now := m.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Before(m.until[replayKey(issuer, tokenID)]), nil
}

// Remember implements [ReplayMemory]. [Handler] calls it only for tokens with a valid
// signature, so that only the provider can make the memory grow.
func (m *InMemoryReplay) Remember(ctx context.Context, issuer, tokenID string, until time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	key, now := replayKey(issuer, tokenID), m.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Before(m.until[key]) {
		return false, nil
	}
	if len(m.until) >= m.limit {
		for k, end := range m.until {
			if !now.Before(end) {
				delete(m.until, k)
			}
		}
		m.limit = max(minReplayLimit, 2*len(m.until))
	}
	m.until[key] = until
	return true, nil
}

// DefaultReplayPartition is the default of [StoreReplayMemory.Partition].
const DefaultReplayPartition = "backchannel-replay"

// StoreReplayMemory is a [ReplayMemory] that all hosts of an application share through their
// session store. Each used token is a row without a ticket, in a partition for used tokens.
// The row expires, and cleanup removes it, when the token would be refused for its age.
type StoreReplayMemory struct {
	// Store must not be nil. It must not read from a replica that lags behind.
	Store bff.UserSessionStore
	// Partition must contain no other rows. The default is [DefaultReplayPartition].
	Partition string
	// Clock returns the current time. Nil means [time.Now].
	Clock func() time.Time
}

// Used implements [ReplayMemory].
func (m StoreReplayMemory) Used(ctx context.Context, issuer, tokenID string) (bool, error) {
	_, err := m.Store.GetUserSession(bff.WithFreshRead(ctx), m.key(issuer, tokenID))
	if errors.Is(err, bff.ErrSessionNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("backchannel: looking for a used token: %w", err)
	}
	return true, nil
}

// Remember implements [ReplayMemory].
func (m StoreReplayMemory) Remember(ctx context.Context, issuer, tokenID string, until time.Time) (bool, error) {
	now := time.Now
	if m.Clock != nil {
		now = m.Clock
	}
	key := m.key(issuer, tokenID)
	err := m.Store.CreateUserSession(ctx, bff.UserSession{
		PartitionKey: key.PartitionKey, Key: key.Key, SubjectID: "used logout token",
		Created: now(), Renewed: now(), Expires: until,
	})
	if errors.Is(err, bff.ErrSessionExists) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("backchannel: remembering a used token: %w", err)
	}
	return true, nil
}

func (m StoreReplayMemory) key(issuer, tokenID string) bff.UserSessionKey {
	partition := m.Partition
	if partition == "" {
		partition = DefaultReplayPartition
	}
	return bff.UserSessionKey{PartitionKey: partition, Key: replayKey(issuer, tokenID)}
}
