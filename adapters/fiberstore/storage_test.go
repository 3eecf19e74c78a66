package fiberstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v3"

	"example.com/usersession/adapters/fiberstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

func set(t *testing.T, s *fiberstore.Storage, key string, val []byte, exp time.Duration) {
	t.Helper()
	if err := s.Set(key, val, exp); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t *testing.T, s *fiberstore.Storage, key string, want []byte) {
	t.Helper()
	got, err := s.Get(key)
	if err != nil || !bytes.Equal(got, want) || (want == nil) != (got == nil) {
		t.Errorf("Get = %d bytes, %v; want %d bytes", len(got), err, len(want))
	}
}

func TestNew_Refuses(t *testing.T) {
	for name, change := range map[string]func(*fiberstore.Config){
		"Store":        func(c *fiberstore.Config) { c.Store = nil },
		"Protector":    func(c *fiberstore.Config) { c.Protector = nil },
		"Identify":     func(c *fiberstore.Config) { c.Identify = nil },
		"StoreTimeout": func(c *fiberstore.Config) { c.StoreTimeout = -1 },
	} {
		cfg := fiberstore.Config{Store: bff.NewInMemoryStore(), Protector: ticket.InsecureRandomKeyRing(), Identify: identify}
		change(&cfg)
		if _, err := fiberstore.New(cfg); err == nil || (name == "Identify" && !strings.Contains(err.Error(), "Identify")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStorage_SetGetOverwriteDelete(t *testing.T) {
	s, db := newStorage(t)
	one, two := encoded(t, "n", "1"), encoded(t, "n", "2")
	wantValue(t, s, "john", nil)
	set(t, s, "john", one, 0)
	set(t, s, "john", one, 0)
	wantValue(t, s, "john", one)
	set(t, s, "john", two, 0)
	wantValue(t, s, "john", two)
	rows := db.rows(t)
	if len(rows) != 1 || rows[0].Key == "john" || !rows[0].Expires.IsZero() || rows[0].SubjectID != "" {
		t.Errorf("rows: %+v", rows)
	}
	for range 2 {
		if err := s.Delete("john"); err != nil {
			t.Error(err)
		}
		wantValue(t, s, "john", nil)
	}
	set(t, s, "john", one, 0)
	wantValue(t, s, "john", one)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantValue(t, s, "john", one)
}

func TestStorage_EmptyKeyOrValue(t *testing.T) {
	s, db := newStorage(t)
	set(t, s, "", encoded(t), 0)
	set(t, s, "john", nil, 0)
	set(t, s, "john", []byte{}, 0)
	wantValue(t, s, "", nil)
	if err := s.Delete(""); err != nil {
		t.Error(err)
	}
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
}

func TestStorage_Expiration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStorage(t)
		one := encoded(t, "n", "1")
		set(t, s, "short", one, time.Second)
		set(t, s, "long", one, 0)
		time.Sleep(time.Second - time.Millisecond)
		wantValue(t, s, "short", one)
		time.Sleep(time.Millisecond)
		wantValue(t, s, "short", nil)
		time.Sleep(1000 * time.Hour)
		wantValue(t, s, "long", one)
		set(t, s, "short", one, time.Second)
		wantValue(t, s, "short", one)
		if err := s.Set("short", one, -1); err == nil {
			t.Error("a negative expiration is accepted")
		}
	})
}

func TestStorage_NotASession(t *testing.T) {
	s, db := newStorage(t)
	for _, val := range []string{"doe", "\x80", "{}", string(encoded(t, "a", "b"))[:5]} {
		if err := s.Set("john", []byte(val), 0); err == nil || !strings.Contains(err.Error(), "sessions only") {
			t.Errorf("%q: %v", val, err)
		}
	}
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
}

func TestStorage_Reset(t *testing.T) {
	s, db := newStorage(t)
	for i := range 20 {
		set(t, s, fmt.Sprint(i), encoded(t, "sub", "alice"), 0)
	}
	set(t, s, "guest", encoded(t), 0)
	wantValue(t, s, "guest", encoded(t))
	err := db.CreateUserSession(t.Context(), bff.UserSession{PartitionKey: "other", Key: "k", Created: time.Now(), Renewed: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	if _, err := db.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "other", Key: "k"}); err != nil {
		t.Error("the other partition:", err)
	}
	set(t, s, "guest", encoded(t), 0)

	bare, _ := newStorage(t, func(c *fiberstore.Config) { c.Store = struct{ bff.UserSessionStore }{c.Store} })
	if err := bare.Reset(); !errors.Is(err, adapter.ErrNotListable) {
		t.Error(err)
	}
}

func TestStorage_CopiesWhatItIsGiven(t *testing.T) {
	s, _ := newStorage(t)
	one := encoded(t, "n", "1")
	val := bytes.Clone(one)
	set(t, s, "john", val, 0)
	clear(val)
	got, err := s.Get("john")
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	wantValue(t, s, "john", one)
}

func TestStorage_ContextAndDatabase(t *testing.T) {
	s, db := newStorage(t)
	one := encoded(t, "n", "1")
	set(t, s, "john", one, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := s.GetWithContext(ctx, "john"); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("Get: %v", err)
	}
	if err := s.SetWithContext(ctx, "jane", one, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Set: %v", err)
	}
	if err := s.DeleteWithContext(ctx, "john"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v", err)
	}
	wantValue(t, s, "john", one)
	db.down.Store(true)
	_, get := s.Get("john")
	for name, err := range map[string]error{"Get": get, "Set": s.Set("john", encoded(t), 0), "Delete": s.Delete("john")} {
		if !errors.Is(err, errDown) || !errors.Is(err, fiber.ErrServiceUnavailable) || strings.Contains(err.Error(), "john") {
			t.Errorf("%s: %v", name, err)
		}
	}
	db.down.Store(false)
	wantValue(t, s, "john", one)
}

func TestStorage_Concurrent(t *testing.T) {
	s, db := newStorage(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 20 {
				key := fmt.Sprint("own", i)
				if err := s.Set("shared", encoded(t, "n", fmt.Sprint(i, j)), 0); err != nil {
					t.Error(err)
				}
				if err := s.Set(key, encoded(t, "sub", "alice", "sid", key), time.Hour); err != nil {
					t.Error(err)
				}
				if _, err := s.Get("shared"); err != nil {
					t.Error(err)
				}
				if err := s.Delete(fmt.Sprint("none", j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if rows := db.rows(t); len(rows) != 9 {
		t.Errorf("%d rows", len(rows))
	}
}

// Without a fiber.Ctx the process remembers the keys.
func TestStorage_SetOfAKnownKeyOnlyUpdates(t *testing.T) {
	s, db := newStorage(t)
	alice := encoded(t, "sub", "alice", "sid", "s1")
	set(t, s, "k", alice, time.Hour)
	wantValue(t, s, "k", alice)
	if n, err := s.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	late := encoded(t, "sub", "alice", "sid", "s1", "late", "yes")
	for range 2 {
		if err := s.Set("k", late, time.Hour); !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("a late Set: %v", err)
		}
		wantValue(t, s, "k", nil)
		if err := s.Delete("k"); err != nil {
			t.Error(err)
		}
	}
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
	// The key of an anonymous session is known until a Get finds nothing.
	guest := encoded(t, "n", "1")
	set(t, s, "guest", guest, time.Hour)
	wantValue(t, s, "guest", guest)
	if _, err := db.DeleteUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: db.rows(t)[0].Key}); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("guest", guest, time.Hour); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("a late Set: %v", err)
	}
	wantValue(t, s, "guest", nil)
	set(t, s, "guest", guest, time.Hour)
}

func TestStorage_KnownKeysAreForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStorage(t)
		alice := encoded(t, "sub", "alice")
		set(t, s, "k", alice, 0)
		if n, err := s.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(59 * time.Minute)
		if err := s.Set("k", alice, 0); !errors.Is(err, adapter.ErrEnded) {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		set(t, s, "k", alice, 0)
	})
}

// Another host has signed the user out in place, after this process has read the session.
func TestStorage_SetOfAKnownKeyWithAnotherUser(t *testing.T) {
	keys := ticket.InsecureRandomKeyRing()
	s, db := newStorage(t, func(c *fiberstore.Config) { c.Protector = keys })
	other, _ := newStorage(t, func(c *fiberstore.Config) { c.Protector, c.Store = keys, db })
	alice, guest := encoded(t, "sub", "alice"), encoded(t, "n", "1")
	set(t, s, "k", alice, time.Hour)
	wantValue(t, s, "k", alice)
	set(t, other, "k", guest, time.Hour)
	if err := s.Set("k", encoded(t, "sub", "alice", "late", "yes"), time.Hour); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("a late Set: %v", err)
	}
	wantValue(t, s, "k", guest)
}
