package gorillastore_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

func TestNew_RefusesConfig(t *testing.T) {
	for want, change := range map[string]func(*gorillastore.Config){
		"Config.Identify":     func(c *gorillastore.Config) { c.Identify = nil },
		"Config.Store":        func(c *gorillastore.Config) { c.Store = nil },
		"Config.Protector":    func(c *gorillastore.Config) { c.Protector = nil },
		"Config.Partition":    func(c *gorillastore.Config) { c.Partition = "backchannel-logouts" },
		"Config.MigrateUntil": func(c *gorillastore.Config) { c.Migrating = sessions.NewCookieStore([]byte("key")) },
	} {
		cfg := gorillastore.Config{
			Store: bff.NewInMemoryStore(), Protector: ticket.InsecureRandomKeyRing(), Identify: identify,
		}
		change(&cfg)
		if _, err := gorillastore.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want an error that names %s", err, want)
		}
	}
}

func TestSave_Cookie(t *testing.T) {
	w := newWorld(t)
	response := httptest.NewRecorder()
	session := w.browser().load()
	session.Values["cart"] = "3 apples"
	if err := session.Save(w.browser().request(), response); err != nil {
		t.Fatal(err)
	}
	cookie := response.Result().Cookies()[0]
	if len(cookie.Value) != 43 || cookie.Value != session.ID || cookie.MaxAge != 86400 || cookie.Path != "/" ||
		!cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie: %v", cookie)
	}
	key := bff.UserSessionKey{PartitionKey: partition, Key: w.oneRow().Key}
	row, err := w.rows.GetUserSession(t.Context(), key)
	if err != nil || strings.Contains(row.Key, cookie.Value) || bytes.Contains(row.Ticket, []byte("apples")) {
		t.Errorf("the row %+v has the id or the values, or %v", row, err)
	}
}

func TestSave_HugeValues(t *testing.T) {
	b := newWorld(t).browser()
	huge := strings.Repeat("x", 1<<20)
	b.set("huge", huge)
	b.has("huge", huge)
	if len(b.cookies[name]) != 43 {
		t.Error("the cookie has grown")
	}
}

func TestNew_UnknownID(t *testing.T) {
	w := newWorld(t)
	owner := w.browser()
	owner.set("sub", "alice", "sid", "s1")
	id := owner.cookies[name]
	first := "A"
	if id[:1] == first {
		first = "B"
	}
	for _, cookie := range []string{adapter.NewSecret(), "x", first + id[1:], id + "A", id[1:], w.oneRow().Key, "moved " + id} {
		b := w.browser()
		b.cookies[name] = cookie
		b.isNew()
		b.set("n", "1")
		if b.cookies[name] == cookie {
			t.Error("the browser has chosen the id")
		}
	}
	owner.has("sub", "alice")

	w.pass(gorillastore.Lifetime)
	owner.isNew()
	owner.set("n", "1")
	if owner.cookies[name] == id {
		t.Error("the id of an expired session is used again")
	}
}

func TestNew_ForeignKeys(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("sub", "alice")
	w.protector.Protector = ticket.InsecureRandomKeyRing()
	b.isNew()
}

// Applications ignore the error of Get. That must not sign anybody out.
func TestSave_NotLoaded(t *testing.T) {
	w := newWorld(t)
	for part, switchTo := range map[string]func(down bool){"store": w.rows.down.Store, "protector": w.protector.down.Store} {
		t.Run(part, func(t *testing.T) {
			b := w.browser()
			b.set("sub", "alice", "n", "1")
			id := b.cookies[name]
			for what, change := range map[string]func(*sessions.Session){
				"values":     func(s *sessions.Session) { s.Values["n"] = "2" },
				"new values": func(s *sessions.Session) { s.Values = map[any]any{"n": "2"} },
				"sign-in":    func(s *sessions.Session) { s.Values["sub"] = "bob" },
				"new id":     func(s *sessions.Session) { s.ID = "" },
				"not new":    func(s *sessions.Session) { s.IsNew = false },
			} {
				switchTo(true)
				r := b.request()
				session, err := w.store.Get(r, name)
				if session == nil || err == nil || !session.IsNew {
					t.Fatalf("Get: %v, %v; want a new session and an error", session, err)
				}
				if again, err := w.store.Get(r, name); again != session || err == nil {
					t.Errorf("Get once more: %v", err)
				}
				change(session)
				b.refused(session, err)
				switchTo(false)
				b.refused(session, err)
				duplicate := *session
				if duplicate.ID != "" && duplicate.IsNew {
					if _, err := b.save(&duplicate); err == nil {
						t.Errorf("%s: a copy of a session that was not loaded is saved", what)
					}
				}
				if b.cookies[name] != id {
					t.Fatalf("%s: the cookie has changed", what)
				}
				b.has("sub", "alice", "n", "1")
			}
			switchTo(true)
			session, _ := w.store.Get(b.request(), name)
			switchTo(false)
			session.Options.MaxAge = -1
			b.saved(session)
			b.isNew()
			b.cookies[name] = id
			b.isNew()
		})
	}
}

func TestNew_Cancelled(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.set("n", "1")
	r := b.request()
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if session, err := w.store.New(r.WithContext(ctx), name); session == nil || err == nil {
		t.Errorf("New: %v, %v; want a session and an error", session, err)
	}
}

func TestStore_Options(t *testing.T) {
	w := newWorld(t, func(c *gorillastore.Config) { c.Options = &sessions.Options{Path: "/a", MaxAge: 60} })
	if options := w.browser().load().Options; options.Path != "/a" || options.MaxAge != 60 || options.Secure {
		t.Errorf("the options: %+v", options)
	}
	w.store.MaxAge(120)
	w.browser().load().Options.MaxAge = 7 // of one session
	if options := w.browser().load().Options; options.Path != "/a" || options.MaxAge != 120 {
		t.Errorf("the options: %+v", options)
	}
	w.store.Options = &sessions.Options{Path: "/b", MaxAge: 30}
	b := w.browser()
	b.set("n", "1")
	if row := w.oneRow(); row.Expires.Sub(row.Renewed) != 30*time.Second {
		t.Errorf("the session lives for %s", row.Expires.Sub(row.Renewed))
	}
	w.store.Options = nil
	session := w.browser().load()
	if !session.Options.HttpOnly {
		t.Errorf("the options: %+v", session.Options)
	}
	session.Options = nil
	b.saved(session)
}

func TestSave_BrowserSession(t *testing.T) {
	w := newWorld(t)
	w.store.MaxAge(0)
	session := w.browser().load()
	response := httptest.NewRecorder()
	if err := session.Save(w.browser().request(), response); err != nil {
		t.Fatal(err)
	}
	if header := response.Header().Get("Set-Cookie"); strings.Contains(header, "Max-Age") || strings.Contains(header, "Expires") {
		t.Errorf("the cookie: %s", header)
	}
	if row := w.oneRow(); row.Expires.Sub(row.Renewed) != gorillastore.Lifetime {
		t.Errorf("the session lives for %s", row.Expires.Sub(row.Renewed))
	}
}

func TestStore_Names(t *testing.T) {
	w := newWorld(t)
	r := w.browser().request()
	response := httptest.NewRecorder()
	for _, name := range []string{"auth", "flash"} {
		session, err := w.store.Get(r, name)
		if err != nil {
			t.Fatal(err)
		}
		session.Values["name"] = name
		if name == "auth" {
			session.Values["sub"], session.Values["sid"] = "alice", "s1"
		} else {
			session.AddFlash("hello")
		}
	}
	if err := sessions.Save(r, response); err != nil { // all of them
		t.Fatal(err)
	}
	b := w.browser()
	b.receive(response)
	if len(w.live()) != 2 || b.cookies["auth"] == b.cookies["flash"] {
		t.Fatalf("%d rows", len(w.live()))
	}
	read := func(cookies map[string]string, name string) any {
		t.Helper()
		session, err := w.store.Get((&browser{w, cookies}).request(), name)
		if err != nil {
			t.Fatal(err)
		}
		return session.Values["name"]
	}
	if read(b.cookies, "auth") != "auth" || read(b.cookies, "flash") != "flash" {
		t.Error("the sessions do not have their own values")
	}
	if got := read(map[string]string{"flash": b.cookies["auth"]}, "flash"); got != nil {
		t.Errorf("the cookie of one name loads the session %v under another", got)
	}
	if n, err := w.store.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
		t.Errorf("EndSessions: %d, %v", n, err)
	}
	if read(b.cookies, "auth") != nil || read(b.cookies, "flash") != "flash" {
		t.Error("EndSessions has ended the wrong session")
	}
}

func TestStore_NamesOfOneUser(t *testing.T) {
	w := newWorld(t)
	save := func(name, sid string) {
		t.Helper()
		r := w.browser().request()
		session, err := w.store.Get(r, name)
		if err != nil {
			t.Fatal(err)
		}
		session.Values["sub"], session.Values["sid"] = "alice", sid
		if err := session.Save(r, httptest.NewRecorder()); err != nil {
			t.Fatal(err)
		}
	}
	save("a", "s1")
	save("b", "")
	if list, err := w.store.UserSessions(t.Context(), "alice"); len(list) != 2 || err != nil {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	save("c", "s1") // as documented
	if list, err := w.store.UserSessions(t.Context(), "alice"); len(list) != 2 || err != nil {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	if n, err := w.store.EndSessions(t.Context(), "alice"); n != 2 || err != nil {
		t.Errorf("EndSessions: %d, %v", n, err)
	}
}
