package bff

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/internal/wait"
)

// countingStore counts the reads of the store below it. before runs in each read, ahead of it,
// and after with its result.
type countingStore struct {
	*InMemoryStore
	reads  atomic.Int64
	before func(ctx context.Context)
	after  func()
}

func (s *countingStore) GetUserSession(ctx context.Context, key UserSessionKey) (UserSession, error) {
	s.reads.Add(1)
	if s.before != nil {
		s.before(ctx)
	}
	if err := ctx.Err(); err != nil {
		return UserSession{}, err
	}
	session, err := s.InMemoryStore.GetUserSession(ctx, key)
	if s.after != nil {
		s.after()
	}
	return session, err
}

func newCached(t *testing.T, config ReadCacheConfig) (ReadCache, *countingStore) {
	t.Helper()
	store := &countingStore{InMemoryStore: NewInMemoryStore()}
	cache, err := NewReadCache(store, config)
	if err != nil {
		t.Fatal(err)
	}
	return cache, store
}

func mustGet(t *testing.T, store UserSessionStore, key string) UserSession {
	t.Helper()
	got, err := store.GetUserSession(t.Context(), UserSessionKey{"shop", key})
	if err != nil {
		t.Fatalf("GetUserSession: %v", err)
	}
	return got
}

func TestReadCache_AnswersFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		mustCreate(t, store.InMemoryStore, aliceSession("key"))
		for range 5 {
			mustGet(t, cache, "key")
		}
		time.Sleep(DefaultMaxStale - 1)
		mustGet(t, cache, "key")
		if n := store.reads.Load(); n != 1 {
			t.Errorf("%d reads of the store, want 1", n)
		}
		time.Sleep(1 * time.Nanosecond)
		mustGet(t, cache, "key")
		if n := store.reads.Load(); n != 2 {
			t.Errorf("%d reads of the store after MaxStale, want 2", n)
		}
		if got, want := cache.Stats(), (ReadCacheStats{Hits: 5, Misses: 2, Sessions: 1}); got != want {
			t.Errorf("Stats: got %+v, want %+v", got, want)
		}
	})
}

// TestReadCache_WriteDuringRead lets each kind of write begin and end while a read is under way
// that has already seen the former row: the result of the read is not remembered.
func TestReadCache_WriteDuringRead(t *testing.T) {
	key := UserSessionKey{"shop", "key"}
	changed := UserSessionUpdate{SubjectID: "alice", SessionID: "sid-of-key", Created: start, Renewed: start, Ticket: []byte("new")}
	writes := map[string]func(ctx context.Context, cache ReadCache) error{
		"update": func(ctx context.Context, cache ReadCache) error { return cache.UpdateUserSession(ctx, key, changed) },
		"delete": func(ctx context.Context, cache ReadCache) error {
			_, err := cache.DeleteUserSession(ctx, key)
			return err
		},
		"delete version": func(ctx context.Context, cache ReadCache) error {
			_, err := cache.(UserSessionVersionDeleter).DeleteUserSessionVersion(ctx, key, 1)
			return err
		},
		"revoke": func(ctx context.Context, cache ReadCache) error {
			_, err := cache.DeleteUserSessions(ctx, "shop", UserSessionsFilter{SubjectID: "alice"})
			return err
		},
		"replace": func(ctx context.Context, cache ReadCache) error {
			session := aliceSession("other")
			session.SessionID = "sid-of-key"
			return cache.(UserSessionReplacer).ReplaceUserSession(ctx, session)
		},
		"replace rivals": func(ctx context.Context, cache ReadCache) error {
			update := changed
			update.ReplaceRivals = true
			return cache.UpdateUserSession(ctx, UserSessionKey{"shop", "rival"}, update)
		},
		"past the cache": func(ctx context.Context, cache ReadCache) error {
			store := underneath(cache)
			_, err := store.DeleteUserSession(ctx, key)
			cache.Forget(key)
			return err
		},
		"past the cache, all": func(ctx context.Context, cache ReadCache) error {
			store := underneath(cache)
			_, err := store.DeleteUserSession(ctx, key)
			cache.Forget()
			return err
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			cache, store := newCached(t, ReadCacheConfig{})
			mustCreate(t, store.InMemoryStore, aliceSession("key"), aliceSession("rival"))
			store.after = func() {
				store.after = nil
				if err := write(t.Context(), cache); err != nil {
					t.Error(err)
				}
			}
			mustGet(t, cache, "key") // may return the former row
			got, err := cache.GetUserSession(t.Context(), key)
			if err == nil && got.Version == 1 {
				t.Error("the row from before the write is in memory")
			}
		})
	}
}

// underneath returns the store below the cache.
func underneath(cache ReadCache) UserSessionStore {
	return cache.(interface{ below() UserSessionStore }).below()
}

func (c *readCache) below() UserSessionStore { return c.store }

// TestReadCache_ReadDuringWrite reads while the write has not ended in the database: the row is
// not remembered.
func TestReadCache_ReadDuringWrite(t *testing.T) {
	key := UserSessionKey{"shop", "key"}
	for name, ctx := range map[string]context.Context{"read": t.Context(), "fresh read": WithFreshRead(t.Context())} {
		t.Run(name, func(t *testing.T) {
			store := &slowWriter{InMemoryStore: NewInMemoryStore()}
			cache, err := NewReadCache(store, ReadCacheConfig{})
			if err != nil {
				t.Fatal(err)
			}
			mustCreate(t, store.InMemoryStore, aliceSession("key"))
			store.during = func() {
				// Another write begins and ends meanwhile.
				if err := cache.CreateUserSession(t.Context(), aliceSession("key")); !errors.Is(err, ErrSessionExists) {
					t.Error(err)
				}
				if _, err := cache.GetUserSession(ctx, key); err != nil {
					t.Error(err)
				}
			}
			if _, err := cache.DeleteUserSession(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if _, err := cache.GetUserSession(t.Context(), key); !errors.Is(err, ErrSessionNotFound) {
				t.Errorf("got %v, want ErrSessionNotFound", err)
			}
			mustCreate(t, store.InMemoryStore, aliceSession("key"))
			if _, err := cache.DeleteUserSessions(t.Context(), "shop", UserSessionsFilter{SubjectID: "alice"}); err != nil {
				t.Fatal(err)
			}
			if _, err := cache.GetUserSession(t.Context(), key); !errors.Is(err, ErrSessionNotFound) {
				t.Errorf("after the revocation: got %v, want ErrSessionNotFound", err)
			}
			if stats := cache.Stats(); stats.Sessions != 0 || stats.Bytes != 0 {
				t.Errorf("Stats: %+v", stats)
			}
			mustCreate(t, store.InMemoryStore, aliceSession("key"))
			mustGet(t, cache, "key")
			if stats := cache.Stats(); stats.Sessions != 1 {
				t.Errorf("a read after the writes is not remembered: %+v", stats)
			}
			if m := memoryOf(cache); len(m.reads)+len(m.writes) != 0 {
				t.Errorf("after them %d reads and %d writes are noted", len(m.reads), len(m.writes))
			}
		})
	}
}

type slowWriter struct {
	*InMemoryStore
	during func()
}

func (s *slowWriter) DeleteUserSession(ctx context.Context, key UserSessionKey) (int64, error) {
	s.during()
	return s.InMemoryStore.DeleteUserSession(ctx, key)
}

func (s *slowWriter) DeleteUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) (int64, error) {
	s.during()
	return s.InMemoryStore.DeleteUserSessions(ctx, partitionKey, filter)
}

func TestReadCache_FailedWriteForgets(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{})
	mustCreate(t, store.InMemoryStore, aliceSession("key"))
	key := UserSessionKey{"shop", "key"}
	mustGet(t, cache, "key")
	update := UserSessionUpdate{SubjectID: "alice", SessionID: "sid-of-key", Renewed: start}
	if err := store.UpdateUserSession(t.Context(), key, update); err != nil { // another host
		t.Fatal(err)
	}
	update.IfVersion = 1
	if err := cache.UpdateUserSession(t.Context(), key, update); !errors.Is(err, ErrSessionChanged) {
		t.Fatalf("got %v, want ErrSessionChanged", err)
	}
	if got := mustGet(t, cache, "key"); got.Version != 2 {
		t.Errorf("after ErrSessionChanged the version is %d, want 2", got.Version)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := cache.UpdateUserSession(ctx, key, update); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	reads := store.reads.Load()
	mustGet(t, cache, "key")
	if store.reads.Load() != reads+1 {
		t.Error("a cancelled write does not forget the session")
	}
}

// TestReadCache_CreateForgets: a session in memory that another host has deleted gives way to the
// one that this host creates with its key.
func TestReadCache_CreateForgets(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{})
	mustCreate(t, store.InMemoryStore, aliceSession("key"))
	mustGet(t, cache, "key")
	if _, err := store.DeleteUserSession(t.Context(), UserSessionKey{"shop", "key"}); err != nil { // another host
		t.Fatal(err)
	}
	session := aliceSession("key")
	session.SubjectID = "bob"
	if err := cache.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, cache, "key"); got.SubjectID != "bob" {
		t.Errorf("the session created is of %s, want bob", got.SubjectID)
	}
}

func TestReadCache_Forget(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{})
	mustCreate(t, store.InMemoryStore, aliceSession("key"), aliceSession("other"))
	mustGet(t, cache, "key")
	mustGet(t, cache, "other")
	if _, err := store.DeleteUserSessions(t.Context(), "shop", UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	key := UserSessionKey{"shop", "key"}
	cache.Forget(key)
	if _, err := cache.GetUserSession(t.Context(), key); !errors.Is(err, ErrSessionNotFound) {
		t.Errorf("after Forget: got %v, want ErrSessionNotFound", err)
	}
	mustGet(t, cache, "other") // not forgotten
}

func TestReadCache_FreshRead(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{})
	mustCreate(t, store.InMemoryStore, aliceSession("key"))
	key := UserSessionKey{"shop", "key"}
	mustGet(t, cache, "key")
	if _, err := store.DeleteUserSession(t.Context(), key); err != nil { // another host
		t.Fatal(err)
	}
	mustGet(t, cache, "key")
	if _, err := cache.GetUserSession(WithFreshRead(t.Context()), key); !errors.Is(err, ErrSessionNotFound) {
		t.Errorf("a fresh read: got %v, want ErrSessionNotFound", err)
	}
	if _, err := cache.GetUserSession(t.Context(), key); !errors.Is(err, ErrSessionNotFound) {
		t.Errorf("after a fresh read: got %v, want ErrSessionNotFound", err)
	}
}

// TestReadCache_FreshReadIsRemembered: a read that was under way before does not replace the session
// of a fresh read.
func TestReadCache_FreshReadIsRemembered(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{})
	mustCreate(t, store.InMemoryStore, aliceSession("key"))
	key := UserSessionKey{"shop", "key"}
	store.after = func() {
		store.after = nil
		update := UserSessionUpdate{SubjectID: "alice", SessionID: "sid-of-key", Renewed: start}
		if err := store.UpdateUserSession(t.Context(), key, update); err != nil { // another host
			t.Error(err)
		}
		if got, err := cache.GetUserSession(WithFreshRead(t.Context()), key); err != nil || got.Version != 2 {
			t.Errorf("a fresh read: version %d, %v", got.Version, err)
		}
	}
	mustGet(t, cache, "key")
	if got := mustGet(t, cache, "key"); got.Version != 2 || store.reads.Load() != 2 {
		t.Errorf("after the fresh read: version %d and %d reads of the store", got.Version, store.reads.Load())
	}
	if got, want := cache.Stats(), (ReadCacheStats{Hits: 1, Misses: 2, Sessions: 1}); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
}

// TestReadCache_OneReadForAll lets many callers read one session at once.
func TestReadCache_OneReadForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		mustCreate(t, store.InMemoryStore, aliceSession("key"))
		store.before = func(context.Context) { time.Sleep(time.Second) }
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { mustGet(t, cache, "key") })
		}
		group.Wait()
		if n := store.reads.Load(); n != 1 {
			t.Errorf("%d reads of the store, want 1", n)
		}
		if got, want := cache.Stats(), (ReadCacheStats{Misses: 1, Shared: 19, Sessions: 1}); got != want {
			t.Errorf("Stats: got %+v, want %+v", got, want)
		}
		// A read that takes longer than MaxStale is not shared with later callers.
		time.Sleep(DefaultMaxStale)
		store.before = func(context.Context) { time.Sleep(5 * time.Second) }
		group.Go(func() { mustGet(t, cache, "key") })
		time.Sleep(DefaultMaxStale)
		group.Go(func() { mustGet(t, cache, "key") })
		group.Wait()
		if n := store.reads.Load(); n != 3 {
			t.Errorf("%d reads of the store, want 3", n)
		}
	})
}

// TestReadCache_CancelledReader: the end of the reading caller's context is not an error of the
// callers that wait for the read, and the end of a waiting caller's context ends its wait.
func TestReadCache_CancelledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		mustCreate(t, store.InMemoryStore, aliceSession("key"))
		store.before = func(ctx context.Context) { _ = wait.For(ctx, 10*time.Second) }
		key := UserSessionKey{"shop", "key"}
		get := func(timeout time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := cache.GetUserSession(ctx, key)
			return err
		}
		var group sync.WaitGroup
		group.Go(func() {
			if err := get(time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the reading caller: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if err := get(time.Minute); err != nil {
				t.Errorf("a waiting caller: %v", err)
			}
		})
		group.Go(func() {
			begin := time.Now()
			if err := get(time.Second / 2); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second/2 {
				t.Errorf("a waiting caller whose context ends: %v", err)
			}
		})
		group.Wait()
	})
}

func TestReadCache_Bounds(t *testing.T) {
	for name, test := range map[string]struct {
		config   ReadCacheConfig
		sessions int
	}{
		"sessions":                     {ReadCacheConfig{Size: 10}, 10},
		"bytes":                        {ReadCacheConfig{MaxBytes: 1000}, 10},
		"a ticket":                     {ReadCacheConfig{MaxBytes: 99}, 0},
		"a ticket of exactly MaxBytes": {ReadCacheConfig{MaxBytes: 100}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cache, store := newCached(t, test.config)
			for i := range 100 {
				session := aliceSession(fmt.Sprint(i))
				session.Ticket = make([]byte, 100)
				mustCreate(t, store.InMemoryStore, session)
				mustGet(t, cache, session.Key)
			}
			if got := cache.Stats(); got.Sessions != test.sessions || got.Bytes != int64(100*test.sessions) {
				t.Errorf("Stats: got %+v, want %d sessions", got, test.sessions)
			}
			m := memoryOf(cache)
			if len(m.bySession) != test.sessions || m.queue.Len() != test.sessions || len(m.reads)+len(m.writes) != 0 {
				t.Errorf("%d session ids, %d in the queue, %d reads, %d writes", len(m.bySession), m.queue.Len(), len(m.reads), len(m.writes))
			}
			cache.Forget()
			if got := cache.Stats(); got.Sessions != 0 || got.Bytes != 0 || len(m.bySession) != 0 || m.queue.Len() != 0 {
				t.Errorf("after Forget: %+v, %d session ids, %d in the queue", got, len(m.bySession), m.queue.Len())
			}
		})
	}
}

func memoryOf(cache ReadCache) *readMemory {
	return cache.(interface{ itsMemory() *readMemory }).itsMemory()
}

func (c *readCache) itsMemory() *readMemory { return c.memory }

// TestReadCache_OldSessionsLeaveMemory: sessions older than MaxStale leave memory when another
// session is remembered.
func TestReadCache_OldSessionsLeaveMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		for i := range 10 {
			mustCreate(t, store.InMemoryStore, aliceSession(fmt.Sprint(i)))
			mustGet(t, cache, fmt.Sprint(i))
		}
		time.Sleep(DefaultMaxStale)
		mustGet(t, cache, "3")
		if n := cache.Stats().Sessions; n != 1 {
			t.Errorf("%d sessions in memory, want 1", n)
		}
	})
}

// TestReadCache_CallersOwnTickets changes what the cache returned and what the store returned.
func TestReadCache_CallersOwnTickets(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{})
	session := aliceSession("key")
	session.Ticket = []byte("ticket")
	mustCreate(t, store.InMemoryStore, session)
	for range 3 {
		got := mustGet(t, cache, "key")
		if string(got.Ticket) != "ticket" {
			t.Fatalf("the ticket is %q", got.Ticket)
		}
		clear(got.Ticket)
	}
	synctest.Test(t, func(t *testing.T) { // the callers of one read
		cache, store := newCached(t, ReadCacheConfig{})
		mustCreate(t, store.InMemoryStore, session)
		store.after = func() { time.Sleep(time.Second) }
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				got := mustGet(t, cache, "key")
				if string(got.Ticket) != "ticket" {
					t.Errorf("the ticket of a shared read is %q", got.Ticket)
				}
				clear(got.Ticket)
			})
		}
		group.Wait()
		if got := mustGet(t, cache, "key"); string(got.Ticket) != "ticket" {
			t.Errorf("after a shared read the ticket is %q", got.Ticket)
		}
	})
}

func TestReadCache_ClockSetBack(t *testing.T) {
	now := start
	cache, store := newCached(t, ReadCacheConfig{Clock: func() time.Time { return now }})
	mustCreate(t, store.InMemoryStore, aliceSession("key"))
	mustGet(t, cache, "key")
	now = now.Add(-time.Second)
	mustGet(t, cache, "key")
	if n := store.reads.Load(); n != 2 {
		t.Errorf("%d reads of the store, want 2", n)
	}
}

func TestNewReadCache_Refused(t *testing.T) {
	for name, config := range map[string]ReadCacheConfig{
		"negative MaxStale": {MaxStale: -1}, "long MaxStale": {MaxStale: time.Minute + 1}, "negative Size": {Size: -1}, "negative MaxBytes": {MaxBytes: -1},
	} {
		if _, err := NewReadCache(NewInMemoryStore(), config); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := NewReadCache(nil, ReadCacheConfig{}); err == nil {
		t.Error("a nil store was accepted")
	}
}

// TestReadCache_Capabilities wraps stores with each set of capabilities.
func TestReadCache_Capabilities(t *testing.T) {
	type core struct{ UserSessionStore }
	s := NewInMemoryStore()
	mustCreate(t, s, aliceSession("key"))
	for _, store := range []UserSessionStore{
		core{s},
		struct {
			core
			UserSessionReplacer
		}{core{s}, s},
		struct {
			core
			UserSessionVersionDeleter
		}{core{s}, s},
		struct {
			core
			UserSessionReplacer
			UserSessionVersionDeleter
		}{core{s}, s, s},
		struct {
			core
			UserSessionLister
		}{core{s}, s},
		struct {
			core
			UserSessionReplacer
			UserSessionLister
		}{core{s}, s, s},
		struct {
			core
			UserSessionVersionDeleter
			UserSessionLister
		}{core{s}, s, s},
		struct {
			core
			UserSessionReplacer
			UserSessionVersionDeleter
			UserSessionLister
		}{core{s}, s, s, s},
		struct {
			core
			UserSessionStoreCleanup
		}{core{s}, s},
		struct {
			core
			UserSessionReplacer
			UserSessionStoreCleanup
		}{core{s}, s, s},
		struct {
			core
			UserSessionVersionDeleter
			UserSessionStoreCleanup
		}{core{s}, s, s},
		struct {
			core
			UserSessionReplacer
			UserSessionVersionDeleter
			UserSessionStoreCleanup
		}{core{s}, s, s, s},
		struct {
			core
			UserSessionLister
			UserSessionStoreCleanup
		}{core{s}, s, s},
		struct {
			core
			UserSessionReplacer
			UserSessionLister
			UserSessionStoreCleanup
		}{core{s}, s, s, s},
		struct {
			core
			UserSessionVersionDeleter
			UserSessionLister
			UserSessionStoreCleanup
		}{core{s}, s, s, s},
		s,
	} {
		cache, err := NewReadCache(store, ReadCacheConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := capabilitiesOf(cache), capabilitiesOf(store); got != want {
			t.Errorf("the cache has the capabilities %v, its store %v", got, want)
		}
		mustGet(t, cache, "key")
	}
}

func capabilitiesOf(store UserSessionStore) (has [4]bool) {
	_, has[0] = store.(UserSessionReplacer)
	_, has[1] = store.(UserSessionVersionDeleter)
	_, has[2] = store.(UserSessionLister)
	_, has[3] = store.(UserSessionStoreCleanup)
	return has
}

// TestReadCache_OwnWritesInAnyOrder runs random operations of many goroutines. Each goroutine has
// sessions of its own, and after each of its writes reads what it wrote; others read them, too.
func TestReadCache_OwnWritesInAnyOrder(t *testing.T) {
	cache, store := newCached(t, ReadCacheConfig{Size: 20})
	store.before = func(context.Context) {
		if rand.IntN(4) == 0 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
	}
	store.after = store.beforeOnly
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() { ownWrites(t, cache, fmt.Sprint(i), 300) })
	}
	group.Wait()
}

func (s *countingStore) beforeOnly() { s.before(context.Background()) }

func ownWrites(t *testing.T, cache ReadCache, subject string, steps int) {
	ctx := t.Context()
	versions := map[string]int64{}
	for step := range steps {
		key := UserSessionKey{"shop", subject + "-" + fmt.Sprint(rand.IntN(3))}
		session := UserSession{PartitionKey: key.PartitionKey, Key: key.Key, SubjectID: subject, SessionID: "of-" + key.Key, Created: start, Renewed: start}
		var err error
		switch choice := rand.IntN(6); {
		case choice == 0:
			if _, err = cache.DeleteUserSessions(ctx, "shop", UserSessionsFilter{SubjectID: subject}); err == nil {
				clear(versions)
			}
		case choice == 1:
			if _, err = cache.DeleteUserSession(ctx, key); err == nil {
				delete(versions, key.Key)
			}
		case choice == 2 || versions[key.Key] == 0:
			if err = cache.(UserSessionReplacer).ReplaceUserSession(ctx, session); err == nil {
				versions[key.Key] = 1
			}
		default:
			update := UserSessionUpdate{SubjectID: subject, SessionID: session.SessionID, Renewed: start, IfVersion: versions[key.Key]}
			if err = cache.UpdateUserSession(ctx, key, update); err == nil {
				versions[key.Key]++
			}
		}
		if err != nil {
			t.Errorf("step %d: %v", step, err)
			return
		}
		for i := range 3 {
			name := subject + "-" + fmt.Sprint(i)
			got, err := cache.GetUserSession(ctx, UserSessionKey{"shop", name})
			if want := versions[name]; got.Version != want || (want == 0) != errors.Is(err, ErrSessionNotFound) {
				t.Errorf("step %d: the version of %s is %d (%v), want %d", step, name, got.Version, err, want)
				return
			}
		}
		// A session of another goroutine: any version will do.
		others := ctx
		if rand.IntN(2) == 0 {
			others = WithFreshRead(ctx)
		}
		_, _ = cache.GetUserSession(others, UserSessionKey{"shop", fmt.Sprint(rand.IntN(8)) + "-" + fmt.Sprint(rand.IntN(3))})
	}
}
