package adapter_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// A formerStore has one session of alice.
type formerStore struct {
	gone  atomic.Bool
	fails atomic.Bool // of Delete
	read  func()      // is called after a read, if it is set
}

func (f *formerStore) session() adapter.Former {
	return adapter.Former{
		Read: func(context.Context) (adapter.State, bool, error) {
			found := !f.gone.Load()
			if f.read != nil {
				f.read()
			}
			return state("alice", "s1", "former"), found, nil
		},
		Delete: func(context.Context) error {
			if f.fails.Load() {
				return errDown
			}
			f.gone.Store(true)
			return nil
		},
	}
}

func TestMove(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		former := &formerStore{}
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				session, err := s.Move(t.Context(), "secret", former.session())
				if err != nil || session.SubjectID != "alice" || string(session.Payload) != "former" {
					t.Errorf("%+v, %v", session, err)
				}
			})
		}
		group.Wait()
		if session := must[*adapter.Session](t)(s.Load(t.Context(), "secret")); session.SessionID != "s1" || !former.gone.Load() {
			t.Errorf("the session id is %q, and the former session has gone: %t", session.SessionID, former.gone.Load())
		}
		must[int64](t)(s.EndSessions(t.Context(), "alice"))
		for name, former := range map[string]*formerStore{"moved": former, "not moved": {}} {
			if _, err := s.Move(t.Context(), "secret", former.session()); !errors.Is(err, bff.ErrSessionNotFound) {
				t.Errorf("%s: a session of a user who was signed out: %v", name, err)
			}
		}
		if n := rows(t, store, ""); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// A request that has read the former store before another one has moved the session, and after
// that the session was ended, does not bring it back.
func TestMove_StaleRead(t *testing.T) {
	store := newSpy()
	s := newSessions(t, store, store)
	former := &formerStore{}
	former.read = func() {
		former.read = nil
		must[*adapter.Session](t)(s.Move(t.Context(), "secret", former.session()))
		must[bool](t)(s.Delete(t.Context(), "secret"))
	}
	if session, err := s.Move(t.Context(), "secret", former.session()); !errors.Is(err, bff.ErrSessionNotFound) {
		t.Errorf("%+v, %v", session, err)
	}
	gone(t, s, "secret")
}

// If the former store keeps its session, it is not moved: it would come back.
func TestMove_DeleteFails(t *testing.T) {
	store := newSpy()
	s := newSessions(t, store, store)
	former := &formerStore{}
	former.fails.Store(true)
	if _, err := s.Move(t.Context(), "secret", former.session()); !errors.Is(err, errDown) {
		t.Error(err)
	}
	gone(t, s, "secret")
	former.fails.Store(false)
	must[*adapter.Session](t)(s.Move(t.Context(), "secret", former.session()))
}
