package scsstore

import (
	"context"
	"encoding/gob"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
)

func TestValues_AcrossRequests(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		f.do("", func(ctx context.Context) { _ = f.GetString(ctx, "a") })
		f.wantRows(0)
		token := f.do("", func(ctx context.Context) {
			f.Put(ctx, "a", "1")
			f.Put(ctx, "b", "2")
			f.RememberMe(ctx, true)
		})
		f.wantRows(1)
		for range 2 { // also after a renewal for the idle timeout
			f.do(token, func(ctx context.Context) {
				if names := f.visible(ctx, 1); names != "__rememberMe,a,b" {
					t.Errorf("the keys are %s", names)
				}
				if !f.Exists(ctx, "a") || f.Exists(ctx, "c") || !f.GetBool(ctx, "__rememberMe") {
					t.Error("Exists or RememberMe")
				}
			})
		}
		f.do(token, func(ctx context.Context) {
			if f.PopString(ctx, "a") != "1" || f.PopString(ctx, "a") != "" {
				t.Error("Pop")
			}
			f.Remove(ctx, "b")
		})
		f.do(token, func(ctx context.Context) {
			if names := f.visible(ctx, 1); names != "__rememberMe" {
				t.Errorf("after Pop and Remove the keys are %s", names)
			}
		})
		f.wantRows(1)
	})
}

func TestValues_TypesOfGob(t *testing.T) {
	gob.Register(time.Time{})
	f := newFixture(t, func(m *scs.SessionManager, _ *Config) { m.IdleTimeout = time.Hour })
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	large := strings.Repeat("0123456789", 200_000)
	token := f.do("", func(ctx context.Context) {
		f.Put(ctx, "int", 7)
		f.Put(ctx, "float", 1.5)
		f.Put(ctx, "bytes", []byte{1, 2})
		f.Put(ctx, "time", at)
		f.Put(ctx, "large", large)
	})
	for range 2 {
		f.do(token, func(ctx context.Context) {
			if f.GetInt(ctx, "int") != 7 || f.GetFloat(ctx, "float") != 1.5 || string(f.GetBytes(ctx, "bytes")) != "\x01\x02" ||
				!f.GetTime(ctx, "time").Equal(at) || f.GetString(ctx, "large") != large {
				t.Errorf("a value has changed")
			}
		})
	}
	// A type that gob does not know: scs returns the codec's error, as with its own stores.
	r := f.begin(token)
	f.Put(r.ctx, "unknown", struct{ A int }{1})
	if _, err := r.end(); err == nil {
		t.Error("the error of the codec is lost")
	}
}

func TestValues_NilAndNone(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		token := f.do("", func(ctx context.Context) { f.Put(ctx, "nil", nil) })
		f.do(token, func(ctx context.Context) {
			if !f.Exists(ctx, "nil") || f.Get(ctx, "nil") != nil {
				t.Error("a nil value is lost")
			}
			f.Remove(ctx, "nil")
		})
		f.rows.writes.Store(0)
		f.do(token, func(ctx context.Context) { // the codec may return a nil map
			if names := f.visible(ctx, 1); names != "" {
				t.Errorf("the keys are %s", names)
			}
		})
		if n := f.rows.writes.Load(); n != 0 {
			t.Errorf("%d writes of a session without values", n)
		}
		f.do(token, func(ctx context.Context) { f.Put(ctx, "a", "1") })
		f.wantValue(token, "a", "1")
	})
}

func TestClear(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		token := f.signIn("", "alice", "s1")
		again := f.do(token, func(ctx context.Context) {
			if err := f.Clear(ctx); err != nil {
				t.Fatal(err)
			}
			f.visible(ctx, 0)
		})
		if again != token {
			t.Error("Clear has changed the token")
		}
		if list := f.list(); len(list) != 1 || list[0].SubjectID != "" || list[0].SessionID != "" {
			t.Errorf("the rows after Clear: %+v", list)
		}
		f.do(token, func(ctx context.Context) {
			_ = f.Clear(ctx)
			f.Put(ctx, "a", "1")
		})
		f.wantValue(token, "a", "1")
		f.wantValue(token, "sub", "")
		f.wantRows(1)
	})
}

func TestRenewToken(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		anonymous := f.do("", func(ctx context.Context) { f.Put(ctx, "cart", "3 apples") })
		token := f.signIn(anonymous, "alice", "s1")
		f.wantValue(anonymous, "cart", "")
		f.wantValue(token, "cart", "3 apples")
		if list := f.list(); len(list) != 1 || list[0].SubjectID != "alice" || list[0].SessionID != "s1" {
			t.Errorf("the rows: %+v", list)
		}
		last := f.do(token, f.renew)
		f.wantValue(token, "sub", "")
		last = f.do(last, func(ctx context.Context) { // without any difference in time or values
			deadline := f.Deadline(ctx)
			f.renew(ctx)
			f.SetDeadline(ctx, deadline)
		})
		last = f.do(last, func(ctx context.Context) { f.renew(ctx); f.renew(ctx) })
		last = f.do(last, func(ctx context.Context) {
			f.renew(ctx)
			first, _, err := f.Commit(ctx)
			if err != nil {
				t.Fatal(err)
			}
			f.renew(ctx)
			if _, _, err := f.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			f.Put(ctx, "n", "1") // and a third Commit, under the same token
			defer f.wantValue(first, "sub", "")
		})
		f.wantValue(last, "sub", "alice")
		f.wantValue(last, "n", "1")
		f.wantRows(1)
	})
}

func TestCommit_TwiceInOneRequest(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		for _, sid := range []string{"", "s1"} {
			r := f.begin("")
			f.Put(r.ctx, "sub", "alice")
			f.Put(r.ctx, "sid", sid)
			token, _, err := f.Commit(r.ctx)
			if err != nil {
				t.Fatal(err)
			}
			f.Put(r.ctx, "a", "1")
			if again, err := r.end(); err != nil || again != token {
				t.Fatalf("the second Commit: %v", err)
			}
			f.wantValue(token, "a", "1")

			r = f.begin("")
			f.Put(r.ctx, "sub", "alice")
			f.Put(r.ctx, "sid", sid)
			if _, _, err := f.Commit(r.ctx); err != nil {
				t.Fatal(err)
			}
			f.endAll("alice")
			f.Put(r.ctx, "a", "2")
			r.refused()
			f.wantRows(0)
		}
	})
}

func TestMergeSession(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		other := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "other"); f.Put(ctx, "sub", "alice") })
		own := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "own"); f.Put(ctx, "b", "own") })
		token := f.do(own, func(ctx context.Context) {
			if err := f.SessionManager.MergeSession(ctx, other); err != nil {
				t.Fatal(err)
			}
			f.visible(ctx, 2)
		})
		if token != own {
			t.Error("the token has changed")
		}
		f.wantValue(own, "a", "other")
		f.wantValue(own, "b", "own")
		if list := f.list(); len(list) != 1 || list[0].SubjectID != "alice" {
			t.Errorf("the rows: %+v", list)
		}
		// Into a session that is new, and with a new token at once.
		token = f.do("", func(ctx context.Context) {
			if err := f.SessionManager.MergeSession(ctx, own); err != nil {
				t.Fatal(err)
			}
			f.renew(ctx)
		})
		f.wantValue(token, "sub", "alice")
		f.wantRows(1)
		f.do(token, func(ctx context.Context) { // with itself, and with none
			if err := f.SessionManager.MergeSession(ctx, token); err != nil {
				t.Fatal(err)
			}
			if err := f.SessionManager.MergeSession(ctx, own); err != nil {
				t.Fatal(err)
			}
		})
		f.wantValue(token, "b", "own")
	})
}

func TestSetDeadline(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		token := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
		deadline := time.Now().Add(10 * time.Minute).Truncate(time.Microsecond).UTC()
		f.do(token, func(ctx context.Context) { f.SetDeadline(ctx, deadline) })
		if list := f.list(); len(list) != 1 || !list[0].Expires.Equal(deadline) {
			t.Errorf("the rows: %+v, want the deadline %s", list, deadline)
		}
		for _, past := range []time.Time{time.Now().Add(-time.Second), {}} {
			token = f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
			f.do(token, func(ctx context.Context) { f.SetDeadline(ctx, past) })
			f.wantValue(token, "a", "")
		}
	})
}

func TestDestroy(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		destroy := func(ctx context.Context) {
			if err := f.Destroy(ctx); err != nil {
				t.Fatal(err)
			}
		}
		f.do("", destroy)
		token := f.signIn("", "alice", "s1")
		if f.do(token, destroy) != "" {
			t.Error("the browser keeps the cookie")
		}
		f.wantValue(token, "sub", "")
		f.wantRows(0)

		token = f.signIn("", "alice", "s1")
		next := f.do(token, func(ctx context.Context) { destroy(ctx); f.Put(ctx, "text", "bye") })
		if next == token {
			t.Error("the session continues")
		}
		f.wantValue(next, "text", "bye")
		f.wantValue(next, "sub", "")
		f.wantRows(1)
	})
}

func TestIterate(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		tokens := map[string]string{}
		for _, name := range []string{"keep", "destroy", "put", "renew", "clear"} {
			tokens[name] = f.do("", func(ctx context.Context) { f.Put(ctx, "name", name); f.Put(ctx, "sub", name) })
		}
		seen := 0
		err := f.Iterate(t.Context(), func(ctx context.Context) error {
			seen++
			handle := f.Token(ctx)
			if f.value(handle, "name") != "" {
				t.Error("a handle is a cookie")
			}
			switch f.GetString(ctx, "name") {
			case "destroy":
				return f.Destroy(ctx)
			case "clear":
				_ = f.Clear(ctx)
				f.Put(ctx, "a", "1")
			case "put":
				f.Put(ctx, "a", "1")
			case "renew":
				if err := f.RenewToken(ctx); err != nil {
					return err
				}
				if _, _, err := f.Commit(ctx); err != nil {
					return err
				}
				tokens["renewed"] = f.Token(ctx)
				return nil
			default:
				return nil
			}
			_, _, err := f.Commit(ctx)
			return err
		})
		if err != nil || seen != 5 {
			t.Fatalf("%d sessions, %v", seen, err)
		}
		f.wantValue(tokens["keep"], "name", "keep")
		f.wantValue(tokens["destroy"], "name", "")
		f.wantValue(tokens["put"], "name", "put")
		f.wantValue(tokens["put"], "a", "1")
		f.wantValue(tokens["renew"], "name", "")
		f.wantValue(tokens["renewed"], "name", "renew")
		f.wantValue(tokens["clear"], "name", "")
		f.wantValue(tokens["clear"], "a", "1")
		f.wantRows(4)
	})
}

// A session that has another user since it was listed is destroyed all the same.
func TestIterate_AnotherUser(t *testing.T) {
	f := newFixture(t)
	token := f.signIn("", "alice", "s1")
	err := f.Iterate(t.Context(), func(ctx context.Context) error {
		f.do(token, func(ctx context.Context) { f.Put(ctx, "sub", "bob") })
		return f.Destroy(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	f.wantRows(0)
}

func TestIterate_SessionHasEnded(t *testing.T) {
	f := newFixture(t)
	f.signIn("", "alice", "s1")
	err := f.Iterate(t.Context(), func(ctx context.Context) error {
		f.endAll("alice")
		f.Put(ctx, "a", "1")
		_, _, err := f.Commit(ctx)
		return err
	})
	if err == nil {
		t.Error("a session that has ended was saved")
	}
	f.wantRows(0)
}

func TestHashTokenInStore_SameRows(t *testing.T) {
	f := newFixture(t)
	token := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
	f.HashTokenInStore = true
	f.wantValue(token, "a", "1")
	if key := f.list()[0].Key; key == token || f.value(key, "a") != "" {
		t.Error("the key of the row is a cookie")
	}
}

func TestKeys_HiddenValuePrintsNothing(t *testing.T) {
	f := newFixture(t)
	token := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "classified") })
	f.do(token, func(ctx context.Context) {
		for _, name := range f.Keys(ctx) {
			if name == "a" {
				continue
			}
			value := f.Get(ctx, name)
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
				if text := fmt.Sprintf(format, value); text != "session{redacted}" {
					t.Errorf("%s prints %s", format, text)
				}
			}
		}
	})
}
