package scsstore

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
)

func idle(timeout time.Duration) option {
	return func(m *scs.SessionManager, _ *Config) { m.IdleTimeout = timeout }
}

func TestIdleTimeout_Writes(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		token := f.do("", func(ctx context.Context) {
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} { // gob has no order
				f.Put(ctx, name, "1")
			}
			f.Put(ctx, "sub", "alice")
		})
		created := f.list()[0]
		f.rows.writes.Store(0)
		for range 120 {
			time.Sleep(time.Minute)
			f.wantValue(token, "a", "1")
			if left := time.Until(f.list()[0].Expires); left < 9*time.Minute || left > 20*time.Minute {
				t.Fatalf("the session ends in %s", left)
			}
		}
		if n := f.rows.writes.Load(); n < 8 || n > 12 {
			t.Errorf("%d writes in 120 requests and 6 idle timeouts", n)
		}
		row := f.list()[0]
		if row.SubjectID != "alice" || row.SessionID != created.SessionID || !row.Created.Equal(created.Created) {
			t.Errorf("the renewals have changed the row: %+v, was %+v", row, created)
		}
		time.Sleep(20 * time.Minute)
		f.wantValue(token, "a", "")
	}, idle(20*time.Minute))
}

func TestIdleTimeout_ChangedValuesAreWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		token := f.do("", func(ctx context.Context) { f.Put(ctx, "list", []byte{1}) })
		for _, test := range []struct {
			name   string
			change func(ctx context.Context)
		}{
			{"a new value", func(ctx context.Context) { f.Put(ctx, "a", "1") }},
			{"another value", func(ctx context.Context) { f.Put(ctx, "a", "2") }},
			{"a lost value", func(ctx context.Context) { f.Remove(ctx, "a") }},
			{"bytes in place", func(ctx context.Context) { f.GetBytes(ctx, "list")[0] = 2 }},
			{"another type", func(ctx context.Context) { f.Put(ctx, "list", "\x02") }},
			{"a deadline", func(ctx context.Context) { f.SetDeadline(ctx, f.Deadline(ctx).Add(time.Second)) }},
		} {
			f.rows.writes.Store(0)
			f.do(token, test.change)
			if n := f.rows.writes.Load(); n != 1 {
				t.Errorf("%s: %d writes", test.name, n)
			}
		}
	}, idle(20*time.Minute))
}

func TestIdleTimeout_EndsAtDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		token := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
		for range 59 {
			time.Sleep(time.Minute)
			f.wantValue(token, "a", "1")
		}
		time.Sleep(time.Minute)
		f.wantValue(token, "a", "")
	}, idle(20*time.Minute), func(m *scs.SessionManager, _ *Config) { m.Lifetime = time.Hour })
}

func TestIdleTimeout_KeepsConcurrentSave(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		token := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
		time.Sleep(15 * time.Minute)
		reading := f.begin(token)
		f.do(token, func(ctx context.Context) { f.Put(ctx, "a", "2") })
		if _, err := reading.end(); err != nil {
			t.Error(err)
		}
		f.wantValue(token, "a", "2")
	}, idle(20*time.Minute))
}

func TestRecent_Generations(t *testing.T) {
	now := time.Now()
	r := recent[int]{now: func() time.Time { return now }}
	has := func(key string, want bool) {
		t.Helper()
		if _, ok := r.get(key); ok != want {
			t.Errorf("%s: %t, want %t", key, ok, want)
		}
	}
	r.put("a", 1)
	now = now.Add(generationTime)
	r.put("b", 2)
	has("a", true)
	now = now.Add(generationTime)
	has("a", false)
	has("b", true)
	now = now.Add(2 * generationTime)
	has("b", false)
	if len(r.young)+len(r.old) != 0 {
		t.Error("old entries stay in memory")
	}
	r.put("c", 3)
	for i := range 2 * generationSize {
		r.put(string(rune(i/1000))+"/"+string(rune(i%1000)), i)
		if i == generationSize-2 || i == generationSize {
			has("c", true)
		}
	}
	has("c", false)
	if n := len(r.young) + len(r.old); n > 2*generationSize {
		t.Errorf("%d entries", n)
	}
}

func TestAll_HandlesAreForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
		for range 3 {
			if _, err := f.store.All(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(handleTime + time.Second)
		synctest.Wait()
		f.store.mu.Lock()
		defer f.store.mu.Unlock()
		if len(f.store.handles) != 0 {
			t.Errorf("%d listings stay in memory", len(f.store.handles))
		}
	})
}
