package adapter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

func TestNew_Refused(t *testing.T) {
	ring, store := ticket.InsecureRandomKeyRing(), bff.NewInMemoryStore()
	for name, cfg := range map[string]adapter.Config{
		"Store":        {Protector: ring},
		"Protector":    {Store: store},
		"has no key":   {Store: store, Protector: (*ticket.KeyRing)(nil)},
		"no key":       {Store: store, Protector: &ticket.KeyRing{}},
		"Partition":    {Store: store, Protector: ring, Partition: " app"},
		"reserved":     {Store: store, Protector: ring, Partition: "backchannel-logouts"},
		"StoreTimeout": {Store: store, Protector: ring, StoreTimeout: -1},
	} {
		if _, err := adapter.New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		create(t, s, "secret", state("alice", "s1", "payload"))
		session := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
		if session.SubjectID != "alice" || session.SessionID != "s1" || string(session.Payload) != "payload" ||
			!session.Created.Equal(start) || !session.Expires.Equal(start.Add(time.Hour)) {
			t.Errorf("the session: %+v", session)
		}
		for _, secret := range []string{"", "other", "Secret", strings.Repeat("x", 5000)} {
			gone(t, s, secret)
		}
		store.fail["get"] = true
		if _, err := s.Load(t.Context(), "secret"); !errors.Is(err, errDown) {
			t.Errorf("without a database: %v", err)
		}
		store.fail["get"] = false
		store.advance(time.Hour)
		gone(t, s, "secret")
	})
}

// The row has neither the secret nor the payload.
func TestCreate_Secrecy(t *testing.T) {
	store := newSpy()
	s := newSessions(t, store, store)
	create(t, s, "secret-of-the-cookie", state("alice", "s1", "payload-in-the-clear"))
	rows := must[[]bff.UserSession](t)(store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}))
	if len(rows) != 1 || strings.Contains(rows[0].Key, "secret") || bytes.Contains(rows[0].Ticket, []byte("payload")) {
		t.Errorf("the rows: %+v", rows)
	}
	gone(t, s, rows[0].Key)
}

// Neither a session nor a state prints its payload or its key.
func TestSession_NotPrinted(t *testing.T) {
	store := newSpy()
	s := newSessions(t, store, store)
	st := state("alice", "s1", "payload-in-the-clear")
	session := create(t, s, "secret", st)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "session", session, "copy", *session, "state", st)
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %v", session, session, session, *session, st, &st, st, []*adapter.Session{session}) + log.String()
	for _, secret := range []string{"payload", session.Key(), fmt.Sprint([]byte("payload"))} {
		if strings.Contains(text, strings.Trim(secret, "[]")) {
			t.Errorf("printed: %s", text)
		}
	}
}

// A payload that was moved to another row, or was sealed with a lost key, does not open.
func TestLoad_Unreadable(t *testing.T) {
	store := newSpy()
	s := newSessions(t, store, store)
	alice := create(t, s, "a", state("alice", "s1", "of alice"))
	create(t, s, "b", state("bob", "s2", "of bob"))
	all := must[[]bff.UserSession](t)(store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}))
	bob := must[[]bff.UserSession](t)(store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "bob"}))[0]
	if err := store.UpdateUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: bob.Key}, bff.UserSessionUpdate{
		SubjectID: "bob", SessionID: "s2", Renewed: start, Ticket: all[0].Ticket,
	}); err != nil {
		t.Fatal(err)
	}
	gone(t, s, "b")
	if list := must[[]*adapter.Session](t)(s.UserSessions(t.Context(), "bob")); len(list) != 1 || list[0].Payload != nil {
		t.Errorf("the sessions of bob: %+v", list)
	}
	var n int
	for session, err := range s.All(t.Context()) {
		if err != nil || session.SubjectID != alice.SubjectID {
			t.Errorf("%+v, %v", session, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	gone(t, newSessions(t, store, store), "a") // another key ring
}

func TestCreate_Refused(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		create(t, s, "secret", state("", "", "1"))
		for name, test := range map[string]struct {
			secret string
			state  adapter.State
			want   error
		}{
			"same secret":           {"secret", state("", "", "2"), bff.ErrSessionExists},
			"white space":           {"x", state("alice ", "", "2"), bff.ErrInvalidSession},
			"too long a session id": {"x", state("alice", strings.Repeat("s", 201), "2"), bff.ErrInvalidSession},
		} {
			if _, err := s.Create(t.Context(), test.secret, test.state, nil); !errors.Is(err, test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Create(t.Context(), "", state("", "", ""), nil); err == nil {
			t.Error("an empty secret is accepted")
		}
		if n := rows(t, store, ""); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestSave(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		session := create(t, s, "secret", state("", "", "1"))
		store.advance(time.Minute)
		session = must[*adapter.Session](t)(s.Save(t.Context(), session, state("", "", "2")))
		session = must[*adapter.Session](t)(s.Save(t.Context(), session, state("alice", "", "3")))
		local := session.SessionID
		if !strings.HasPrefix(local, "local-") {
			t.Errorf("the session id is %q", local)
		}
		session = must[*adapter.Session](t)(s.Save(t.Context(), session, state("alice", "", "4")))
		if session.SessionID != local {
			t.Error("a save has changed the session id")
		}
		must[*adapter.Session](t)(s.Save(t.Context(), session, state("alice", "s1", "5")))
		loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
		if string(loaded.Payload) != "5" || loaded.SessionID != "s1" || !loaded.Created.Equal(start) || !loaded.Renewed.Equal(start.Add(time.Minute)) {
			t.Errorf("the session: %+v", loaded)
		}
	})
}

// A session id without a user is ignored: an application signs out by removing the user.
func TestSave_SessionIDWithoutUser(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		session := create(t, s, "secret", state("alice", "s1", "1"))
		session = must[*adapter.Session](t)(s.Save(t.Context(), session, state("", "s1", "2")))
		if !session.Anonymous() || session.SessionID != "" {
			t.Errorf("the session has %q and %q", session.SubjectID, session.SessionID)
		}
		create(t, s, "new", state("", "s1", "3"))
	})
}

// A save that was loaded before the same user has signed in again does not bring the former
// session of the provider back.
func TestSave_UserSignedInAgain(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		create(t, s, "secret", state("alice", "s1", "1"))
		loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
		save(t, s, "alice", "s2")
		if _, err := s.Save(t.Context(), loaded, state("alice", "s1", "late")); !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("the late save: %v", err)
		}
		if got := must[*adapter.Session](t)(s.Load(t.Context(), "secret")); got.SessionID != "s2" {
			t.Errorf("the session id is %q", got.SessionID)
		}
	})
}

// Many requests of one session at the same time all save.
func TestSave_Crowd(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, _ *spy) {
		create(t, s, "secret", state("alice", "s1", "1"))
		var group sync.WaitGroup
		for range 80 {
			loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
			group.Go(func() {
				if _, err := s.Save(t.Context(), loaded, state("alice", "s1", "2")); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

// Of concurrent saves the last one wins, and none fails.
func TestSave_LastWins(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		create(t, s, "secret", state("alice", "s1", "1"))
		first, second := must[*adapter.Session](t)(s.Load(t.Context(), "secret")), must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
		must[*adapter.Session](t)(s.Save(t.Context(), first, state("alice", "s1", "2")))
		must[*adapter.Session](t)(s.Save(t.Context(), second, state("alice", "s1", "3")))
		if got := must[*adapter.Session](t)(s.Load(t.Context(), "secret")); string(got.Payload) != "3" {
			t.Errorf("the payload is %q", got.Payload)
		}
	})
}

// TestSave_Ended: a save of a session that has ended, in whatever way, writes nothing.
func TestSave_Ended(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *adapter.Sessions, store *spy){
		"deleted": func(t *testing.T, s *adapter.Sessions, _ *spy) { must[bool](t)(s.Delete(t.Context(), "secret")) },
		"user's":  func(t *testing.T, s *adapter.Sessions, _ *spy) { must[int64](t)(s.EndSessions(t.Context(), "alice")) },
		"one": func(t *testing.T, s *adapter.Sessions, _ *spy) {
			must[int64](t)(s.EndSession(t.Context(), "alice", "s1"))
		},
		"expired":       func(_ *testing.T, _ *adapter.Sessions, store *spy) { store.advance(time.Hour) },
		"other user":    func(t *testing.T, s *adapter.Sessions, _ *spy) { save(t, s, "bob", "s2") },
		"nobody":        func(t *testing.T, s *adapter.Sessions, _ *spy) { save(t, s, "", "") },
		"other browser": func(t *testing.T, s *adapter.Sessions, _ *spy) { create(t, s, "other", state("alice", "s1", "")) },
		"rotated": func(t *testing.T, s *adapter.Sessions, _ *spy) {
			loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
			must[*adapter.Session](t)(s.Rotate(t.Context(), loaded, "new", state("alice", "s1", "")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
				create(t, s, "secret", state("alice", "s1", "1"))
				loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
				end(t, s, store)
				before := rows(t, store, "")
				for call, err := range map[string]error{
					"save":          errOf(s.Save(t.Context(), loaded, state("alice", "s1", "late"))),
					"late rotation": errOf(s.Rotate(t.Context(), loaded, "late", state("alice", "s1", "late"))),
					"renew":         errOf(s.Renew(t.Context(), loaded, start.Add(9*time.Hour))),
				} {
					if !errors.Is(err, adapter.ErrEnded) || !errors.Is(err, bff.ErrSessionNotFound) {
						t.Errorf("%s: %v", call, err)
					}
				}
				gone(t, s, "late")
				if n := rows(t, store, ""); n != before {
					t.Errorf("%d rows, want %d", n, before)
				}
			})
		})
	}
}

func save(t *testing.T, s *adapter.Sessions, sub, sid string) {
	t.Helper()
	loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
	must[*adapter.Session](t)(s.Save(t.Context(), loaded, state(sub, sid, "")))
}

func errOf[T any](_ T, err error) error { return err }

func TestRenew(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		session := create(t, s, "secret", state("alice", "s1", "1")) // ends after an hour
		before := store.writes()
		store.advance(29 * time.Minute)
		session = must[*adapter.Session](t)(s.Renew(t.Context(), session, store.clock().Add(time.Hour)))
		if n := store.writes() - before; n != 0 {
			t.Errorf("%d writes in the first half of the window", n)
		}
		store.advance(2 * time.Minute)
		session = must[*adapter.Session](t)(s.Renew(t.Context(), session, store.clock().Add(time.Hour)))
		if n := store.writes() - before; n != 1 {
			t.Errorf("%d writes, want 1", n)
		}
		if want := start.Add(91 * time.Minute); !session.Expires.Equal(want) {
			t.Errorf("the session ends at %v, want %v", session.Expires, want)
		}
		loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
		if string(loaded.Payload) != "1" || loaded.SessionID != "s1" {
			t.Errorf("the session: %+v", loaded)
		}
		shorter := must[*adapter.Session](t)(s.Renew(t.Context(), loaded, store.clock().Add(time.Minute)))
		if !shorter.Expires.Equal(store.clock().Add(time.Minute)) {
			t.Error("a shorter window has no effect")
		}
		never := must[*adapter.Session](t)(s.Renew(t.Context(), shorter, time.Time{}))
		if !never.Expires.IsZero() {
			t.Error("the session still ends")
		}
	})
}

func TestRotate(t *testing.T) {
	for _, sid := range []string{"s1", "s2", ""} {
		forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
			loaded := create(t, s, "old", state("alice", "s1", "1"))
			session := must[*adapter.Session](t)(s.Rotate(t.Context(), loaded, "new", state("alice", sid, "2")))
			gone(t, s, "old")
			got := must[*adapter.Session](t)(s.Load(t.Context(), "new"))
			if string(got.Payload) != "2" || got.SubjectID != "alice" || got.SessionID != session.SessionID || sid != "" && got.SessionID != sid {
				t.Errorf("the session: %+v", got)
			}
			must[*adapter.Session](t)(s.Save(t.Context(), session, state("alice", sid, "3")))
			if n := rows(t, store, ""); n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// Of concurrent rotations of a user's session one succeeds. Those of an anonymous session all
// do: a double click on a sign-in button.
func TestRotate_Race(t *testing.T) {
	for sub, want := range map[string]int64{"alice": 1, "": 8} {
		forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
			create(t, s, "old", state(sub, "", "1"))
			var succeeded atomic.Int64
			var group sync.WaitGroup
			var all []*adapter.Session
			for range 8 {
				all = append(all, must[*adapter.Session](t)(s.Load(t.Context(), "old")))
			}
			for _, loaded := range all {
				group.Go(func() {
					_, err := s.Rotate(t.Context(), loaded, adapter.NewSecret(), state("alice", "", "2"))
					if err == nil {
						succeeded.Add(1)
					} else if !errors.Is(err, adapter.ErrEnded) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			gone(t, s, "old")
			if n := rows(t, store, "alice"); succeeded.Load() != want || int64(n) != want {
				t.Errorf("%d rotations succeeded and %d rows are there, want %d", succeeded.Load(), n, want)
			}
		})
	}
}

// TestRotate_Fails: if the store fails in the middle, the former session stays, or the new one
// goes, and never two of them are there.
func TestRotate_Fails(t *testing.T) {
	for _, operation := range []string{"create", "delete", "update"} {
		store := newSpy()
		s := newSessions(t, store, store)
		loaded := create(t, s, "old", state("alice", "s1", "1"))
		store.on(operation, func() { store.fail[operation] = true })
		_, err := s.Rotate(t.Context(), loaded, "new", state("alice", "s1", "2"))
		if !errors.Is(err, errDown) {
			t.Errorf("%s: %v", operation, err)
		}
		clear(store.fail)
		if n := rows(t, store, "alice"); n > 1 && operation != "delete" {
			t.Errorf("%s: %d rows", operation, n)
		}
	}
}

func TestDelete(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		session := create(t, s, "secret", state("", "", "1"))
		if ended := must[bool](t)(s.Delete(t.Context(), "secret")); !ended {
			t.Error("Delete says that there was no session")
		}
		for _, secret := range []string{"secret", "", "other"} {
			if ended := must[bool](t)(s.Delete(t.Context(), secret)); ended {
				t.Errorf("Delete(%q) says that there was a session", secret)
			}
		}
		if ended := must[bool](t)(s.Remove(t.Context(), session)); ended {
			t.Error("Remove says that there was a session")
		}
		store.fail["delete"] = true
		if _, err := s.Delete(t.Context(), "secret"); !errors.Is(err, errDown) {
			t.Errorf("without a database: %v", err)
		}
	})
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := newSpy()
	s := newSessions(t, store, store)
	session := create(t, s, "secret", state("alice", "s1", "1"))
	for call, err := range map[string]error{
		"load":   errOf(s.Load(ctx, "secret")),
		"create": errOf(s.Create(ctx, "new", state("", "", ""), nil)),
		"save":   errOf(s.Save(ctx, session, state("alice", "s1", "2"))),
		"rotate": errOf(s.Rotate(ctx, session, "new", state("alice", "s1", "2"))),
		"delete": errOf(s.Delete(ctx, "secret")),
		"end":    errOf(s.EndSessions(ctx, "alice")),
		"list":   errOf(s.UserSessions(ctx, "alice")),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", call, err)
		}
	}
	if got := must[*adapter.Session](t)(s.Load(t.Context(), "secret")); string(got.Payload) != "1" {
		t.Errorf("the payload is %q", got.Payload)
	}
}
