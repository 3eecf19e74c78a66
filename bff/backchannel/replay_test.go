package backchannel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// memories returns every ReplayMemory, with the clock.
func memories(clock func() time.Time) map[string]ReplayMemory {
	return map[string]ReplayMemory{
		"in memory":    NewInMemoryReplay(clock),
		"in the store": StoreReplayMemory{Store: bff.NewInMemoryStore(bff.WithClock(clock)), Clock: clock},
	}
}

func TestHandler_ReplayedToken(t *testing.T) {
	for name, memory := range memories(clock) {
		t.Run(name, func(t *testing.T) {
			s := &sessions{}
			h := newHandler(t, s, func(c *Config) { c.Replay = memory })
			other := newHandler(t, s, func(c *Config) { c.Replay = memory }) // another host
			if w := post(t, h, token(t, nil)); w.Code != http.StatusOK {
				t.Fatalf("status %d", w.Code)
			}
			s.filters = nil
			wantRefused(t, post(t, h, token(t, nil)), s)
			wantRefused(t, post(t, other, token(t, map[string]any{"sub": "bob"})), s) // the same jti
			if w := post(t, h, token(t, map[string]any{"jti": "token-2"})); w.Code != http.StatusOK {
				t.Errorf("another token: status %d", w.Code)
			}
		})
	}
}

// TestHandler_OtherClientsToken: a provider may send tokens with one jti to several clients that
// share a memory.
func TestHandler_OtherClientsToken(t *testing.T) {
	for name, memory := range memories(clock) {
		t.Run(name, func(t *testing.T) {
			s := &sessions{}
			h := newHandler(t, s, func(c *Config) { c.Replay = memory })
			for _, aud := range []any{"bff", "shop", []string{"bff"}, "b", nil} {
				if w := post(t, h, token(t, map[string]any{"aud": aud, "jti": "ff"})); w.Code != http.StatusOK {
					t.Errorf("aud %v: status %d", aud, w.Code)
				}
				wantRefused(t, post(t, h, token(t, map[string]any{"aud": aud, "jti": "ff"})), &sessions{})
			}
		})
	}
}

func TestHandler_FailedLogoutMayBeRepeated(t *testing.T) {
	for name, memory := range memories(clock) {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", all: ", all), func(t *testing.T) {
				s := &sessions{err: errors.New("the database is down"), subject: "alice"}
				h := newHandler(t, s, func(c *Config) { c.Replay, c.BackchannelLogoutAllUserSessions = memory, all })
				tk := token(t, map[string]any{"sub": nil, "jti": fmt.Sprint("t", all)})
				w := post(t, h, tk)
				if w.Code != http.StatusBadRequest || w.Body.String() != `{"error":"invalid_request"}` {
					t.Errorf("status %d, %s", w.Code, w.Body)
				}
				s.err = nil
				if w := post(t, h, tk); w.Code != http.StatusOK {
					t.Errorf("the second delivery: status %d", w.Code)
				}
			})
		}
	}
}

type brokenMemory struct{}

func (brokenMemory) Used(context.Context, string, string) (bool, error) {
	return false, errors.New("down")
}

func (brokenMemory) Remember(context.Context, string, string, time.Time) (bool, error) {
	return false, errors.New("down")
}

func TestHandler_ReplayMemoryFails(t *testing.T) {
	s := &sessions{}
	wantRefused(t, post(t, newHandler(t, s, func(c *Config) { c.Replay = brokenMemory{} }), token(t, nil)), s)
}

func TestReplayMemory_ConcurrentRemember(t *testing.T) {
	for name, memory := range memories(clock) {
		t.Run(name, func(t *testing.T) {
			var first atomic.Int32
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					ok, err := memory.Remember(t.Context(), issuer, "jti", now.Add(time.Minute))
					if err != nil {
						t.Error(err)
					}
					if ok {
						first.Add(1)
					}
				})
			}
			wg.Wait()
			if first.Load() != 1 {
				t.Errorf("%d calls reported that they were first", first.Load())
			}
		})
	}
}

func TestReplayMemory_Expiry(t *testing.T) {
	at := now
	for name, memory := range memories(func() time.Time { return at }) {
		t.Run(name, func(t *testing.T) {
			at = now
			remember := func(issuer, id string) bool {
				t.Helper()
				ok, err := memory.Remember(t.Context(), issuer, id, at.Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				return ok
			}
			used := func(issuer, id string) bool {
				t.Helper()
				ok, err := memory.Used(t.Context(), issuer, id)
				if err != nil {
					t.Error(err)
				}
				return ok
			}
			if used("a", "bc") || !remember("a", "bc") || !used("a", "bc") || remember("a", "bc") {
				t.Error("the token is not remembered")
			}
			if used("ab", "c") || !remember("ab", "c") || !used("ab", "c") {
				t.Error("issuer and jti are mixed up")
			}
			if used("b", "bc") || !remember("b", "bc") {
				t.Error("the token of another issuer counts as used")
			}
			at = now.Add(time.Minute - time.Microsecond)
			if !used("a", "bc") || remember("a", "bc") {
				t.Error("the token is forgotten too early")
			}
			at = now.Add(time.Minute)
			if used("a", "bc") || !remember("a", "bc") || !used("a", "bc") {
				t.Error("the token does not expire")
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := memory.Remember(ctx, "a", "x", at.Add(time.Minute)); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			if _, err := memory.Used(ctx, "a", "bc"); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

// A used token is remembered for as long as a token of its age is accepted.
func TestHandler_ReplayedAtLastMoment(t *testing.T) {
	at := now
	clock := func() time.Time { return at }
	for name, memory := range memories(clock) {
		t.Run(name, func(t *testing.T) {
			at = now
			s := &sessions{}
			h := newHandler(t, s, func(c *Config) { c.Replay, c.Clock = memory, clock })
			if w := post(t, h, token(t, nil)); w.Code != http.StatusOK {
				t.Fatalf("status %d", w.Code)
			}
			at = now.Add(DefaultMaxTokenAge + DefaultClockSkew)
			fresh := map[string]any{"jti": "another", "exp": at.Add(time.Minute).Unix()}
			if w := post(t, h, token(t, fresh)); w.Code != http.StatusOK {
				t.Fatalf("a token of this age is refused: the test proves nothing: %d", w.Code)
			}
			s.filters = nil
			wantRefused(t, post(t, h, token(t, map[string]any{"exp": at.Add(time.Minute).Unix()})), s)
		})
	}
}

func TestInMemoryReplay_RemovesExpiredTokens(t *testing.T) {
	at := now
	m := NewInMemoryReplay(func() time.Time { return at })
	for i := range 50_000 {
		if _, err := m.Remember(t.Context(), issuer, fmt.Sprint(i), at.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		at = at.Add(10 * time.Millisecond)
	}
	if n := len(m.until); n > 2*minReplayLimit {
		t.Errorf("%d entries, of which 100 have not expired", n)
	}
}

// Tokens that have not expired are kept, whatever their number, and expired ones are removed
// later.
func TestInMemoryReplay_ManyTokens(t *testing.T) {
	at := now
	m := NewInMemoryReplay(func() time.Time { return at })
	const tokens = 5 * minReplayLimit
	remember := func(prefix string) {
		for i := range tokens {
			if first, err := m.Remember(t.Context(), issuer, fmt.Sprint(prefix, i), at.Add(time.Minute)); !first || err != nil {
				t.Fatalf("token %d: %t, %v", i, first, err)
			}
		}
	}
	remember("a")
	for i := range tokens {
		if used, err := m.Used(t.Context(), issuer, fmt.Sprint("a", i)); !used || err != nil {
			t.Fatalf("token %d: %t, %v", i, used, err)
		}
	}
	at = at.Add(time.Minute)
	remember("b")
	if n := len(m.until); n > 8*minReplayLimit {
		t.Errorf("%d entries, of which %d have not expired", n, tokens)
	}
}

func TestStoreReplayMemory_Row(t *testing.T) {
	for partition, want := range map[string]string{"": DefaultReplayPartition, "used tokens": "used tokens"} {
		store := bff.NewInMemoryStore(bff.WithClock(clock))
		m := StoreReplayMemory{Store: store, Partition: partition, Clock: clock}
		if _, err := m.Remember(t.Context(), issuer, "jti", now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		rows := 0
		for row, err := range store.UserSessions(t.Context(), bff.UserSessionsQuery{PartitionKey: want}) {
			if rows++; err != nil || !row.Created.Equal(now) || !row.Renewed.Equal(now) || !row.Expires.Equal(now.Add(time.Minute)) {
				t.Errorf("partition %q: %+v, %v", want, row, err)
			}
		}
		if rows != 1 {
			t.Errorf("partition %q has %d rows", want, rows)
		}
	}
}
