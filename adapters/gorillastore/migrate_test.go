package gorillastore_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

var formerKey = []byte("0123456789abcdef0123456789abcdef")

// formers returns a former store of each kind.
func formers(t *testing.T) map[string]sessions.Store {
	files := sessions.NewFilesystemStore(t.TempDir(), formerKey)
	return map[string]sessions.Store{"cookie": sessions.NewCookieStore(formerKey), "files": files}
}

func migrating(former sessions.Store) func(*gorillastore.Config) {
	return func(c *gorillastore.Config) { c.Migrating, c.MigrateUntil = former, time.Now().Add(time.Hour) }
}

// formerBrowser has a session of a former store.
func (w *world) formerBrowser(former sessions.Store, pairs ...string) *browser {
	w.Helper()
	b := w.browser()
	r, response := b.request(), httptest.NewRecorder()
	session, err := former.New(r, name)
	for i := 0; i < len(pairs); i += 2 {
		session.Values[pairs[i]] = pairs[i+1]
	}
	if err == nil {
		err = former.Save(r, response, session)
	}
	if err != nil {
		w.Fatal(err)
	}
	b.receive(response)
	return b
}

// users returns the number of live sessions of alice.
func (w *world) users() int {
	w.Helper()
	list, err := w.store.UserSessions(w.Context(), "alice")
	if err != nil {
		w.Fatal(err)
	}
	return len(list)
}

func TestMigrating(t *testing.T) {
	for kind, former := range formers(t) {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, migrating(former))
			b := w.formerBrowser(former, "sub", "alice", "sid", "s1", "cart", "1")
			b.has("sub", "alice", "cart", "1")
			if b.load().IsNew || len(w.live()) != 0 {
				t.Error("the session is new, or was moved before it was saved")
			}
			old := b.clone()
			session := b.load()
			session.Values["n"] = "2"
			if cookies, err := b.save(session); cookies != 1 || err != nil || len(b.cookies[name]) != 43 {
				t.Errorf("Save: %v, %d cookies", err, cookies)
			}
			if session, _ := former.New(old.request(), name); kind == "files" && !session.IsNew {
				t.Error("the session is still in the former store")
			}
			b.has("sub", "alice", "cart", "1", "n", "2")
			if list, err := w.store.UserSessions(t.Context(), "alice"); err != nil || len(list) != 1 || list[0].SessionID != "s1" {
				t.Errorf("the sessions: %+v, %v", list, err)
			}
			old.has("sub", "alice", "n", "2") // the moved session
			old.set("m", "3")
			if old.cookies[name] != b.cookies[name] || w.users() != 1 {
				t.Error("a request with the former cookie has made another session")
			}

			former := w.formerBrowser(former, "sub", "alice", "sid", "s2")
			late, again := former.clone().load(), former.clone()
			former.set("n", "1")
			if n, err := w.store.EndSessions(t.Context(), "alice"); n != 2 || err != nil {
				t.Fatalf("EndSessions: %d, %v", n, err)
			}
			again.isNew()
			late.Values["n"] = "2"
			again.refused(late, adapter.ErrEnded)
			again.set("n", "3")
			again.has("sub", "")
			if w.users() != 0 {
				t.Error("the session has come back")
			}
		})
	}
}

// Requests of one browser load the former session before the first one has moved it.
func TestMigrating_Concurrent(t *testing.T) {
	for kind, former := range formers(t) {
		t.Run(kind, func(t *testing.T) {
			for _, sid := range []string{"s1", ""} {
				w := newWorld(t, migrating(former))
				b := w.formerBrowser(former, "sub", "alice", "sid", sid)
				other := b.clone()
				first, second := b.load(), other.load()
				first.Values["n"], second.Values["n"] = "1", "2"
				b.saved(first)
				other.saved(second)
				if w.users() != 1 || b.cookies[name] != other.cookies[name] {
					t.Errorf("%d sessions", w.users())
				}
				b.has("sub", "alice", "n", "2")
				if _, err := w.store.EndSessions(t.Context(), "alice"); err != nil {
					t.Fatal(err)
				}
			}
			w := newWorld(t, migrating(former))
			guest := w.formerBrowser(former, "cart", "1")
			other := guest.clone()
			first, second := guest.load(), other.load()
			guest.saved(first)
			guest.set("sub", "alice", "sid", "s3")
			second.Values["sub"], second.Values["sid"] = "alice", "s3"
			other.saved(second) // a double click
			other.has("sub", "alice", "cart", "1")
			if w.users() != 1 {
				t.Errorf("%d sessions", w.users())
			}
		})
	}
}

func TestMigrating_Delete(t *testing.T) {
	for kind, former := range formers(t) {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, migrating(former))
			b := w.formerBrowser(former, "sub", "alice")
			old, late := b.clone(), b.clone()
			lateSession, session := late.load(), b.load()
			session.Options.MaxAge = -1
			b.saved(session)
			if b.cookies[name] != "" {
				t.Error("the cookie is still there")
			}
			old.isNew()
			lateSession.Values["n"] = "1"
			late.refused(lateSession, adapter.ErrEnded)
			lateSession.Options.MaxAge = -1
			late.saved(lateSession)

			b = w.formerBrowser(former, "sub", "alice", "another", "session")
			late = b.clone()
			lateSession = late.load()
			b.set("n", "1")
			lateSession.Options.MaxAge = -1
			late.saved(lateSession)
			if b.isNew(); w.users() != 0 {
				t.Error("the session that was moved is still there")
			}
		})
	}
}

func TestMigrating_Deadline(t *testing.T) {
	former := sessions.NewCookieStore(formerKey)
	w := newWorld(t, migrating(former))
	b := w.formerBrowser(former, "sub", "alice")
	b.has("sub", "alice")
	w.pass(time.Hour + time.Minute)
	b.isNew()
	b.set("n", "1")
	b.has("n", "1", "sub", "")
}

func TestMigrating_NoSession(t *testing.T) {
	former := sessions.NewFilesystemStore(t.TempDir(), formerKey)
	w := newWorld(t, migrating(former))
	b := w.browser()
	b.cookies[name] = "forged"
	b.isNew()
	b = w.formerBrowser(former, "sub", "alice")
	old := b.clone()
	r, response := b.request(), httptest.NewRecorder()
	session, err := former.New(r, name)
	if err != nil {
		t.Fatal(err)
	}
	session.Options.MaxAge = -1
	if err := former.Save(r, response, session); err != nil {
		t.Fatal(err)
	}
	old.isNew() // no file
}

func TestMigrating_LogoutDuringMove(t *testing.T) {
	former := sessions.NewCookieStore(formerKey)
	issued := time.Now()
	w := newWorld(t, migrating(former), func(c *gorillastore.Config) {
		c.Issuer = issuer
		c.Identify = func(session *sessions.Session) adapter.Identity {
			identity := identify(session)
			identity.IDTokenIssuedAt = issued
			return identity
		}
	})
	for _, filter := range []bff.UserSessionsFilter{{SessionID: "s1"}, {SubjectID: "alice"}} {
		b := w.formerBrowser(former, "sub", "alice", "sid", "s1", "by", filter.SubjectID)
		w.logout(issuer, filter)
		b.refused(b.load(), adapter.ErrEnded)
		b.isNew()
		if w.users() != 0 {
			t.Error("the session is there")
		}
	}
}

// broken is a former store that can be out of order.
type broken struct {
	sessions.Store
	reads, saves bool
}

func (b *broken) New(r *http.Request, name string) (*sessions.Session, error) {
	session, err := b.Store.New(r, name)
	if b.reads {
		return sessions.NewSession(b, name), os.ErrPermission
	}
	return session, err
}

func (b *broken) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if b.saves {
		return os.ErrPermission
	}
	return b.Store.Save(r, w, session)
}

func TestMigrating_FormerUnavailable(t *testing.T) {
	former := &broken{Store: sessions.NewFilesystemStore(t.TempDir(), formerKey)}
	for _, sid := range []string{"s1", ""} {
		w := newWorld(t, migrating(former))
		b := w.formerBrowser(former, "sub", "alice", "sid", sid)
		cookie := b.cookies[name]
		former.reads = true
		session, err := w.store.Get(b.request(), name)
		if session == nil || !errors.Is(err, os.ErrPermission) {
			t.Fatalf("Get: %v, %v", session, err)
		}
		b.refused(session, os.ErrPermission)
		session.Options.MaxAge = -1
		b.refused(session, os.ErrPermission)
		former.reads, former.saves = false, true
		b.refused(b.load(), os.ErrPermission)
		if w.users() != 0 {
			t.Error("a move that failed has left a session")
		}
		former.saves = false
		if b.cookies[name] != cookie {
			t.Error("the cookie has changed")
		}
		b.has("sub", "alice")
		w.rows.down.Store(true)
		if _, err := w.store.Get(b.request(), name); !errors.Is(err, errDown) {
			t.Errorf("Get: %v", err)
		}
		w.rows.down.Store(false)
		b.set("n", "1")
		b.has("sub", "alice", "n", "1")
		if w.users() != 1 {
			t.Errorf("%d sessions", w.users())
		}
		if _, err := w.store.EndSessions(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
	}
}

// The cookie of the former store has another path, so that the browser would keep both.
func TestMigrating_AnotherPath(t *testing.T) {
	former := sessions.NewCookieStore(formerKey)
	former.Options.Path = "/app"
	w := newWorld(t, migrating(former))
	b := w.formerBrowser(former, "sub", "alice")
	old := b.cookies[name]
	session := b.load()
	response := httptest.NewRecorder()
	if err := session.Save(b.request(), response); err != nil {
		t.Fatal(err)
	}
	cookies := response.Result().Cookies()
	if len(cookies) != 2 || cookies[0].Path != "/app" || cookies[0].MaxAge >= 0 || cookies[1].Path != "/" || len(cookies[1].Value) != 43 {
		t.Fatalf("the cookies: %v", cookies)
	}
	r := w.browser().request()
	r.Header.Set("Cookie", name+"="+old+"; "+name+"="+cookies[1].Value)
	if session, err := w.store.Get(r, name); err != nil || session.ID != cookies[1].Value {
		t.Errorf("Get with both cookies: %+v, %v", session, err)
	}
}

// A former session of a user who was signed out before it was moved does not come back.
func TestMigrating_EndedBefore(t *testing.T) {
	for kind, former := range formers(t) {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, migrating(former))
			b := w.formerBrowser(former, "sub", "alice", "sid", "s1")
			if _, err := w.store.EndSessions(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			session := b.load()
			session.Values["n"] = "1"
			b.refused(session, adapter.ErrEnded)
			if w.users() != 0 {
				t.Error("the session has come back")
			}
		})
	}
}
