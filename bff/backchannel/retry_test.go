package backchannel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/usersession/bff"
)

// A database holds the sessions and the used tokens, and injects a fault.
type database struct {
	*bff.InMemoryStore
	*sessions
	calls int
	fault func(call int, do func() error) error
}

func (d *database) do(ctx context.Context, do func() error) error {
	d.calls++
	return d.fault(d.calls, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return do()
	})
}

func (d *database) GetUserSession(ctx context.Context, key bff.UserSessionKey) (session bff.UserSession, err error) {
	err = d.do(ctx, func() error { session, err = d.InMemoryStore.GetUserSession(ctx, key); return err })
	return session, err
}

func (d *database) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	return d.do(ctx, func() error { return d.InMemoryStore.CreateUserSession(ctx, session) })
}

func (d *database) BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (n int64, err error) {
	err = d.do(ctx, func() error { n, err = d.sessions.BackchannelLogout(ctx, filter); return err })
	return n, err
}

// With every fault at every call, the sessions have ended after the provider's second delivery,
// and the token is refused afterwards.
func TestHandler_FaultsLoseNoLogout(t *testing.T) {
	down := errors.New("the database is down")
	for name, fault := range map[string]func(hangUp func(), here, later bool, do func() error) error{
		"a call fails": func(_ func(), here, _ bool, do func() error) error {
			if here {
				return down
			}
			return do()
		},
		"a call's answer is lost": func(_ func(), here, _ bool, do func() error) error {
			if err := do(); !here {
				return err
			}
			return down
		},
		"the database goes down, or the process ends": func(_ func(), here, later bool, do func() error) error {
			if here || later {
				return down
			}
			return do()
		},
		"the provider disconnects before a call": func(hangUp func(), here, _ bool, do func() error) error {
			if here {
				hangUp()
			}
			return do()
		},
		"the provider disconnects while a call is committed": func(hangUp func(), here, _ bool, do func() error) error {
			if err := do(); !here {
				return err
			}
			hangUp()
			return context.Canceled
		},
	} {
		for at := 1; at <= 3; at++ {
			t.Run(fmt.Sprint(name, ", ", at), func(t *testing.T) {
				var hangUp func()
				d := &database{InMemoryStore: bff.NewInMemoryStore(bff.WithClock(clock)), sessions: &sessions{}}
				d.fault = func(call int, do func() error) error { return fault(hangUp, call == at, call > at, do) }
				h := newHandler(t, d, func(c *Config) { c.Replay = StoreReplayMemory{Store: d, Clock: clock} })
				provider := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithCancel(r.Context())
					defer cancel()
					hangUp = cancel
					h.ServeHTTP(w, r.WithContext(ctx))
				})
				tk := token(t, nil)
				first := post(t, provider, tk).Code
				if d.calls < at {
					t.Fatalf("there are %d calls", d.calls)
				}
				d.fault = func(_ int, do func() error) error { return do() }
				ended := len(d.filters)
				second := post(t, provider, tk).Code
				if len(d.filters) == 0 {
					t.Errorf("the sessions have not ended: status %d, then %d", first, second)
				}
				if first == http.StatusOK && (ended == 0 || len(d.filters) > ended) {
					t.Errorf("status 200, with %d logouts before and %d after the next delivery", ended, len(d.filters))
				}
				d.filters = nil
				wantRefused(t, post(t, provider, tk), d.sessions)
			})
		}
	}
}

// disconnecting are sessions whose provider disconnects when they have ended.
type disconnecting struct {
	*sessions
	hangUp func()
}

func (s disconnecting) BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	defer s.hangUp()
	return s.sessions.BackchannelLogout(ctx, filter)
}

// Otherwise a client could use the token any number of times by disconnecting.
func TestHandler_ProviderDisconnectsTokenRemembered(t *testing.T) {
	for name, memory := range memories(clock) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := &sessions{}
			h := newHandler(t, disconnecting{s, cancel}, func(c *Config) { c.Replay = memory })
			post(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r.WithContext(ctx)) }), token(t, nil))
			if ctx.Err() == nil || len(s.filters) != 1 {
				t.Fatalf("ended %v", s.filters)
			}
			s.filters = nil
			wantRefused(t, post(t, h, token(t, nil)), s)
		})
	}
}

// eachAtOnce are sessions whose logouts wait until a number of them are running.
type eachAtOnce struct {
	sessions
	underWay sync.WaitGroup
	ended    atomic.Int32
}

func (s *eachAtOnce) BackchannelLogout(context.Context, bff.UserSessionsFilter) (int64, error) {
	s.underWay.Done()
	s.underWay.Wait()
	s.ended.Add(1)
	return 1, nil
}

// No concurrent delivery gets status 200 before the sessions have ended, and the next delivery
// is refused.
func TestHandler_ConcurrentDeliveries(t *testing.T) {
	const hosts = 10
	for name, memory := range memories(clock) {
		t.Run(name, func(t *testing.T) {
			s := &eachAtOnce{}
			s.underWay.Add(hosts)
			h := newHandler(t, s, func(c *Config) { c.Replay = memory })
			var wg sync.WaitGroup
			for range hosts {
				wg.Go(func() {
					if w := post(t, h, token(t, nil)); w.Code != http.StatusOK {
						t.Errorf("status %d", w.Code)
					}
				})
			}
			wg.Wait()
			if s.ended.Load() != hosts {
				t.Errorf("%d logouts", s.ended.Load())
			}
			wantRefused(t, post(t, h, token(t, nil)), &s.sessions)
		})
	}
}
