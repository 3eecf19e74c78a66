package gorillastore_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

func TestSave_Twice(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	session := b.load()
	session.Values["n"] = "1"
	b.saved(session)
	id := session.ID
	session.Values["n"] = "2"
	b.saved(session)
	if w.oneRow(); session.ID != id || b.cookies[name] != id {
		t.Error("the second Save has changed the id")
	}
	b.has("n", "2")
	session.Values["sub"] = "alice"
	b.saved(session)
	session.Values["n"] = "3"
	b.saved(session)
	if w.oneRow(); session.ID == id {
		t.Error("the sign-in has kept the id")
	}
	b.has("sub", "alice", "n", "3")
}

func TestSave_ValuesReplaced(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("sub", "alice", "sid", "s1", "n", "1")
	id := b.cookies[name]
	session := b.load()
	session.Values = map[any]any{"sub": "alice", "sid": "s1", "m": "2"}
	b.saved(session)
	if w.oneRow(); b.cookies[name] != id {
		t.Error("the id has changed")
	}
	b.has("n", "", "m", "2")

	session = b.load()
	session.Values = nil // the user has signed out, too
	b.saved(session)
	if row := w.oneRow(); row.SubjectID != "" || row.SessionID != "" || b.cookies[name] == id {
		t.Errorf("the row: %+v", row)
	}
	b.has("m", "", "sub", "")
}

// Middleware copies requests, before and after the first use of a session.
func TestSave_AnotherRequest(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("sub", "alice", "sid", "s1")
	id := b.cookies[name]
	type key struct{}
	first := b.request()
	sessions.GetRegistry(first)
	second := first.WithContext(context.WithValue(first.Context(), key{}, 1))
	session, err := w.store.Get(second, name)
	if err != nil {
		t.Fatal(err)
	}
	session.Values["n"] = "1"
	response := httptest.NewRecorder()
	if err := session.Save(second.WithContext(context.WithValue(second.Context(), key{}, 2)), response); err != nil {
		t.Fatal(err)
	}
	b.has("n", "1")
	session.Values["sub"] = "bob"
	b.saved(session) // with a request that has never seen a session
	if row := w.oneRow(); row.SubjectID != "bob" || b.cookies[name] == id {
		t.Errorf("the row: %+v", row)
	}
}

func TestSave_Copy(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("sub", "alice", "sid", "s1")
	id := b.cookies[name]
	duplicate := *b.load()
	duplicate.Values["n"] = "1"
	b.saved(&duplicate)
	if w.oneRow(); b.cookies[name] != id {
		t.Error("the id has changed")
	}
	b.has("n", "1")

	duplicate = *b.load()
	duplicate.Values["sub"] = "bob"
	b.saved(&duplicate)
	if row := w.oneRow(); row.SubjectID != "bob" || b.cookies[name] == id {
		t.Errorf("the row: %+v", row)
	}

	duplicate = *b.load()
	w.rows.down.Store(true)
	b.refused(&duplicate, errDown)
	w.rows.down.Store(false)
	if _, err := w.store.EndSessions(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	b.refused(&duplicate, adapter.ErrEnded)
	if len(w.live()) != 0 {
		t.Error("the session has come back")
	}
	duplicate.Options.MaxAge = -1
	b.saved(&duplicate)

	b.set("n", "2")
	duplicate = *b.load()
	duplicate.Options.MaxAge = -1
	b.saved(&duplicate)
	if len(w.live()) != 0 {
		t.Error("the session is still there")
	}
	fresh := sessions.NewSession(w.store, name)
	fresh.Options, fresh.IsNew = nil, true
	b.saved(fresh)
	fresh.Values["n"] = "3"
	b.saved(fresh)
	b.has("n", "3")
	if w.oneRow(); b.cookies[name] != fresh.ID {
		t.Error("a session of the application's own has no row")
	}
}

func TestSave_Ended(t *testing.T) {
	for what, change := range map[string]func(*sessions.Session){
		"value":    func(s *sessions.Session) { s.Values["n"] = "2" },
		"new id":   func(s *sessions.Session) { s.ID = "" },
		"sign-in":  func(s *sessions.Session) { s.Values["sub"] = "bob" },
		"sign-out": func(s *sessions.Session) { s.Values = map[any]any{} },
		"IsNew":    func(s *sessions.Session) { s.IsNew, s.Values["n"] = true, "2" },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.set("sub", "alice", "sid", "s1")
			session := b.load()
			if n, err := w.store.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
				t.Fatalf("EndSessions: %d, %v", n, err)
			}
			change(session)
			b.refused(session, adapter.ErrEnded)
			b.refused(session, bff.ErrSessionNotFound)
			if len(w.live()) != 0 {
				t.Error("the session has come back")
			}
		})
	}
}

// An anonymous session carries no rights: a double click on a sign-in button does not fail.
func TestSave_AnonymousEnded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("cart", "1")
	first, second := b.load(), b.clone().load()
	first.Values["sub"], first.Values["sid"] = "alice", "s1"
	b.saved(first)
	second.Values["sub"], second.Values["sid"] = "alice", "s1"
	b.saved(second)
	w.oneRow()
	b.has("sub", "alice", "cart", "1")
}

func TestSave_NewID(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("cart", "1")
	for _, step := range []struct {
		sub, sid string
		newID    bool
	}{
		{"alice", "s1", true}, {"alice", "s1", false}, {"alice", "s2", true},
		{"bob", "s3", true}, {"bob", "", false}, {"", "", true}, {"", "", false}, {"alice", "s1", true},
	} {
		former := b.clone()
		b.set("sub", step.sub, "sid", step.sid)
		if changed := b.cookies[name] != former.cookies[name]; changed != step.newID {
			t.Errorf("%+v: the id has changed: %t", step, changed)
		}
		if row := w.oneRow(); row.SubjectID != step.sub || step.sid != "" && row.SessionID != step.sid {
			t.Errorf("%+v: the row: %+v", step, row)
		}
		if step.newID {
			former.isNew()
		}
		b.has("cart", "1")
	}
	for _, id := range []string{"", "of-the-application"} {
		former := b.clone()
		session := b.load()
		session.ID = id
		b.saved(session)
		former.isNew()
		b.has("sub", "alice", "cart", "1")
		if row := w.oneRow(); row.SessionID != "s1" || session.ID == id || session.ID != b.cookies[name] {
			t.Errorf("the row: %+v", row)
		}
	}
}

func TestSave_Delete(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("sub", "alice")
	late := b.clone()
	lateSession := late.load()
	former := b.clone()
	session := b.load()
	session.Options.MaxAge = -1
	w.rows.down.Store(true)
	b.refused(session, errDown)
	w.rows.down.Store(false)
	b.saved(session)
	if len(w.live()) != 0 || b.cookies[name] != "" || session.ID != "" {
		t.Error("the session is still there")
	}
	former.isNew()
	b.saved(session)

	lateSession.Options.MaxAge = -1
	late.saved(lateSession)

	session.Options.MaxAge = 60
	session.Values = map[any]any{}
	session.AddFlash("bye")
	b.saved(session)
	if w.oneRow(); b.cookies[name] == former.cookies[name] {
		t.Error("the id is used again")
	}

	nobody := w.browser()
	fresh := nobody.load()
	fresh.Options.MaxAge = -1
	nobody.saved(fresh)
	w.oneRow()
}

func TestSave_Unchanged(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("sub", "alice", "sid", "s1", "a", "1", "b", "2", "c", "3", "d", "4")
	writes := func(f func()) int64 {
		before := w.rows.updates.Load()
		f()
		return w.rows.updates.Load() - before
	}
	if n := writes(func() { b.set(); b.set("a", "1") }); n != 0 {
		t.Errorf("%d writes of an unchanged session", n)
	}
	if n := writes(func() { b.set("a", "2") }); n != 1 {
		t.Errorf("%d writes of a changed session", n)
	}
	w.pass(gorillastore.Lifetime/2 + time.Minute)
	if n := writes(func() { b.set() }); n != 1 {
		t.Errorf("%d writes of an unchanged session in the second half of its life", n)
	}
	if row := w.oneRow(); !row.Expires.Equal(w.now().Add(gorillastore.Lifetime).UTC().Truncate(time.Microsecond)) || row.SessionID != "s1" {
		t.Errorf("the row: %+v", row)
	}
	w.pass(gorillastore.Lifetime/2 + time.Minute)
	b.has("a", "2", "sub", "alice")
	if n := writes(func() {
		session := b.load()
		session.Options.MaxAge = 60 // an earlier end
		b.saved(session)
	}); n != 1 {
		t.Errorf("%d writes of an earlier end", n)
	}
	w.pass(time.Minute)
	b.isNew()
}

type unregistered struct{ N int }

func TestSave_UnregisteredType(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, value := range []any{unregistered{1}, map[string]any{"deep": unregistered{1}}} {
		session := b.load()
		session.Values["n"] = value
		cookies, err := b.save(session)
		if err == nil || cookies != 0 || len(w.live()) != 0 {
			t.Fatalf("Save: %v, and %d cookies", err, cookies)
		}
		if text := err.Error(); !strings.Contains(text, "gorillastore_test.unregistered") && !strings.Contains(text, "map[string]interface") ||
			!strings.Contains(text, "gob.Register") {
			t.Errorf("the error does not name the type: %v", err)
		}
	}
	b.set("n", "1")
	session := b.load()
	session.Values["n"] = unregistered{1}
	if _, err := b.save(session); err == nil {
		t.Error("Save of a loaded session succeeds")
	}
	b.has("n", "1")
}

func TestSave_Flashes(t *testing.T) {
	b := newWorld(t).browser()
	session := b.load()
	session.AddFlash("one")
	session.AddFlash("two")
	session.AddFlash("danger", "errors")
	b.saved(session)
	session = b.load()
	if flashes := session.Flashes(); len(flashes) != 2 || flashes[0] != "one" || len(session.Flashes("errors")) != 1 {
		t.Errorf("the flashes: %v", flashes)
	}
	b.saved(session)
	if flashes := b.load().Flashes(); len(flashes) != 0 {
		t.Errorf("the flashes come twice: %v", flashes)
	}
}

func TestSave_LogoutDuringSignIn(t *testing.T) {
	issued := time.Now()
	w := newWorld(t, func(c *gorillastore.Config) {
		c.Issuer = issuer
		c.Identify = func(session *sessions.Session) adapter.Identity {
			identity := identify(session)
			identity.IDTokenIssuedAt = issued
			return identity
		}
	})
	w.logout(issuer, bff.UserSessionsFilter{SessionID: "s1"})
	b := w.browser()
	session := b.load()
	session.Values["sub"], session.Values["sid"] = "alice", "s1"
	b.refused(session, adapter.ErrEnded)
	if len(w.live()) != 0 {
		t.Error("the session is there")
	}
}
