package gorillastore_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// garbage makes a session of a browser whose values do not decode.
func (w *world) garbage(sub string) *browser {
	w.Helper()
	other, err := adapter.New(adapter.Config{Store: w.rows, Partition: partition, Protector: w.protector, Clock: w.now})
	if err != nil {
		w.Fatal(err)
	}
	b := w.browser()
	b.cookies[name] = adapter.NewSecret()
	state := adapter.State{Identity: adapter.Identity{SubjectID: sub}, Payload: []byte("no gob")}
	if _, err := other.Create(w.Context(), name+"="+b.cookies[name], state, nil); err != nil {
		w.Fatal(err)
	}
	return b
}

func TestNew_Undecodable(t *testing.T) {
	w := newWorld(t)
	b := w.garbage("alice")
	id := b.cookies[name]
	session, err := w.store.Get(b.request(), name)
	if session == nil || err == nil || !session.IsNew || !strings.Contains(err.Error(), "gob.Register") {
		t.Fatalf("Get: %v, %v; want a new session and an error", session, err)
	}
	session.Values["n"] = "1"
	b.refused(session, err)
	if row := w.oneRow(); row.SubjectID != "alice" {
		t.Errorf("the row: %+v", row)
	}
	session.Values["sub"] = "alice" // signs in again
	b.saved(session)
	if w.oneRow(); b.cookies[name] == id {
		t.Error("the id has not changed")
	}
	b.has("sub", "alice", "n", "1")

	guest := w.garbage("")
	session, err = w.store.Get(guest.request(), name)
	if err == nil {
		t.Error("Get of an anonymous session whose values do not decode succeeds")
	}
	session.Values["n"] = "2"
	guest.saved(session)
	guest.has("n", "2")

	out := w.garbage("bob")
	session, _ = w.store.Get(out.request(), name)
	session.Options.MaxAge = -1
	out.saved(session)
	if list, err := w.store.UserSessions(t.Context(), "bob"); len(list) != 0 || err != nil {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestUserSessions(t *testing.T) {
	w := newWorld(t)
	laptop, phone := w.browser(), w.browser()
	laptop.set("sub", "alice", "sid", "s1", "device", "laptop")
	w.pass(1)
	phone.set("sub", "alice", "device", "phone")
	w.browser().set("sub", "bob")
	w.browser().set("n", "1")
	w.pass(1000)
	w.garbage("alice")
	list, err := w.store.UserSessions(t.Context(), "alice")
	if err != nil || len(list) != 3 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	first := list[0]
	if first.SubjectID != "alice" || first.SessionID != "s1" || first.Values["device"] != "laptop" ||
		first.Created.IsZero() || first.Renewed.IsZero() || !first.Expires.After(first.Created) {
		t.Errorf("the first session: %+v", first)
	}
	if list[2].Values != nil {
		t.Errorf("the values of a session that does not decode: %v", list[2].Values)
	}
	if n, err := w.store.EndSession(t.Context(), "bob", list[1].SessionID); n != 0 || err != nil {
		t.Errorf("EndSession of another user's: %d, %v", n, err)
	}
	if n, err := w.store.EndSession(t.Context(), "alice", list[1].SessionID); n != 1 || err != nil {
		t.Errorf("EndSession: %d, %v", n, err)
	}
	phone.isNew()
	laptop.has("device", "laptop")
	if _, err := w.store.EndSession(t.Context(), "alice", ""); !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("EndSession without an id: %v", err)
	}
	if _, err := w.store.EndSessions(t.Context(), ""); !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("EndSessions of nobody: %v", err)
	}
	if _, err := w.store.UserSessions(t.Context(), ""); !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("UserSessions of nobody: %v", err)
	}
	if n, err := w.store.EndSessions(t.Context(), "alice"); n != 2 || err != nil {
		t.Errorf("EndSessions: %d, %v", n, err)
	}
	laptop.isNew()
}

func TestStore_Concurrent(t *testing.T) {
	w := newWorld(t)
	owner := w.browser()
	owner.set("sub", "alice", "sid", "s1")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			b := owner.clone()
			for j := range 20 {
				b.set("n", string(rune('a'+(i+j)%26)))
			}
			guest := w.browser()
			guest.set("guest", "yes")
			guest.has("guest", "yes")
		})
	}
	group.Wait()
	owner.has("sub", "alice")
	if n := len(w.live()); n != 9 {
		t.Errorf("%d rows, want 9", n)
	}
}
