package scsstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"example.com/usersession/bff"
	"example.com/usersession/bff/backchannel"
)

// hooked is a former store. Its calls with a context have hooks and errors.
type hooked struct {
	memory                 *memstore.MemStore
	finding                func() // before the read; nil: no hook
	found, deleting        func()
	findError, deleteError error
}

func newHooked() *hooked { return &hooked{memory: memstore.NewWithCleanupInterval(0)} }

var errFormer = errors.New("the former store is down")

func (h *hooked) Find(string) ([]byte, bool, error)      { panic("FindCtx is there") }
func (h *hooked) Delete(string) error                    { panic("DeleteCtx is there") }
func (h *hooked) Commit(string, []byte, time.Time) error { panic("nothing is written there") }
func (h *hooked) FindCtx(_ context.Context, token string) ([]byte, bool, error) {
	if h.findError != nil {
		return nil, false, h.findError
	}
	if hook := h.finding; hook != nil {
		h.finding = nil
		hook()
	}
	b, found, err := h.memory.Find(token)
	if hook := h.found; hook != nil && found {
		h.found = nil
		hook()
	}
	return b, found, err
}

func (h *hooked) DeleteCtx(_ context.Context, token string) error {
	if hook := h.deleting; hook != nil {
		h.deleting = nil
		hook()
	}
	if h.deleteError != nil || h.memory == nil {
		return h.deleteError
	}
	return h.memory.Delete(token)
}

// former signs a user in with a manager on the former store alone.
func former(t *testing.T, store scs.Store, hash bool, sub, sid string) (token string) {
	t.Helper()
	manager := scs.New()
	manager.Store, manager.HashTokenInStore = store, hash
	ctx, err := manager.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	manager.Put(ctx, "sub", sub)
	manager.Put(ctx, "sid", sid)
	manager.Put(ctx, "a", "1")
	if token, _, err = manager.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return token
}

func migrating(store scs.Store) func(*scs.SessionManager, *Config) {
	return func(_ *scs.SessionManager, cfg *Config) { cfg.Migrating = store }
}

func TestMigrating_Moves(t *testing.T) {
	for _, hash := range []bool{false, true} {
		memory, withContext := memstore.NewWithCleanupInterval(0), newHooked()
		for store, sessions := range map[scs.Store]*memstore.MemStore{memory: memory, withContext: withContext.memory} {
			token := former(t, sessions, hash, "alice", "s1")
			f := newFixture(t, migrating(store))
			f.HashTokenInStore = hash
			var deadline time.Time
			f.do(token, func(ctx context.Context) {
				deadline = f.Deadline(ctx)
				if f.GetString(ctx, "a") != "1" {
					t.Error("the session was not found")
				}
			})
			if left, _ := sessions.All(); len(left) != 0 {
				t.Error("the former store has the session still")
			}
			list := f.list()
			if len(list) != 1 || list[0].SubjectID != "alice" || list[0].SessionID != "s1" || !list[0].Expires.Equal(deadline.Truncate(time.Microsecond)) {
				t.Errorf("the rows: %+v, deadline %s", list, deadline)
			}
			f.do(token, func(ctx context.Context) { f.Put(ctx, "a", "2") })
			f.wantValue(token, "a", "2")
			f.endAll("alice")
			f.wantValue(token, "a", "")
			f.wantValue("x", "a", "")
			f.wantRows(0)
		}
	}
}

func TestMigrating_FormerStoreFails(t *testing.T) {
	store := newHooked()
	token := former(t, store.memory, false, "alice", "s1")
	f := newFixture(t, migrating(store))
	store.findError = errFormer
	if _, found, err := f.store.FindCtx(t.Context(), token); !errors.Is(err, errFormer) || found {
		t.Errorf("Find: %t, %v", found, err)
	}
	store.findError, store.deleteError = nil, errFormer
	if _, found, err := f.store.FindCtx(t.Context(), token); !errors.Is(err, errFormer) || found {
		t.Errorf("Delete: %t, %v", found, err)
	}
	f.wantRows(0)
	store.deleteError = nil
	f.wantValue(token, "sub", "alice")

	store.deleteError = errFormer
	if err := f.store.DeleteCtx(t.Context(), token); !errors.Is(err, errFormer) {
		t.Errorf("Destroy: %v", err)
	}
	f.wantValue(token, "sub", "alice")
}

func TestMigrating_LogoutBeforeTheMove(t *testing.T) {
	store := newHooked()
	alice, bob := former(t, store.memory, false, "alice", "s1"), former(t, store.memory, false, "bob", "")
	phone := former(t, store.memory, false, "alice", "")
	f := newFixture(t, migrating(store))
	f.endAll("alice")
	f.wantValue(alice, "sub", "")
	f.wantValue(phone, "sub", "")
	f.wantValue(bob, "sub", "bob")
	if left, _ := store.memory.All(); len(left) != 0 {
		t.Error("the former store has a session that was ended")
	}
}

func TestMigrating_BackchannelLogoutBeforeTheMove(t *testing.T) {
	store := newHooked()
	alice, bob := former(t, store.memory, false, "alice", "s1"), former(t, store.memory, false, "bob", "s2")
	f := newFixture(t, migrating(store), func(_ *scs.SessionManager, cfg *Config) { cfg.Issuer = "https://id.example" })
	logouts := backchannel.ForStore(f.rows, "app", "https://id.example")
	filter := bff.UserSessionsFilter{SessionID: "s1"}
	if err := logouts.RecordLogout(t.Context(), filter, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	f.wantValue(alice, "sub", "")
	f.wantValue(bob, "sub", "bob")
}

// The logout comes after the row was written without its session id.
func TestMigrating_LogoutDuringTheMove(t *testing.T) {
	for _, sid := range []string{"", "s1"} {
		store := newHooked()
		token := former(t, store.memory, false, "alice", sid)
		f := newFixture(t, migrating(store))
		store.found = func() {
			store.found = func() { // the second look
				if _, err := f.store.EndSession(t.Context(), "alice", "s1"); err != nil {
					t.Error(err)
				}
			}
		}
		want := "alice"
		if sid != "" {
			want = ""
		}
		f.wantValue(token, "sub", want)
		f.wantValue(token, "sub", want)
	}
}

func TestMigrating_StaleReadDoesNotBringBack(t *testing.T) {
	for _, sub := range []string{"", "alice"} {
		store := newHooked()
		sid := ""
		if sub != "" {
			sid = "s1"
		}
		token := former(t, store.memory, false, sub, sid)
		f := newFixture(t, migrating(store))
		store.found = func() { // another request moves the session and signs out
			f.wantValue(token, "a", "1")
			f.do(token, func(ctx context.Context) { _ = f.Destroy(ctx) })
		}
		f.wantValue(token, "a", "")
		f.wantRows(0)
	}
}

// Another request moves the session between the two lookups.
func TestMigrating_MovedMeanwhile(t *testing.T) {
	store := newHooked()
	token := former(t, store.memory, false, "alice", "s1")
	f := newFixture(t, migrating(store))
	store.finding = func() { f.wantValue(token, "a", "1") }
	f.wantValue(token, "a", "1")
	f.wantRows(1)
}

func TestMigrating_ConcurrentRequests(t *testing.T) {
	for _, sid := range []string{"", "s1"} {
		memory := memstore.NewWithCleanupInterval(0)
		f := newFixture(t, migrating(memory))
		for range 50 {
			token := former(t, memory, false, "alice", sid)
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() { f.wantValue(token, "a", "1") })
			}
			group.Wait()
			f.wantValue(token, "sub", "alice")
			f.do(token, func(ctx context.Context) { _ = f.Destroy(ctx) })
		}
		f.wantRows(0)
	}
}

func TestMigrating_DestroyDeletesInBoth(t *testing.T) {
	store := newHooked()
	f := newFixture(t, migrating(store))
	token := f.signIn("", "alice", "s1")
	if err := store.memory.Commit(token, []byte("a copy"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.do(token, func(ctx context.Context) { _ = f.Destroy(ctx) })
	if left, _ := store.memory.All(); len(left) != 0 {
		t.Error("the former store has the session still")
	}
}

func TestMigrating_UnusableSessions(t *testing.T) {
	store := newHooked()
	f := newFixture(t, migrating(store))
	expired, err := scs.GobCodec{}.Encode(time.Now().Add(-time.Second), map[string]any{"a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	for token, b := range map[string][]byte{"expired": expired, "foreign": []byte("no gob")} {
		if err := store.memory.Commit(token, b, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		f.wantValue(token, "a", "")
	}
	f.wantRows(0)
}
