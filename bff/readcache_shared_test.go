package bff

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadCache_ExpiryDuringRead: a caller that comes after a session's expiry does not get the
// session from a read that began before it.
func TestReadCache_ExpiryDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		session := aliceSession("key")
		session.Expires = time.Now().Add(500 * time.Millisecond).UTC()
		mustCreate(t, store.InMemoryStore, session)
		store.after = func() { time.Sleep(time.Second) }
		var group sync.WaitGroup
		group.Go(func() { mustGet(t, cache, "key") })
		time.Sleep(500 * time.Millisecond)
		if _, err := cache.GetUserSession(t.Context(), UserSessionKey{"shop", "key"}); !errors.Is(err, ErrSessionNotFound) {
			t.Errorf("after the expiry: got %v, want ErrSessionNotFound", err)
		}
		group.Wait()
	})
}

// TestReadCache_CreatedDuringRead: a caller that comes after another host has created the session
// gets it, although a read is under way that has not found it.
func TestReadCache_CreatedDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		store.after = func() { time.Sleep(time.Second) }
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := cache.GetUserSession(t.Context(), UserSessionKey{"shop", "key"}); !errors.Is(err, ErrSessionNotFound) {
				t.Errorf("before the creation: %v", err)
			}
		})
		synctest.Wait()
		mustCreate(t, store.InMemoryStore, aliceSession("key"))
		for range 10 {
			group.Go(func() { mustGet(t, cache, "key") })
		}
		group.Wait()
		if n := store.reads.Load(); n != 2 {
			t.Errorf("%d reads of the store, want 2", n)
		}
	})
}

// TestReadCache_AbsentSession: callers that wait for a read which does not find the session ask
// the store once more, together.
func TestReadCache_AbsentSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		store.before = func(context.Context) { time.Sleep(time.Second) }
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if _, err := cache.GetUserSession(t.Context(), UserSessionKey{"shop", "key"}); !errors.Is(err, ErrSessionNotFound) {
					t.Errorf("got %v, want ErrSessionNotFound", err)
				}
			})
		}
		group.Wait()
		if n := store.reads.Load(); n != 2 {
			t.Errorf("%d reads of the store, want 2", n)
		}
	})
}

// TestReadCache_PanickingStore: a panic of the store ends the wait of the other callers, one of
// which then reads.
func TestReadCache_PanickingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store := newCached(t, ReadCacheConfig{})
		mustCreate(t, store.InMemoryStore, aliceSession("key"))
		store.before = func(context.Context) {
			time.Sleep(time.Second)
			if store.reads.Load() == 1 {
				panic("broken")
			}
		}
		var group sync.WaitGroup
		group.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not reach the reading caller")
				}
			}()
			mustGet(t, cache, "key")
		})
		synctest.Wait()
		for range 10 {
			group.Go(func() { mustGet(t, cache, "key") })
		}
		group.Wait()
		if n := store.reads.Load(); n != 2 {
			t.Errorf("%d reads of the store, want 2", n)
		}
	})
}
