package adapter_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

const issuer = "https://id.example"

var start = time.Date(2026, time.June, 15, 10, 20, 30, 0, time.UTC)

// A spy is a store that counts its calls, and fails or runs a function where the test says so.
type spy struct {
	*bff.InMemoryStore
	mu     sync.Mutex
	now    time.Time
	fail   map[string]bool
	before map[string]func()
	calls  map[string]int
}

var errDown = errors.New("the database is down")

func newSpy() *spy {
	s := &spy{now: start, fail: map[string]bool{}, before: map[string]func(){}, calls: map[string]int{}}
	s.InMemoryStore = bff.NewInMemoryStore(bff.WithClock(s.clock))
	return s
}

func (s *spy) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *spy) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *spy) enter(operation string) error {
	s.mu.Lock()
	s.calls[operation]++
	f := s.before[operation]
	delete(s.before, operation)
	s.mu.Unlock()
	if f != nil {
		f()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail[operation] {
		return errDown
	}
	return nil
}

// on runs f once, right before the next call of the operation.
func (s *spy) on(operation string, f func()) { s.before[operation] = f }

func (s *spy) writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls["create"] + s.calls["replace"] + s.calls["update"] + s.calls["delete"] + s.calls["delete all"]
}

func (s *spy) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if err := s.enter("get"); err != nil {
		return bff.UserSession{}, err
	}
	return s.InMemoryStore.GetUserSession(ctx, key)
}

func (s *spy) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	if err := s.enter("create"); err != nil {
		return err
	}
	return s.InMemoryStore.CreateUserSession(ctx, session)
}

func (s *spy) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	if err := s.enter("replace"); err != nil {
		return err
	}
	return s.InMemoryStore.ReplaceUserSession(ctx, session)
}

func (s *spy) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if err := s.enter("update"); err != nil {
		return err
	}
	return s.InMemoryStore.UpdateUserSession(ctx, key, update)
}

func (s *spy) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if err := s.enter("delete"); err != nil {
		return 0, err
	}
	return s.InMemoryStore.DeleteUserSession(ctx, key)
}

func (s *spy) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if err := s.enter("delete"); err != nil {
		return 0, err
	}
	return s.InMemoryStore.DeleteUserSessionVersion(ctx, key, version)
}

func (s *spy) DeleteUserSessions(ctx context.Context, partition string, filter bff.UserSessionsFilter) (int64, error) {
	if err := s.enter("delete all"); err != nil {
		return 0, err
	}
	return s.InMemoryStore.DeleteUserSessions(ctx, partition, filter)
}

// six is a store without capabilities.
type six struct{ bff.UserSessionStore }

// forEveryStore runs a test with a store that has every capability, and with one that has none.
func forEveryStore(t *testing.T, test func(t *testing.T, s *adapter.Sessions, store *spy)) {
	t.Helper()
	t.Run("all capabilities", func(t *testing.T) {
		store := newSpy()
		test(t, newSessions(t, store, store), store)
	})
	t.Run("no capabilities", func(t *testing.T) {
		store := newSpy()
		test(t, newSessions(t, six{store}, store), store)
	})
}

func newSessions(t *testing.T, store bff.UserSessionStore, clock *spy) *adapter.Sessions {
	t.Helper()
	s, err := adapter.New(adapter.Config{
		Store: store, Partition: "app", Protector: ticket.InsecureRandomKeyRing(), Issuer: issuer, Clock: clock.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func state(sub, sid, payload string) adapter.State {
	return adapter.State{
		Identity: adapter.Identity{SubjectID: sub, SessionID: sid},
		Payload:  []byte(payload), Expires: start.Add(time.Hour),
	}
}

// create makes a session with the secret.
func create(t *testing.T, s *adapter.Sessions, secret string, st adapter.State) *adapter.Session {
	t.Helper()
	return must[*adapter.Session](t)(s.Create(t.Context(), secret, st, nil))
}

// gone fails if a session with the secret is there.
func gone(t *testing.T, s *adapter.Sessions, secret string) {
	t.Helper()
	if session, err := s.Load(t.Context(), secret); !errors.Is(err, bff.ErrSessionNotFound) {
		t.Errorf("the session %s is there: %+v, %v", secret, session, err)
	}
}

// rows returns the number of live rows of the user, or all rows of the partition for "".
func rows(t *testing.T, store *spy, sub string) (n int) {
	t.Helper()
	for _, err := range store.UserSessions(t.Context(), bff.UserSessionsQuery{PartitionKey: "app", SubjectID: sub}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
