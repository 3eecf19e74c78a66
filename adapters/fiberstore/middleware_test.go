package fiberstore_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"

	"example.com/usersession/adapters/fiberstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

func TestMiddleware_SignInRegenerateDestroyReset(t *testing.T) {
	s, db := newStorage(t)
	b := newBrowser(t, session.Config{Storage: s})
	b.ok(func(_ fiber.Ctx, s *session.Middleware) error { s.Set("cart", "apples"); return nil })
	thief := b.other()
	b.signIn("alice", "s1")
	if b.cookie == thief.cookie {
		t.Error("the id has not changed")
	}
	b.has("sub", "alice")
	b.has("cart", "apples")
	if rows := db.rows(t); len(rows) != 1 || rows[0].SubjectID != "alice" || rows[0].SessionID != "s1" {
		t.Errorf("rows: %+v", rows)
	}
	thief.has("sub", nil)

	// Reset: a new anonymous session.
	before := b.cookie
	b.ok(func(_ fiber.Ctx, s *session.Middleware) error { return s.Reset() })
	b.has("sub", nil)
	if b.cookie == before {
		t.Error("the id has not changed")
	}
	b.signIn("alice", "s1")
	b.ok(func(_ fiber.Ctx, s *session.Middleware) error { return s.Destroy() })
	if list, err := s.UserSessions(t.Context(), "alice"); err != nil || len(list) != 0 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestMiddleware_LateRequests(t *testing.T) {
	end := func(t *testing.T, s *fiberstore.Storage) {
		t.Helper()
		if n, err := s.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
			t.Errorf("EndSessions = %d, %v", n, err)
		}
	}
	for name, test := range map[string]struct {
		status int
		handle func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error
	}{
		"save": {http.StatusUnauthorized, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			end(t, storage)
			s.Set("late", "yes")
			return nil
		}},
		"Regenerate": {http.StatusUnauthorized, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			end(t, storage)
			return s.Regenerate()
		}},
		"Regenerate twice": {http.StatusUnauthorized, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			end(t, storage)
			return errors.Join(s.Regenerate(), s.Regenerate())
		}},
		"during Regenerate": {http.StatusUnauthorized, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			err := s.Regenerate()
			if n, err := storage.EndSessions(t.Context(), "alice"); n != 0 || err != nil {
				t.Errorf("EndSessions = %d, %v", n, err)
			}
			return err
		}},
		"Destroy": {http.StatusOK, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			end(t, storage)
			return s.Destroy()
		}},
		"Reset": {http.StatusOK, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			end(t, storage)
			return s.Reset()
		}},
		"sign-in of another user": {http.StatusOK, func(t *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			end(t, storage)
			err := s.Regenerate()
			s.Set("sub", "bob")
			s.Set("sid", "s2")
			return err
		}},
		"after Reset of the storage": {http.StatusUnauthorized, func(_ *testing.T, storage *fiberstore.Storage, s *session.Middleware) error {
			s.Set("late", "yes")
			return storage.Reset()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, db := newStorage(t)
			b := newBrowser(t, session.Config{Storage: s})
			b.signIn("alice", "s1")
			status := b.request(func(_ fiber.Ctx, m *session.Middleware) error { return test.handle(t, s, m) })
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			for _, row := range db.rows(t) {
				if row.SubjectID == "alice" {
					t.Error("the session has come back")
				}
			}
			b.ok(func(_ fiber.Ctx, m *session.Middleware) error {
				if m.Get("sub") == "alice" || m.Get("late") != nil {
					t.Error("the browser is signed in")
				}
				return nil
			})
		})
	}
}

// Of two requests that regenerate a user's session, one goes on.
func TestMiddleware_TwoRegenerates(t *testing.T) {
	s, db := newStorage(t)
	b := newBrowser(t, session.Config{Storage: s})
	b.signIn("alice", "s1")
	status := b.request(func(_ fiber.Ctx, m *session.Middleware) error {
		inner := b.other()
		outer := *b.handle
		inner.ok(func(_ fiber.Ctx, m *session.Middleware) error { return m.Regenerate() })
		*b.handle = outer
		return m.Regenerate()
	})
	if rows := db.rows(t); status != http.StatusUnauthorized || len(rows) != 1 {
		t.Errorf("status %d, %d rows", status, len(rows))
	}
}

func TestMiddleware_IdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, db := newStorage(t)
		b := newBrowser(t, session.Config{Storage: s, IdleTimeout: time.Hour})
		b.signIn("alice", "s1")
		b.ok(func(_ fiber.Ctx, m *session.Middleware) error { // more values: the encoding differs
			for _, name := range []string{"a", "b", "c", "d"} {
				m.Set(name, name)
			}
			return nil
		})
		db.updates.Store(0)
		for range 29 {
			time.Sleep(time.Minute)
			b.has("sub", "alice")
		}
		if n := db.updates.Load(); n != 0 {
			t.Errorf("%d updates in the first half", n)
		}
		for range 60 {
			time.Sleep(time.Minute)
			b.has("sub", "alice")
		}
		if n := db.updates.Load(); n != 2 {
			t.Errorf("%d updates", n)
		}
		time.Sleep(time.Hour)
		b.has("sub", nil)
	})
}

func TestMiddleware_AbsoluteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, db := newStorage(t)
		b := newBrowser(t, session.Config{Storage: s, IdleTimeout: time.Hour, AbsoluteTimeout: 2 * time.Hour})
		b.signIn("alice", "s1")
		list, err := s.UserSessions(t.Context(), "alice")
		if err != nil || len(list) != 1 || list[0].Values["sub"] != "alice" || len(list[0].Values) != 3 {
			t.Errorf("%+v, %v", list, err)
		}
		for range 4 {
			time.Sleep(29 * time.Minute)
			b.has("sub", "alice")
		}
		before := b.cookie
		time.Sleep(10 * time.Minute)
		b.has("sub", nil)
		if rows := db.rows(t); len(rows) != 1 || rows[0].SubjectID != "" || b.cookie == before {
			t.Errorf("rows: %+v", rows)
		}
	})
}

func TestMiddleware_DatabaseDown(t *testing.T) {
	s, db := newStorage(t)
	b := newBrowser(t, session.Config{Storage: s})
	b.signIn("alice", "s1")
	before := b.cookie
	nothing := func(fiber.Ctx, *session.Middleware) error { return nil }
	db.down.Store(true)
	if status := b.request(nothing); status != http.StatusServiceUnavailable {
		t.Errorf("a load: status %d", status)
	}
	db.down.Store(false)
	status := b.request(func(_ fiber.Ctx, m *session.Middleware) error {
		db.down.Store(true)
		m.Set("late", "yes")
		return nil
	})
	if status != http.StatusServiceUnavailable {
		t.Errorf("a save: status %d", status)
	}
	status = b.request(func(_ fiber.Ctx, m *session.Middleware) error { return nil })
	db.down.Store(false)
	if status != http.StatusServiceUnavailable || b.cookie != before {
		t.Errorf("status %d", status)
	}
	status = b.request(func(_ fiber.Ctx, m *session.Middleware) error {
		db.down.Store(true)
		return m.Destroy()
	})
	db.down.Store(false)
	if status != http.StatusServiceUnavailable {
		t.Errorf("a sign-out: status %d", status)
	}
	b.cookie = before
	b.has("sub", "alice")
	b.has("late", nil)
}

func TestStore_GetByID(t *testing.T) {
	s, _ := newStorage(t)
	store := session.NewStore(session.Config{Storage: s})
	b := newBrowser(t, session.Config{Storage: s, Store: store})
	b.signIn("alice", "s1")
	get := func() *session.Session {
		t.Helper()
		sess, err := store.GetByID(t.Context(), b.cookie)
		if err != nil {
			t.Fatal(err)
		}
		return sess
	}
	sess := get()
	sess.Set("n", "1")
	if err := sess.Save(); err != nil {
		t.Fatal(err)
	}
	b.has("n", "1")
	first, second := get(), get()
	if err := first.Destroy(); err != nil {
		t.Fatal(err)
	}
	if err := second.Save(); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("a save after Destroy: %v", err)
	}
	if _, err := store.GetByID(t.Context(), b.cookie); !errors.Is(err, session.ErrSessionIDNotFoundInStore) {
		t.Error(err)
	}

	// Loaded with the request as the context, saved without it.
	b.signIn("alice", "s1")
	b.ok(func(c fiber.Ctx, m *session.Middleware) error {
		sess, err := store.GetByID(c, m.ID())
		if err != nil {
			return err
		}
		if _, err := s.EndSessions(c, "alice"); err != nil {
			return err
		}
		if err := sess.Save(); !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("a save after EndSessions: %v", err)
		}
		return m.Destroy()
	})
}

// After a change of password a request ends all sessions of its user, and stays signed in.
func TestEndSessions_AndStay(t *testing.T) {
	s, db := newStorage(t)
	b := newBrowser(t, session.Config{Storage: s})
	signIn := func(_ fiber.Ctx, m *session.Middleware) error { m.Set("sub", "alice"); return nil }
	b.ok(signIn)
	other := newBrowser(t, session.Config{Storage: s})
	other.ok(signIn)
	b.ok(func(c fiber.Ctx, m *session.Middleware) error {
		if n, err := s.EndSessions(c, "alice"); n != 2 || err != nil {
			t.Errorf("EndSessions: %d, %v", n, err)
		}
		if err := m.Regenerate(); err != nil {
			return err
		}
		m.Set("sub", "alice")
		return nil
	})
	if rows := db.rows(t); len(rows) != 1 || rows[0].SubjectID != "alice" {
		t.Errorf("rows: %+v", rows)
	}
}

// A handler that gets the session of a request from the session store, without the middleware.
func TestStore_GetDestroySave(t *testing.T) {
	s, db := newStorage(t)
	store := session.NewStore(session.Config{Storage: s})
	b := newBrowser(t, session.Config{Storage: s, Store: store, Next: func(fiber.Ctx) bool { return true }})
	with := func(f func(sess *session.Session) error) {
		t.Helper()
		b.ok(func(c fiber.Ctx, _ *session.Middleware) error {
			sess, err := store.Get(c)
			if err != nil {
				return err
			}
			return f(sess)
		})
	}
	with(func(sess *session.Session) error { sess.Set("sub", "alice"); return sess.Save() })
	if rows := db.rows(t); len(rows) != 1 || rows[0].SubjectID != "alice" {
		t.Errorf("rows: %+v", rows)
	}
	with(func(sess *session.Session) error { return errors.Join(sess.Destroy(), sess.Save()) })
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
	with(func(sess *session.Session) error { sess.Set("sub", "alice"); return sess.Save() })
	with(func(sess *session.Session) error {
		if err := sess.Destroy(); err != nil {
			return err
		}
		// A row under the same id would be one that a late request could save into.
		sess.Set("flash", "bye")
		if err := sess.Save(); !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("values after Destroy: %v", err)
		}
		return nil
	})
	if rows := db.rows(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
	// The stale copy of a user's session is refused in the same request, too.
	with(func(sess *session.Session) error { sess.Set("sub", "alice"); return sess.Save() })
	b.ok(func(c fiber.Ctx, _ *session.Middleware) error {
		stale, err := store.Get(c)
		if err != nil {
			return err
		}
		other := b.other()
		outer := *b.handle
		other.ok(func(c fiber.Ctx, _ *session.Middleware) error {
			sess, err := store.Get(c)
			if err != nil {
				return err
			}
			sess.Delete("sub")
			return sess.Save()
		})
		*b.handle = outer
		if _, err := store.Get(c); err != nil {
			return err
		}
		stale.Set("late", "yes")
		if err := stale.Save(); !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("a late save: %v", err)
		}
		return nil
	})
}

// fiber reuses the memory of keys and values.
func TestStorage_CopiesWhatARequestIsGiven(t *testing.T) {
	s, db := newStorage(t)
	b := newBrowser(t, session.Config{Storage: s, Next: func(fiber.Ctx) bool { return true }})
	b.ok(func(c fiber.Ctx, _ *session.Middleware) error {
		want := encoded(t, "n", "1")
		key, val := []byte("john"), bytes.Clone(want)
		if err := s.SetWithContext(c, "k", val, time.Hour); err != nil {
			return err
		}
		clear(val)
		if err := s.SetWithContext(c, "k", want, time.Hour); err != nil || db.updates.Load() != 0 {
			t.Errorf("a Set of the same value: %d updates, %v", db.updates.Load(), err)
		}
		if err := s.SetWithContext(c, unsafe.String(&key[0], len(key)), want, time.Hour); err != nil {
			return err
		}
		copy(key, "jane")
		for _, row := range db.rows(t) {
			if _, err := db.DeleteUserSession(c.Context(), bff.UserSessionKey{PartitionKey: "app", Key: row.Key}); err != nil {
				return err
			}
		}
		if err := s.SetWithContext(c, "john", encoded(t, "n", "2"), time.Hour); !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("a late Set: %v", err)
		}
		return nil
	})
}
