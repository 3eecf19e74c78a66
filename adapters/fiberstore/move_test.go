package fiberstore_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"

	"example.com/usersession/adapters/fiberstore"
)

// A former storage is a map.
type former struct {
	mu     sync.Mutex
	values map[string][]byte
	reads  atomic.Int64
	failed error            // of a delete
	after  func(key string) // a read
}

func newFormer() *former { return &former{values: map[string][]byte{}} }

func (f *former) migrating(c *fiberstore.Config) { c.Migrating = f }

func (f *former) GetWithContext(_ context.Context, key string) ([]byte, error) {
	f.reads.Add(1)
	f.mu.Lock()
	val := f.values[key]
	after := f.after
	f.mu.Unlock()
	if after != nil {
		after(key)
	}
	return val, nil
}

func (f *former) SetWithContext(_ context.Context, key string, val []byte, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[key] = val
	return nil
}

func (f *former) DeleteWithContext(_ context.Context, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	delete(f.values, key)
	return nil
}

func (f *former) ResetWithContext(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.values)
	return nil
}

func (f *former) Get(key string) ([]byte, error) { return f.GetWithContext(context.Background(), key) }
func (f *former) Set(key string, val []byte, exp time.Duration) error {
	return f.SetWithContext(context.Background(), key, val, exp)
}
func (f *former) Delete(key string) error { return f.DeleteWithContext(context.Background(), key) }
func (f *former) Reset() error            { return f.ResetWithContext(context.Background()) }
func (f *former) Close() error            { return errors.New("the former storage is the application's") }

var _ fiber.Storage = (*former)(nil)

func (f *former) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.values)
}

func TestMigrating_MovesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFormer()
		old := newBrowser(t, session.Config{Storage: f})
		old.signIn("alice", "s1")

		s, db := newStorage(t, f.migrating)
		b := newBrowser(t, session.Config{Storage: s, IdleTimeout: 24 * time.Hour})
		b.cookie = old.cookie
		b.has("sub", "alice")
		if rows := db.rows(t); len(rows) != 1 || rows[0].SessionID != "s1" || f.len() != 0 || b.cookie != old.cookie {
			t.Errorf("rows: %+v, %d in the former storage", rows, f.len())
		}
		reads := f.reads.Load()
		time.Sleep(23 * time.Hour)
		b.has("sub", "alice")
		if f.reads.Load() != reads {
			t.Error("the former storage was read again")
		}
		if n, err := s.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
			t.Error(n, err)
		}
		b.has("sub", nil)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrating_RemainingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFormer()
		alice := encoded(t, "sub", "alice")
		_ = f.Set("k", alice, 0)
		s, _ := newStorage(t, f.migrating)
		wantValue(t, s, "k", alice)
		time.Sleep(30*time.Minute - time.Second)
		wantValue(t, s, "k", alice)
		time.Sleep(time.Second)
		wantValue(t, s, "k", nil)
	})
}

func TestMigrating_DeleteFails(t *testing.T) {
	f := newFormer()
	alice := encoded(t, "sub", "alice", "sid", "s1")
	_ = f.Set("k", alice, 0)
	s, db := newStorage(t, f.migrating)
	f.failed = errDown
	if val, err := s.Get("k"); !errors.Is(err, errDown) || val != nil {
		t.Errorf("Get: %v", err)
	}
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
	f.failed = nil
	wantValue(t, s, "k", alice)
}

func TestMigrating_LogoutBeforeTheMove(t *testing.T) {
	f := newFormer()
	_ = f.Set("k", encoded(t, "sub", "alice", "sid", "s1"), 0)
	s, db := newStorage(t, f.migrating)
	if n, err := s.EndSessions(t.Context(), "alice"); n != 0 || err != nil {
		t.Error(n, err)
	}
	wantValue(t, s, "k", nil)
	if rows := db.rows(t); len(rows) != 0 || f.len() != 0 {
		t.Errorf("rows: %+v, %d in the former storage", rows, f.len())
	}
}

// A request that has read the former storage does not bring back what another one has moved
// and ended.
func TestMigrating_StaleReadDoesNotBringBack(t *testing.T) {
	for name, end := range map[string]func(s *fiberstore.Storage) error{
		"EndSessions": func(s *fiberstore.Storage) error {
			_, err := s.EndSessions(t.Context(), "alice")
			return err
		},
		"Delete": func(s *fiberstore.Storage) error { return s.Delete("k") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFormer()
			alice := encoded(t, "sub", "alice", "sid", "s1")
			_ = f.Set("k", alice, 0)
			s, db := newStorage(t, f.migrating)
			f.after = func(string) {
				f.mu.Lock()
				f.after = nil
				f.mu.Unlock()
				wantValue(t, s, "k", alice)
				if err := end(s); err != nil {
					t.Error(err)
				}
			}
			wantValue(t, s, "k", nil)
			if rows := db.rows(t); len(rows) != 0 {
				t.Errorf("rows: %+v", rows)
			}
		})
	}
}

func TestMigrating_ConcurrentRequests(t *testing.T) {
	for range 20 {
		f := newFormer()
		alice := encoded(t, "sub", "alice", "sid", "s1")
		_ = f.Set("k", alice, 0)
		s, db := newStorage(t, f.migrating)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { wantValue(t, s, "k", alice) })
		}
		group.Wait()
		if rows := db.rows(t); len(rows) != 1 || f.len() != 0 {
			t.Fatalf("rows: %+v, %d in the former storage", rows, f.len())
		}
	}
}

func TestMigrating_DeleteAndReset(t *testing.T) {
	f := newFormer()
	_ = f.Set("k", encoded(t, "sub", "alice"), 0)
	_ = f.Set("j", encoded(t, "sub", "alice"), 0)
	s, _ := newStorage(t, f.migrating)
	if err := s.Delete("k"); err != nil || f.len() != 1 {
		t.Error(err, f.len())
	}
	if err := s.Reset(); err != nil || f.len() != 0 {
		t.Error(err, f.len())
	}
	_ = f.Set("cache", []byte("no session"), 0)
	if val, err := s.Get("cache"); err == nil || val != nil || f.len() != 1 {
		t.Errorf("a value that is no session: %v", err)
	}
}
