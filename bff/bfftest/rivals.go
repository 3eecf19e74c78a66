package bfftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
)

func rivalsTopic() topic {
	return topic{name: "rivals", tests: []test{
		{"ReplaceRivals takes over a live session id", takesOverLive},
		{"ReplaceRivals takes over a session id from the current version", takesOverFromVersion},
		{"ReplaceRivals takes over an expired session id", takesOverExpired},
		{"ReplaceRivals without a rival only updates", takesOverFree},
		{"ReplaceRivals may keep its own session id", takesOverOwn},
		{"ReplaceRivals signs an anonymous session in", takesOverForAnonymous},
		{"a session id that was taken over can be taken over again", takesOverBack},
		{"ReplaceRivals without a session id removes nothing", takesOverNothing},
		{"ReplaceRivals keeps the user's other sessions", takeOverLeavesOthers},
		{"a rival stays if the version has changed", rivalStaysOnChange},
		{"a rival stays if the updated session is missing", rivalStaysWithoutSession},
		{"a rival stays if the updated session has expired", rivalStaysWithExpired},
		{"a rival stays if a value is invalid", rivalStaysOnInvalid},
		{"a rival stays if the key is invalid", rivalStaysOnInvalidKey},
		{"a rival stays if the update is cancelled", rivalStaysOnCancel},
		{"a rival stays without ReplaceRivals", rivalStaysWithoutOption},
		{"a context that ends during an update leaves the rival or its successor", contextEndsDuringTakeOver},
	}}
}

// takeOver updates the session with the key of s to the values of s, with ReplaceRivals.
func (f *fixture) takeOver(ctx context.Context, s bff.UserSession, version int64) error {
	update := updateOf(s)
	update.IfVersion, update.ReplaceRivals = version, true
	return f.store.UpdateUserSession(ctx, keyOf(s), update)
}

// mustTakeOver is takeOver without a version, which must succeed.
func (f *fixture) mustTakeOver(s bff.UserSession) {
	f.Helper()
	if err := f.takeOver(f.Context(), s, 0); err != nil {
		f.Fatalf("UpdateUserSession %s with ReplaceRivals: %v", name(s), err)
	}
}

func takesOverLive(f *fixture) {
	rival, s := session("key-1", sessionID("sid"), subject(bob)), session("key-2")
	f.create(rival, s)
	taken := session("key-2", sessionID("sid"), ticket([]byte("new")))
	f.mustTakeOver(taken)
	f.wantStored(2, taken)
	f.wantAbsent(rival)
	f.wantListed(shop, bySessionID("sid"), taken)
	f.wantListed(shop, bySessionID(s.SessionID))
	f.wantListed(shop, bySubject(bob))
	f.create(session("key-1", sessionID(s.SessionID))) // both are free
}

func takesOverFromVersion(f *fixture) {
	rival, s := session("key-1", sessionID("sid")), session("key-2")
	f.create(rival, s)
	f.update(s)
	s.SessionID = "sid"
	if err := f.takeOver(f.Context(), s, 2); err != nil {
		f.Fatalf("UpdateUserSession with ReplaceRivals from the current version: %v", err)
	}
	f.wantStored(3, s)
	f.wantAbsent(rival)
}

func takesOverExpired(f *fixture) {
	rival, s := session("key-1", sessionID("sid"), expires(end)), session("key-2")
	f.create(rival, s)
	f.clock.set(end.Add(time.Second))
	s.SessionID = "sid"
	f.mustTakeOver(s)
	f.wantStored(2, s)
	f.cleanUp("after ReplaceRivals removed an expired session", 0)
	f.clock.set(start) // the rival would be live again if it was only hidden
	f.wantAbsent(rival)
	f.wantListed(shop, bySessionID("sid"), s)
}

func takesOverFree(f *fixture) {
	other, s := session("key-1"), session("key-2")
	f.create(other, s)
	s.SessionID = "sid-new"
	f.mustTakeOver(s)
	f.wantStored(2, s)
	if err := f.takeOver(f.Context(), s, 2); err != nil {
		f.Fatalf("conditional UpdateUserSession with ReplaceRivals and without a rival: %v", err)
	}
	f.wantStored(3, s)
	f.wantStored(1, other)
}

func takesOverOwn(f *fixture) {
	other, s := session("key-1"), session("key-2")
	f.create(other, s)
	s.Ticket = []byte("another ticket")
	f.mustTakeOver(s)
	f.mustTakeOver(s)
	f.wantStored(3, s)
	f.wantStored(1, other)
	f.wantListed(shop, bySessionID(s.SessionID), s)
}

func takesOverForAnonymous(f *fixture) {
	former := session("key-1", sessionID("sid"))
	visitor, other := session("key-2", anonymous), session("key-3", anonymous)
	f.create(former, visitor, other)
	signedIn := session("key-2", sessionID("sid"), ticket([]byte("of alice")))
	f.mustTakeOver(signedIn)
	f.wantStored(2, signedIn)
	f.wantStored(1, other)
	f.wantAbsent(former)
	f.wantListed(shop, bySubject(alice), signedIn)
}

func takesOverBack(f *fixture) {
	one, two, three := session("key-1", sessionID("sid")), session("key-2"), session("key-3")
	f.create(one, two, three)
	two.SessionID, three.SessionID = "sid", "sid"
	f.mustTakeOver(two)
	f.mustTakeOver(three)
	f.wantAbsent(one, two)
	f.wantStored(2, three)
	f.create(session("key-1"))
	one.SessionID = "sid"
	f.mustTakeOver(one)
	f.wantAbsent(three)
	f.wantStored(2, one)
	f.wantListed(shop, bySubject(alice), one)
}

func takesOverNothing(f *fixture) {
	s, with, without := session("key-1"), session("key-2"), session("key-3", sessionID(""))
	one, two := session("key-4", anonymous), session("key-5", anonymous)
	f.create(s, with, without, one, two)
	s.SessionID = ""
	f.mustTakeOver(s)
	if err := f.takeOver(f.Context(), s, 2); err != nil {
		f.Fatalf("conditional UpdateUserSession with ReplaceRivals and without a session id: %v", err)
	}
	f.wantStored(3, s)
	one.Ticket = []byte("another ticket")
	f.mustTakeOver(one)
	f.wantStored(2, one)
	f.wantStored(1, with, without, two)
}

func takeOverLeavesOthers(f *fixture) {
	rival, second, third := session("key-1", sessionID("sid")), session("key-2"), session("key-3", sessionID(""))
	s := session("key-4", anonymous)
	f.create(rival, second, third, s)
	signedIn := session("key-4", sessionID("sid"))
	f.mustTakeOver(signedIn)
	f.wantStored(1, second, third)
	f.wantListed(shop, bySubject(alice), second, third, signedIn)
}

// rivalAndSession creates two sessions and returns them with values for the second that
// take the session id of the first.
func (f *fixture) rivalAndSession(edits ...func(*bff.UserSession)) (rival, s, taken bff.UserSession) {
	f.Helper()
	rival, s = session("key-1", sessionID("sid"), subject(bob)), session("key-2", edits...)
	f.create(rival, s)
	return rival, s, session("key-2", sessionID("sid"), ticket([]byte("refused")))
}

func rivalStaysOnChange(f *fixture) {
	rival, s, taken := f.rivalAndSession()
	f.update(s) // now at version 2
	for _, version := range []int64{1, 3, -1, -2} {
		f.wantError(fmt.Sprintf("UpdateUserSession with ReplaceRivals from version %d instead of 2", version),
			f.takeOver(f.Context(), taken, version), bff.ErrSessionChanged)
	}
	f.wantStored(1, rival)
	f.wantStored(2, s)
	f.wantListed(shop, bySessionID("sid"), rival)
}

func rivalStaysWithoutSession(f *fixture) {
	rival, s, taken := f.rivalAndSession()
	f.delete(s)
	for _, version := range []int64{0, 1} {
		f.wantError("UpdateUserSession of a missing session with ReplaceRivals",
			f.takeOver(f.Context(), taken, version), bff.ErrSessionNotFound)
	}
	f.wantStored(1, rival)
	f.wantAbsent(s)
}

func rivalStaysWithExpired(f *fixture) {
	rival, _, taken := f.rivalAndSession(expires(end))
	f.clock.set(end.Add(time.Second))
	for _, version := range []int64{0, 1, 2} {
		f.wantError("UpdateUserSession of an expired session with ReplaceRivals",
			f.takeOver(f.Context(), taken, version), bff.ErrSessionNotFound)
	}
	f.wantStored(1, rival)
	f.wantListed(shop, bySessionID("sid"), rival)
}

func rivalStaysOnInvalid(f *fixture) {
	rival, s, taken := f.rivalAndSession()
	for field, spoil := range map[string]func(*bff.UserSession){
		"SubjectID": func(s *bff.UserSession) { s.SubjectID = "alice\x00" },
		"SessionID": func(s *bff.UserSession) { s.SubjectID = "" },
		"Created":   func(s *bff.UserSession) { s.Created = s.Created.AddDate(9000, 0, 0) },
		"Renewed":   func(s *bff.UserSession) { s.Renewed = time.Time{} },
		"Expires":   func(s *bff.UserSession) { s.Expires = s.Expires.AddDate(9000, 0, 0) },
	} {
		invalid := taken
		spoil(&invalid)
		f.wantRefusal("UpdateUserSession with ReplaceRivals", field, "", f.takeOver(f.Context(), invalid, 0))
	}
	f.wantStored(1, rival, s)
}

func rivalStaysOnInvalidKey(f *fixture) {
	rival, s, taken := f.rivalAndSession()
	for _, key := range []string{"", "key-2\x00"} {
		taken.Key = key
		f.wantRefusal("UpdateUserSession with ReplaceRivals", "Key", key, f.takeOver(f.Context(), taken, 0))
	}
	f.wantStored(1, rival, s)
}

func rivalStaysOnCancel(f *fixture) {
	rival, s, taken := f.rivalAndSession()
	for _, version := range []int64{0, 1} {
		f.wantError("cancelled UpdateUserSession with ReplaceRivals",
			f.takeOver(cancelled(f.T), taken, version), context.Canceled)
	}
	f.wantStored(1, rival, s)
}

func rivalStaysWithoutOption(f *fixture) {
	rival, s, taken := f.rivalAndSession()
	f.wantError("UpdateUserSession to a live session id without ReplaceRivals",
		f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(taken)), bff.ErrSessionExists)
	f.wantStored(1, rival, s)
	f.mustTakeOver(taken)
	f.wantError("UpdateUserSession of a session that ReplaceRivals has removed",
		f.store.UpdateUserSession(f.Context(), keyOf(rival), updateOf(rival)), bff.ErrSessionNotFound)
	f.wantStored(2, taken)
}

func contextEndsDuringTakeOver(f *fixture) {
	for i := range 10 {
		rival, s := session(fmt.Sprint("rival-", i), sessionID("sid")), session(fmt.Sprint("key-", i), anonymous)
		f.create(rival, s)
		taken := session(s.Key, sessionID("sid"))
		ctx, cancel := context.WithCancel(f.Context())
		go cancel()
		if err := f.takeOver(ctx, taken, 0); err != nil && !errors.Is(err, context.Canceled) {
			f.Errorf("UpdateUserSession with ReplaceRivals and a context that ends during the operation: got error %v, want context.Canceled or none", err)
		}
		cancel()
		holders := f.list(shop, bySessionID("sid"))
		if len(holders) != 1 {
			f.Fatalf("after an interrupted UpdateUserSession with ReplaceRivals %d sessions have the session id, want one: %s", len(holders), names(holders))
		}
		if holders[0].Key == rival.Key {
			f.wantStored(1, rival, s)
			f.delete(rival, s)
		} else {
			f.wantStored(2, taken)
			f.wantAbsent(rival)
			f.delete(taken)
		}
	}
}
