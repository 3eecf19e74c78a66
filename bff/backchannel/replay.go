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

// A ReplayMemory remembers which logout tokens were used. It is safe for concurrent use.
//
// [Handler] asks it before it ends sessions, and tells it when they have ended: a token
// whose logout did not succeed is never noted, whatever fails. Nothing is taken back.
type ReplayMemory interface {
	// Used reports whether the token with that jti of that issuer is noted: from the
	// moment that Remember has returned, for all hosts that share the memory, until
	// the time that it was given.
	Used(ctx context.Context, issuer, tokenID string) (bool, error)
	// Remember notes the token until the given time, and reports whether it was not
	// noted yet. Of any number of concurrent calls for one token exactly one reports
	// true. After an error it may be noted or not.
	Remember(ctx context.Context, issuer, tokenID string, until time.Time) (first bool, err error)
}

// replayKey is a fixed-size name for a token id of any length.
func replayKey(issuer, tokenID string) string {
	data := binary.BigEndian.AppendUint64(nil, uint64(len(issuer)))
	sum := sha256.Sum256(append(append(data, issuer...), tokenID...))
	return hex.EncodeToString(sum[:])
}

// InMemoryReplay is a [ReplayMemory] for one host. A restart empties it: a token that was
// used just before is good once more, and finds its session gone.
type InMemoryReplay struct {
	clock func() time.Time
	mu    sync.Mutex
	until map[string]time.Time
	sweep int // how many entries there may be before expired ones are dropped
}

// firstSweep is when an InMemoryReplay is swept for the first time.
const firstSweep = 1024

// NewInMemoryReplay makes an empty memory. A nil clock means [time.Now].
func NewInMemoryReplay(clock func() time.Time) *InMemoryReplay {
	if clock == nil {
		clock = time.Now
	}
	return &InMemoryReplay{clock: clock, until: make(map[string]time.Time), sweep: firstSweep}
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

// Remember implements [ReplayMemory]. Only tokens with a valid signature come here, so
// that the provider decides how much there is to remember.
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
	if len(m.until) >= m.sweep {
		for k, end := range m.until {
			if !now.Before(end) {
				delete(m.until, k)
			}
		}
		m.sweep = max(firstSweep, 2*len(m.until))
	}
	m.until[key] = until
	return true, nil
}

// DefaultReplayPartition is where a [StoreReplayMemory] keeps its notes if it is not told.
const DefaultReplayPartition = "backchannel-replay"

// StoreReplayMemory is a [ReplayMemory] that all hosts of an application share through the
// database that they have already: each used token is a row in a partition of its own,
// without a ticket, which cleanup removes when the token is not good any more.
type StoreReplayMemory struct {
	// Store must not be nil. It must not read from a replica that lags behind.
	Store bff.UserSessionStore
	// Partition must be nobody else's. The default is [DefaultReplayPartition].
	Partition string
	// Clock is what time it is. Nil means [time.Now].
	Clock func() time.Time
}

// Used implements [ReplayMemory].
func (m StoreReplayMemory) Used(ctx context.Context, issuer, tokenID string) (bool, error) {
	_, err := m.Store.GetUserSession(ctx, m.key(issuer, tokenID))
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
		return false, fmt.Errorf("backchannel: noting a used token: %w", err)
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
