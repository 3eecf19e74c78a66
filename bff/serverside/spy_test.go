package serverside

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// A spy is a store that counts its calls, and fails or runs a function where the test says so.
type spy struct {
	*bff.InMemoryStore
	mu     sync.Mutex
	fail   map[string]error // by operation
	before map[string]func()
	calls  map[string]int
}

var errDown = errors.New("the database is down")

func newSpy(now func() time.Time) *spy {
	return &spy{
		InMemoryStore: bff.NewInMemoryStore(bff.WithClock(now)),
		fail:          map[string]error{}, before: map[string]func(){}, calls: map[string]int{},
	}
}

// on runs f once, right before the next call of the operation.
func (s *spy) on(operation string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[operation] = f
}

// onNth runs f once, right before the nth next call of the operation.
func (s *spy) onNth(n int, operation string, f func()) {
	s.on(operation, func() {
		if n == 1 {
			f()
			return
		}
		s.onNth(n-1, operation, f)
	})
}

// failOnce makes the next call of the operation fail.
func (s *spy) failOnce(operation string) {
	s.on(operation, func() {
		s.breakDown(operation)
		s.on(operation, func() { s.breakDown() })
	})
}

func (s *spy) breakDown(operations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.fail)
	for _, o := range operations {
		s.fail[o] = errDown
	}
}

var allOperations = []string{"get", "create", "replace", "update", "delete", "list", "delete all"}

func (s *spy) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

func (s *spy) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}

func (s *spy) enter(operation string) error {
	s.mu.Lock()
	f := s.before[operation]
	delete(s.before, operation)
	s.calls[operation]++
	s.mu.Unlock()
	if f != nil {
		f()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail[operation]
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

func (s *spy) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
	if err := s.enter("update"); err != nil {
		return err
	}
	return s.InMemoryStore.UpdateUserSession(ctx, key, u)
}

func (s *spy) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if err := s.enter("delete"); err != nil {
		return 0, err
	}
	return s.InMemoryStore.DeleteUserSession(ctx, key)
}

func (s *spy) GetUserSessions(ctx context.Context, partition string, f bff.UserSessionsFilter) ([]bff.UserSession, error) {
	if err := s.enter("list"); err != nil {
		return nil, err
	}
	return s.InMemoryStore.GetUserSessions(ctx, partition, f)
}

func (s *spy) UserSessions(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
	if err := s.enter("list"); err != nil {
		return func(yield func(bff.UserSession, error) bool) { yield(bff.UserSession{}, err) }
	}
	return s.InMemoryStore.UserSessions(ctx, query)
}

func (s *spy) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if err := s.enter("delete"); err != nil {
		return 0, err
	}
	return s.InMemoryStore.DeleteUserSessionVersion(ctx, key, version)
}

func (s *spy) DeleteUserSessions(ctx context.Context, partition string, f bff.UserSessionsFilter) (int64, error) {
	if err := s.enter("delete all"); err != nil {
		return 0, err
	}
	return s.InMemoryStore.DeleteUserSessions(ctx, partition, f)
}

// rows returns a user's rows without counting or failing.
func (s *spy) rows(t testing.TB, subjectID string) []bff.UserSession {
	t.Helper()
	rows, err := s.InMemoryStore.GetUserSessions(context.Background(), "app", bff.UserSessionsFilter{SubjectID: subjectID})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// A slowStore takes 1.5 seconds to read a row, and notes when its context ends before that.
type slowStore struct {
	*transactionStore
	cutOff bool
}

func (s *slowStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if err := wait.For(ctx, 1500*time.Millisecond); err != nil {
		s.cutOff = true
		return bff.UserSession{}, err
	}
	return s.transactionStore.GetUserSession(ctx, key)
}
