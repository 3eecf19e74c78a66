package adaptertest

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// Run runs the scenario against a library. newStore returns an empty store.
func Run(t *testing.T, library Library, newStore func(t *testing.T) bff.UserSessionStore) {
	for _, part := range []struct {
		name string
		run  func(w *world)
	}{
		{"anonymous session", anonymous},
		{"flash", flash},
		{"sign-in has a new id", signInRotates},
		{"sign-in without a session", signInFirst},
		{"sign-in by a double click", signInTwice},
		{"rotation", rotation},
		{"same sid in another browser", sameSID},
		{"user without a sid", withoutSID},
		{"another user in the same browser", otherUser},
		{"sessions of a user", endAll},
		{"back-channel logout by sid", logoutBySID},
		{"back-channel logout by sub", logoutBySub},
		{"back-channel logout by sub and sid", logoutBySubAndSID},
		{"late save after revocation", lateSave},
		{"late save after back-channel logout", lateSaveAfterLogout},
		{"late save after sign-out in place", lateSaveAfterDrop},
		{"late rotation after revocation", lateRotation},
		{"revocation after rotation", revocationInRotation},
		{"back-channel logout after rotation", logoutInRotation},
		{"late sign-out after revocation", lateSignOut},
		{"sign-out", signOut},
		{"database down", databaseDown},
		{"tampered cookie", tampered},
		{"concurrent requests", concurrent},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(newWorld(t, library, newStore(t))) })
	}
}

func anonymous(w *world) {
	b := w.newBrowser()
	b.has("cart", "")
	if rows := w.rows(); len(rows) != 0 {
		w.t.Errorf("reading a session has made %d rows", len(rows))
	}
	b.ok("/set", "name", "cart", "value", "3 apples")
	b.has("cart", "3 apples")
	if row := w.oneRow(); row.SubjectID != "" || row.SessionID != "" || row.Key == b.cookie() {
		w.t.Errorf("the row of an anonymous session: %+v", row)
	}
	w.newBrowser().has("cart", "")
}

func flash(w *world) {
	b := w.newBrowser()
	b.ok("/flash", "text", "saved")
	b.ok("/flash", "text", "twice")
	if text := b.ok("/flashes"); text != "saved,twice" {
		w.t.Errorf("the flashes are %q", text)
	}
	if text := b.ok("/flashes"); text != "" {
		w.t.Errorf("flashes come twice: %q", text)
	}
}

func signInRotates(w *world) {
	b := w.newBrowser()
	b.ok("/set", "name", "cart", "value", "3 apples")
	before := b.cookie()
	b.signIn("alice", "s1")
	b.signedIn("alice")
	b.has("cart", "3 apples")
	if b.cookie() == before {
		w.t.Error("the sign-in has kept the id")
	}
	if row := w.oneRow(); row.SubjectID != "alice" || row.SessionID != "s1" {
		w.t.Errorf("the row: %+v", row)
	}
	thief := w.newBrowser()
	thief.setCookie(before)
	thief.signedOut()
}

func signInFirst(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	b.signedIn("alice")
	if row := w.oneRow(); row.SubjectID != "alice" || row.SessionID != "s1" {
		w.t.Errorf("the row: %+v", row)
	}
}

// A double click sends two sign-ins from one anonymous session. The second one answers the
// browser, so it must not fail.
func signInTwice(w *world) {
	b := w.newBrowser()
	b.ok("/set", "name", "cart", "value", "3 apples")
	other := w.newBrowser()
	other.setCookie(b.cookie())
	if status := w.whileHeld(other, "/held/rotate", func() { b.signIn("alice", "s1") }); status != http.StatusOK {
		w.t.Errorf("the second request of an anonymous session: status %d", status)
	}
	b.signedIn("alice")
	other.signedOut()
	other.has("cart", "3 apples")
}

func rotation(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	before := b.cookie()
	b.ok("/rotate")
	b.signedIn("alice")
	if b.cookie() == before {
		w.t.Error("the rotation has kept the id")
	}
	if row := w.oneRow(); row.SubjectID != "alice" || row.SessionID != "s1" {
		w.t.Errorf("the row: %+v", row)
	}
	former := w.newBrowser()
	former.setCookie(before)
	former.signedOut()
}

func sameSID(w *world) {
	first, second := w.newBrowser(), w.newBrowser()
	first.signIn("alice", "s1")
	second.signIn("alice", "s1")
	first.signedOut()
	second.signedIn("alice")
	w.oneRow()
}

func withoutSID(w *world) {
	first, second := w.newBrowser(), w.newBrowser()
	first.signIn("alice", "")
	second.signIn("alice", "")
	first.signedIn("alice")
	first.ok("/set", "name", "n", "value", "1")
	ids, err := w.app.SessionIDs(w.t.Context(), "alice")
	slices.Sort(ids)
	if err != nil || len(ids) != 2 || ids[0] == ids[1] || ids[0] == "" {
		w.t.Errorf("the sessions of alice: %q, %v", ids, err)
	}
	w.backchannelLogout(map[string]any{"sub": "alice", "sid": "s1"})
	first.signedOut()
	second.signedOut()
}

func otherUser(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	before := b.cookie()
	b.signIn("bob", "s2")
	b.signedIn("bob")
	if b.cookie() == before {
		w.t.Error("another user has the same id")
	}
	if row := w.oneRow(); row.SubjectID != "bob" || row.SessionID != "s2" {
		w.t.Errorf("the row: %+v", row)
	}
}

func endAll(w *world) {
	laptop, phone, bob := w.newBrowser(), w.newBrowser(), w.newBrowser()
	laptop.signIn("alice", "s1")
	phone.signIn("alice", "s2")
	bob.signIn("bob", "s3")
	if ids, err := w.app.SessionIDs(w.t.Context(), "alice"); err != nil || !slices.Equal(ids, []string{"s1", "s2"}) {
		w.t.Errorf("the sessions of alice: %q, %v", ids, err)
	}
	w.end("alice", 2)
	laptop.signedOut()
	phone.signedOut()
	bob.signedIn("bob")
	w.end("alice", 0)
	laptop.signIn("alice", "s1")
	laptop.signedIn("alice")
	if _, err := w.app.EndSessions(w.t.Context(), ""); err == nil {
		w.t.Error("the sessions of nobody were ended")
	}
}

func logoutBySID(w *world) {
	laptop, phone := w.newBrowser(), w.newBrowser()
	laptop.signIn("alice", "s1")
	phone.signIn("alice", "s2")
	w.backchannelLogout(map[string]any{"sid": "s1"})
	laptop.signedOut()
	phone.signedIn("alice")
}

func logoutBySub(w *world) {
	laptop, phone, bob, guest := w.newBrowser(), w.newBrowser(), w.newBrowser(), w.newBrowser()
	laptop.signIn("alice", "s1")
	phone.signIn("alice", "s2")
	bob.signIn("bob", "s3")
	guest.ok("/set", "name", "cart", "value", "1")
	w.backchannelLogout(map[string]any{"sub": "alice"})
	laptop.signedOut()
	phone.signedOut()
	bob.signedIn("bob")
	guest.has("cart", "1")
}

func logoutBySubAndSID(w *world) {
	laptop, phone := w.newBrowser(), w.newBrowser()
	laptop.signIn("alice", "s1")
	phone.signIn("alice", "s2")
	w.backchannelLogout(map[string]any{"sub": "alice", "sid": "s1"})
	laptop.signedOut()
	phone.signedIn("alice")
}

func lateSave(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	if status := w.whileHeld(b, "/held/set", func() { w.end("alice", 1) }); status < 500 {
		w.t.Errorf("the late save: status %d, want an error", status)
	}
	w.noRowOf("alice")
	b.signedOut()
	b.has("late", "")
}

func lateSaveAfterLogout(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	if status := w.whileHeld(b, "/held/set", func() { w.backchannelLogout(map[string]any{"sid": "s1"}) }); status < 500 {
		w.t.Errorf("the late save: status %d, want an error", status)
	}
	w.noRowOf("alice")
	b.signedOut()
}

// An application that signs out by removing the user from the values is not signed in again
// by a request that still had them.
func lateSaveAfterDrop(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	other := w.newBrowser()
	other.setCookie(b.cookie())
	if status := w.whileHeld(other, "/held/set", func() { b.ok("/drop") }); status < 500 {
		w.t.Errorf("the late save: status %d, want an error", status)
	}
	w.noRowOf("alice")
	b.signedOut()
}

func lateRotation(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	if status := w.whileHeld(b, "/held/rotate", func() { w.end("alice", 1) }); status < 500 {
		w.t.Errorf("the late rotation: status %d, want an error", status)
	}
	w.noRowOf("alice")
	b.signedOut()
}

// The library may have deleted the former session by now, so that nothing is left to revoke.
func revocationInRotation(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	status := w.whileHeld(b, "/rotate/held", func() {
		if _, err := w.app.EndSessions(w.t.Context(), "alice"); err != nil {
			w.t.Error(err)
		}
	})
	if status < 500 {
		w.t.Errorf("the late rotation: status %d, want an error", status)
	}
	w.noRowOf("alice")
	b.signedOut()
}

func logoutInRotation(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	status := w.whileHeld(b, "/rotate/held", func() { w.backchannelLogout(map[string]any{"sid": "s1"}) })
	if status < 500 {
		w.t.Errorf("the late rotation: status %d, want an error", status)
	}
	w.noRowOf("alice")
	b.signedOut()
}

// A sign-out of a session that has just ended is a success.
func lateSignOut(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	if status := w.whileHeld(b, "/held/signout", func() { w.end("alice", 1) }); status != http.StatusOK {
		w.t.Errorf("the sign-out of an ended session: status %d", status)
	}
	w.noRowOf("alice")
	b.signedOut()
}

func signOut(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	before := b.cookie()
	b.ok("/signout")
	if rows := w.rows(); len(rows) != 0 {
		w.t.Errorf("%d rows after the sign-out", len(rows))
	}
	b.signedOut()
	b.setCookie(before)
	b.signedOut()
	b.ok("/signout")
}

// While the database is down no request is served as if its browser was signed out, and
// no user loses a session.
func databaseDown(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	before := b.cookie()
	w.store.down.Store(true)
	b.refused("/get", "name", Subject)
	b.refused("/set", "name", "n", "value", "1")
	b.refused("/signout")
	w.store.down.Store(false)
	if b.cookie() != before {
		w.t.Error("the cookie has changed")
	}
	b.signedIn("alice")

	// It goes down between the load and the save.
	if status := w.whileHeld(b, "/held/set", func() { w.store.down.Store(true) }); status < 500 {
		w.t.Errorf("a save without a database: status %d", status)
	}
	w.store.down.Store(false)
	b.signedIn("alice")
	b.has("late", "")
}

func tampered(w *world) {
	alice := w.newBrowser()
	alice.signIn("alice", "s1")
	value := alice.cookie()
	last := byte('A')
	if value[len(value)/2] == last {
		last = 'B'
	}
	middle := value[:len(value)/2] + string(last) + value[len(value)/2+1:]
	for _, cookie := range []string{middle, value + "A", value[:len(value)-1], "x", w.oneRow().Key, adapter.NewSecret()} {
		b := w.newBrowser()
		b.setCookie(cookie)
		b.signedOut()
		b.ok("/set", "name", "n", "value", "1")
		if b.cookie() == cookie {
			w.t.Error("the browser has chosen the id of its session")
		}
	}
	alice.signedIn("alice")
}

// Requests of one session at the same time are all served.
func concurrent(w *world) {
	b := w.newBrowser()
	b.signIn("alice", "s1")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 4 {
				if status, text := b.do("/set", "name", "n", "value", "1"); status != http.StatusOK {
					w.t.Errorf("status %d: %s", status, text)
				}
			}
		})
	}
	group.Wait()
	b.signedIn("alice")
	b.has("n", "1")
	w.oneRow()
}
