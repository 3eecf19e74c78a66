package scsstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

// Each test is what a request does with a session that ends while it runs.

func TestEnded_CommitAndRotation(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		sub := "" // another user each time, so that no logout is one of another case
		for name, rotate := range map[string]bool{"commit": false, "rotation": true} {
			for end, ends := range map[string]func(token string){
				"EndSessions": func(string) { f.endAll(sub) },
				"Destroy": func(token string) {
					f.do(token, func(ctx context.Context) { _ = f.Destroy(ctx) })
				},
				"rotation":       func(token string) { f.do(token, f.renew) },
				"Clear in place": func(token string) { f.do(token, func(ctx context.Context) { _ = f.Clear(ctx) }) },
				"another user": func(token string) {
					f.do(token, func(ctx context.Context) { f.Put(ctx, "sub", "bob") })
				},
			} {
				sub = name + " " + end
				token := f.signIn("", sub, "")
				r := f.begin(token)
				ends(token)
				if rotate {
					f.renew(r.ctx)
				}
				f.Put(r.ctx, "late", "yes")
				if _, err := r.end(); !errors.Is(err, adapter.ErrEnded) {
					t.Errorf("%s after %s: %v", name, end, err)
				}
				f.wantValue(token, "late", "")
				want := 0
				if end == "rotation" {
					want = 1
				}
				if list, err := f.store.UserSessions(t.Context(), sub); err != nil || len(list) != want {
					t.Errorf("%s after %s: %d sessions, want %d, %v", name, end, len(list), want, err)
				}
			}
		}
	})
}

func TestEnded_RotationUnderWay(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		for name, end := range map[string]func(){
			"EndSessions": func() { f.endAll("EndSessions") },
			"EndSession": func() {
				if _, err := f.store.EndSession(t.Context(), "EndSession", "s1"); err != nil {
					t.Error(err)
				}
			},
		} {
			r := f.begin(f.signIn("", name, "s1"))
			f.renew(r.ctx)
			end()
			if _, err := r.end(); !errors.Is(err, adapter.ErrEnded) {
				t.Errorf("%s: %v", name, err)
			}
			f.wantRows(0)
		}
	})
}

func TestEnded_ConcurrentRotations(t *testing.T) {
	for sub, want := range map[string]int{"": 2, "alice": 1} {
		f := newFixture(t)
		token := f.do("", func(ctx context.Context) { f.Put(ctx, "sub", sub); f.Put(ctx, "a", "1") })
		first, second := f.begin(token), f.begin(token)
		f.renew(first.ctx)
		f.renew(second.ctx)
		succeeded := 0
		for _, r := range []*request{second, first} {
			if _, err := r.end(); err == nil {
				succeeded++
			} else if !errors.Is(err, adapter.ErrEnded) {
				t.Error(err)
			}
		}
		if succeeded != want {
			t.Errorf("user %q: %d rotations succeeded, want %d", sub, succeeded, want)
		}
		f.wantRows(want)
	}
}

func TestEnded_DestroySucceeds(t *testing.T) {
	f := newFixture(t)
	r := f.begin(f.signIn("", "alice", "s1"))
	f.endAll("alice")
	if err := f.Destroy(r.ctx); err != nil {
		t.Error(err)
	}
	f.Put(r.ctx, "sub", "alice") // a new sign-in in the same request
	token, err := r.end()
	if err != nil {
		t.Fatal(err)
	}
	f.wantValue(token, "sub", "alice")
	f.wantValue(token, "sid", "")
}

func TestEnded_Clear(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		r := f.begin(f.signIn("", "alice", "s1"))
		f.endAll("alice")
		_ = f.Clear(r.ctx)
		f.Put(r.ctx, "sub", "alice")
		r.refused()
		f.wantRows(0)

		r = f.begin(f.signIn("", "alice", "s1"))
		f.endAll("alice")
		_ = f.Clear(r.ctx)
		f.Put(r.ctx, "text", "bye")
		r.refused() // a row under the token would be one that a late request could save into
		f.wantRows(0)
	})
}

// A commit under a token that this process has not seen, with values from nowhere.
func TestCommit_UnknownTokenOfLiveSession(t *testing.T) {
	creating := newFixture(t)
	token := creating.do("", func(ctx context.Context) { creating.Put(ctx, "a", "1") })
	f := newFixture(t, func(_ *scs.SessionManager, cfg *Config) { cfg.Store = creating.rows })
	if _, known := f.store.known.get(adapter.KeyOf(hashToken(token))); known {
		t.Fatal("the session is known")
	}
	f.store.sessions = creating.store.sessions // the same keys
	b, err := f.Codec.Encode(time.Now().Add(time.Hour), map[string]any{"a": "2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.CommitCtx(t.Context(), token, b, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	creating.wantValue(token, "a", "2")
	creating.wantRows(1)
}

// The session was created by another host.
func TestEnded_ClearOnAnotherHost(t *testing.T) {
	var protector ticket.Protector
	creating := newFixture(t, func(_ *scs.SessionManager, cfg *Config) { protector = cfg.Protector })
	f := newFixture(t, func(_ *scs.SessionManager, cfg *Config) { cfg.Store, cfg.Protector = creating.rows, protector })
	f.rows = creating.rows
	for _, sid := range []string{"", "s1"} {
		token := creating.signIn("", "alice", sid)
		r := f.begin(token)
		creating.do(token, func(ctx context.Context) { _ = creating.Destroy(ctx) })
		_ = f.Clear(r.ctx)
		f.Put(r.ctx, "sub", "alice")
		f.Put(r.ctx, "sid", sid)
		r.refused()
		f.wantRows(0)
	}
}

func TestEnded_MergeSession(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		for _, withOwn := range []bool{false, true} {
			for _, rotate := range []bool{false, true} {
				for name, before := range map[string]bool{"before": true, "after": false} {
					sub := fmt.Sprint(withOwn, rotate, name)
					other, own := f.signIn("", sub, ""), ""
					if withOwn {
						own = f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
					}
					if before {
						// It ends after MergeSession has found it.
						f.store.former = &hooked{found: func() { t.Error("Find was not expected") }, deleting: func() { f.endAll(sub) }}
					}
					r := f.begin(own)
					if err := f.SessionManager.MergeSession(r.ctx, other); err != nil {
						t.Fatal(err)
					}
					f.store.former = nil
					if !before {
						f.endAll(sub)
					}
					if rotate {
						f.renew(r.ctx)
					}
					if _, err := r.end(); !errors.Is(err, adapter.ErrEnded) {
						t.Errorf("ended %s the delete, own %t, rotated %t: %v", name, withOwn, rotate, err)
					}
					for _, row := range f.list() {
						if row.SubjectID != "" {
							t.Errorf("ended %s the delete, own %t, rotated %t: it came back", name, withOwn, rotate)
						}
					}
				}
			}
		}
	})
}

// The values of an iterated session that the application copies into its own are no sign-in.
func TestEnded_CopiedValues(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	copied := map[string]any{}
	f.do(f.signIn("", "alice", ""), func(ctx context.Context) {
		for _, name := range f.Keys(ctx) {
			copied[name] = f.Get(ctx, name)
		}
	})
	put := func(f *fixture) *request {
		r := f.begin("")
		for name, value := range copied {
			f.Put(r.ctx, name, value)
		}
		return r
	}
	put(f).refused()
	token, err := put(other).end() // the hidden value of another manager says nothing
	if err != nil {
		t.Fatal(err)
	}
	other.wantValue(token, "sub", "alice")
}

func TestConcurrentRequests(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		token := f.signIn("", "alice", "s1")
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 8 {
					r := f.begin(token)
					f.Put(r.ctx, "n", "1")
					if _, err := r.end(); err != nil {
						t.Errorf("a request of the session: %v", err)
					}
					other := f.begin("")
					f.Put(other.ctx, "n", "1")
					if _, err := other.end(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Go(func() {
			for range 8 {
				if err := f.Iterate(t.Context(), func(context.Context) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
		group.Wait()
		f.wantValue(token, "sub", "alice")
		f.wantRows(65)
	})
}
