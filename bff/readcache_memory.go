package bff

import (
	"container/list"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// readMemory holds the sessions of a [ReadCache], and the reads and writes that are under way.
type readMemory struct {
	maxStale time.Duration
	size     int
	maxBytes int64

	hits, misses, shared atomic.Uint64

	mu        sync.RWMutex
	sessions  map[UserSessionKey]*remembered
	bySession map[sessionName]UserSessionKey
	queue     *list.List // of *remembered, the oldest first
	bytes     int64
	// reads are the reads under way whose result may be remembered and shared. A write
	// removes the reads that it affects.
	reads map[UserSessionKey]*underwayRead
	// writes counts the writes under way for each key, and wide the writes that may affect
	// other keys. A read that begins during one is neither remembered nor shared.
	writes map[UserSessionKey]int
	wide   int
}

type sessionName struct{ partitionKey, sessionID string }

// remembered is a session in memory. It does not change.
type remembered struct {
	key     UserSessionKey
	session UserSession
	read    time.Time // when its read began
	place   *list.Element
}

// underwayRead is a read for which several callers may wait. done is closed after the other
// fields are set.
type underwayRead struct {
	began    time.Time
	done     chan struct{}
	session  UserSession
	err      error
	complete bool // false if the context of the reading caller ended
}

// answersAt reports whether the result of the read also answers a caller that came at now, after
// the read had begun. It is false if the session has expired in the meantime, or if the read did
// not find it, because another host may have created it in the meantime.
func (r *underwayRead) answersAt(now time.Time) bool {
	if r.err != nil {
		return !errors.Is(r.err, ErrSessionNotFound)
	}
	return !expired(r.session, now)
}

func newReadMemory(config ReadCacheConfig) *readMemory {
	return &readMemory{
		maxStale: config.MaxStale, size: config.Size, maxBytes: config.MaxBytes,
		sessions: map[UserSessionKey]*remembered{}, bySession: map[sessionName]UserSessionKey{}, queue: list.New(),
		reads: map[UserSessionKey]*underwayRead{}, writes: map[UserSessionKey]int{},
	}
}

// find returns the session in memory, or a read. If leads is true, the caller must do the read and
// finish it; otherwise it must wait for the read.
func (m *readMemory) find(key UserSessionKey, now time.Time) (session UserSession, read *underwayRead, leads bool) {
	m.mu.RLock()
	found, ok := m.usable(key, now)
	m.mu.RUnlock()
	if !ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		found, ok = m.usable(key, now) // another caller may have just read it
	}
	if ok {
		m.hits.Add(1)
		return found, nil, false
	}
	if read := m.reads[key]; read != nil && m.recent(read.began, now) {
		m.shared.Add(1)
		return UserSession{}, read, false
	}
	return UserSession{}, m.register(key, now), true
}

// begin forgets the session, and returns a read that the caller must do and finish. The read takes
// the place of a read that is under way.
func (m *readMemory) begin(key UserSessionKey, now time.Time) *underwayRead {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(key)
	return m.register(key, now)
}

// register returns a new read.
func (m *readMemory) register(key UserSessionKey, now time.Time) *underwayRead {
	m.misses.Add(1)
	read := &underwayRead{began: now, done: make(chan struct{})}
	if m.wide == 0 && m.writes[key] == 0 {
		m.reads[key] = read
	}
	return read
}

// usable returns the session in memory, if it may still be used.
func (m *readMemory) usable(key UserSessionKey, now time.Time) (UserSession, bool) {
	found := m.sessions[key]
	if found == nil || !m.recent(found.read, now) || expired(found.session, now) {
		return UserSession{}, false
	}
	return found.session, true
}

func expired(session UserSession, now time.Time) bool {
	return !session.Expires.IsZero() && !now.Before(session.Expires)
}

// recent reports whether the result of a read that began at the time read may still be used. It
// is false if the clock was set back.
func (m *readMemory) recent(read, now time.Time) bool {
	age := now.Sub(read)
	return age >= 0 && age < m.maxStale
}

// finish ends a read and remembers its session, unless a write has affected it.
func (m *readMemory) finish(key UserSessionKey, read *underwayRead) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(read.done)
	if m.reads[key] != read {
		return
	}
	delete(m.reads, key)
	if read.complete && read.err == nil {
		m.remember(key, read)
	}
}

// remember keeps the session of a read in memory. It drops the oldest sessions beyond the limits.
func (m *readMemory) remember(key UserSessionKey, read *underwayRead) {
	m.drop(key)
	size := int64(len(read.session.Ticket))
	if size > m.maxBytes {
		return
	}
	entry := &remembered{key: key, session: read.session, read: read.began}
	entry.place = m.queue.PushBack(entry)
	m.sessions[key] = entry
	m.bytes += size
	if id := read.session.SessionID; id != "" {
		m.bySession[sessionName{key.PartitionKey, id}] = key
	}
	for oldest := m.queue.Front(); oldest != entry.place; oldest = m.queue.Front() {
		first := oldest.Value.(*remembered)
		if len(m.sessions) <= m.size && m.bytes <= m.maxBytes && m.recent(first.read, read.began) {
			return
		}
		m.drop(first.key)
	}
}

// drop removes a session from memory.
func (m *readMemory) drop(key UserSessionKey) {
	entry := m.sessions[key]
	if entry == nil {
		return
	}
	delete(m.sessions, key)
	m.queue.Remove(entry.place)
	m.bytes -= int64(len(entry.session.Ticket))
	name := sessionName{key.PartitionKey, entry.session.SessionID}
	if m.bySession[name] == key {
		delete(m.bySession, name)
	}
}

// affected are the sessions that a write may change.
type affected struct {
	key       UserSessionKey
	sessionID string // of another session of the partition
	partition bool   // all sessions of the partition; key.Key is not used then
}

// write forgets the affected sessions, and the reads under way that may return them. Until the
// caller calls end, reads of these sessions are neither remembered nor shared, because they may see
// the values before the write. The caller calls end after the write, whether it succeeded or not.
func (m *readMemory) write(a affected) (end func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.partition {
		for key := range m.sessions {
			if key.PartitionKey == a.key.PartitionKey {
				m.drop(key)
			}
		}
	} else {
		m.drop(a.key)
		delete(m.reads, a.key)
		m.writes[a.key]++
	}
	if key, ok := m.bySession[sessionName{a.key.PartitionKey, a.sessionID}]; ok {
		m.drop(key)
	}
	wide := a.partition || a.sessionID != ""
	if wide {
		clear(m.reads)
		m.wide++
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if wide {
			m.wide--
		}
		if a.partition {
			return
		}
		if m.writes[a.key]--; m.writes[a.key] == 0 {
			delete(m.writes, a.key)
		}
	}
}

// forget removes the sessions with the keys, or all sessions.
func (m *readMemory) forget(keys []UserSessionKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		m.drop(key)
		delete(m.reads, key)
	}
	if len(keys) == 0 {
		clear(m.sessions)
		clear(m.bySession)
		m.queue.Init()
		m.bytes = 0
		clear(m.reads)
	}
}

func (m *readMemory) stats() ReadCacheStats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return ReadCacheStats{
		Hits: m.hits.Load(), Misses: m.misses.Load(), Shared: m.shared.Load(),
		Sessions: len(m.sessions), Bytes: m.bytes,
	}
}
