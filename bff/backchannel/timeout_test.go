package backchannel

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

// A hangingStore is a database that has vanished without a reset: the operations of a logout
// hang until their context ends.
type hangingStore struct{ bff.UserSessionStore }

func (hangingStore) GetUserSession(ctx context.Context, _ bff.UserSessionKey) (bff.UserSession, error) {
	<-ctx.Done()
	return bff.UserSession{}, ctx.Err()
}

func (hangingStore) CreateUserSession(ctx context.Context, _ bff.UserSession) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hangingStore) GetUserSessions(ctx context.Context, _ string, _ bff.UserSessionsFilter) ([]bff.UserSession, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hangingStore) DeleteUserSessions(ctx context.Context, _ string, _ bff.UserSessionsFilter) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestHandler_StoreHangs: a logout whose store hangs is answered within StoreTimeout, although
// the request has no deadline, and may be repeated.
func TestHandler_StoreHangs(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"sessions": func(c *Config) { c.Sessions = ForStore(hangingStore{}, "app", issuer) },
		"sessions, all of a user": func(c *Config) {
			c.Sessions, c.BackchannelLogoutAllUserSessions = ForStore(hangingStore{}, "app", issuer), true
		},
		"replay memory":         func(c *Config) { c.Replay = StoreReplayMemory{Store: hangingStore{}, Clock: clock} },
		"replay memory's write": func(c *Config) { c.Replay = hangingWrite{NewInMemoryReplay(clock)} },
		"both, one after the other": func(c *Config) {
			c.Replay, c.Sessions = slowReplay{NewInMemoryReplay(clock)}, ForStore(hangingStore{}, "app", issuer)
		},
	} {
		for _, timeout := range []time.Duration{0, 2 * time.Second} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHandler(t, &sessions{}, change, func(c *Config) { c.StoreTimeout = timeout })
					want := timeout
					if want == 0 {
						want = DefaultStoreTimeout
					}
					begin := time.Now()
					if w := post(t, h, token(t, map[string]any{"sub": nil})); w.Code != http.StatusBadRequest {
						t.Errorf("status %d", w.Code)
					}
					if took := time.Since(begin); took != want {
						t.Errorf("answered after %v, want %v", took, want)
					}
				})
			})
		}
	}
}

type hangingWrite struct{ *InMemoryReplay }

func (hangingWrite) Remember(ctx context.Context, _, _ string, _ time.Time) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

// slowReplay takes a second to read.
type slowReplay struct{ *InMemoryReplay }

func (r slowReplay) Used(ctx context.Context, issuer, tokenID string) (bool, error) {
	time.Sleep(time.Second)
	return r.InMemoryReplay.Used(ctx, issuer, tokenID)
}

func TestNew_NegativeStoreTimeout(t *testing.T) {
	_, err := New(Config{Sessions: &sessions{}, Verifier: signed{}, StoreTimeout: -1})
	if err == nil {
		t.Error("accepted")
	}
}
