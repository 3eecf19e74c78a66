package bfftest

import (
	"time"

	"example.com/usersession/bff"
)

func crudTopic() topic {
	return topic{name: "crud", tests: []test{
		{"create keeps every field", createKeepsEveryField},
		{"optional fields may be absent", createKeepsAbsentFields},
		{"create sets version 1 and ignores the argument's version", createIgnoresVersion},
		{"create with a live key changes nothing", createWithLiveKey},
		{"create with a live session id changes nothing", createWithLiveSessionID},
		{"create that conflicts with two sessions changes nothing", createWithTwoConflicts},
		{"any number of sessions may have no session id", createManyWithoutSessionID},
		{"get of a session that was never created is not found", getMissing},
		{"delete removes one session only", deleteRemovesOne},
		{"delete of a missing session succeeds", deleteIsIdempotent},
		{"delete counts the session that it removed", deleteCounts},
		{"create can reuse a deleted key and session id", deleteFreesKeyAndSessionID},
		{"update writes every field", updateWritesEveryField},
		{"update can clear optional fields", updateClearsOptionalFields},
		{"update does not change other sessions", updateLeavesOthers},
		{"every update increments the version by one", updateCountsVersion},
		{"update of a missing session adds nothing", updateMissing},
		{"update does not restore a deleted session", updateDeleted},
		{"conditional update from the current version is written", updateFromCurrentVersion},
		{"conditional update from another version writes nothing", updateFromOtherVersion},
		{"conditional update of a missing session is not found", updateMissingFromVersion},
		{"update may keep its own session id", updateKeepsOwnSessionID},
		{"update to a live session id writes nothing", updateToLiveSessionID},
		{"a session id that an update has cleared is free", updateGivesSessionIDUp},
	}}
}

func createKeepsEveryField(f *fixture) {
	s := session("key-1")
	f.create(s)
	f.wantStored(1, s)
	if listed := f.list(shop, bySubject(alice)); len(listed) == 1 {
		s.Version = 1
		f.wantEqual("GetUserSessions", listed[0], s)
	} else {
		f.Errorf("GetUserSessions returned %d sessions, want 1", len(listed))
	}
}

func createKeepsAbsentFields(f *fixture) {
	s := bff.UserSession{Key: "key-1", SubjectID: alice, Created: start, Renewed: start}
	f.create(s)
	f.wantStored(1, s)
}

func createIgnoresVersion(f *fixture) {
	for i, version := range []int64{7, -1, 1 << 62} {
		s := session([]string{"key-1", "key-2", "key-3"}[i])
		s.Version = version
		f.create(s)
		f.wantStored(1, s)
	}
}

func createWithLiveKey(f *fixture) {
	old, fresh := session("key-1"), session("key-1", subject(bob), sessionID("sid-new"), ticket([]byte("new")))
	f.create(old)
	f.wantError("CreateUserSession with a live key", f.store.CreateUserSession(f.Context(), fresh), bff.ErrSessionExists)
	f.wantError("CreateUserSession of the same session", f.store.CreateUserSession(f.Context(), old), bff.ErrSessionExists)
	f.wantStored(1, old)
	f.wantListed(shop, bySubject(bob))
	f.wantListed(shop, bySessionID("sid-new"))
}

func createWithLiveSessionID(f *fixture) {
	old, fresh := session("key-1", sessionID("sid")), session("key-2", subject(bob), sessionID("sid"))
	f.create(old)
	f.wantError("CreateUserSession with a live session id", f.store.CreateUserSession(f.Context(), fresh), bff.ErrSessionExists)
	f.wantStored(1, old)
	f.wantAbsent(fresh)
	f.wantListed(shop, bySessionID("sid"), old)
}

func createWithTwoConflicts(f *fixture) {
	one, two := session("key-1", sessionID("sid-1")), session("key-2", sessionID("sid-2"))
	f.create(one, two)
	err := f.store.CreateUserSession(f.Context(), session("key-1", sessionID("sid-2"), subject(bob)))
	f.wantError("CreateUserSession with the key of one and the session id of another", err, bff.ErrSessionExists)
	f.wantStored(1, one, two)
	f.wantListed(shop, bySubject(bob))
}

func createManyWithoutSessionID(f *fixture) {
	one, two, three := session("key-1", sessionID("")), session("key-2", sessionID("")), session("key-3", sessionID(""))
	f.create(one, two, three)
	f.wantStored(1, one, two, three)
	f.wantListed(shop, bySubject(alice), one, two, three)
}

func getMissing(f *fixture) {
	f.wantAbsent(session("key-1"))
	f.create(session("key-1"))
	f.wantAbsent(session("key-2"), session("key"), session("key-11"))
}

func deleteRemovesOne(f *fixture) {
	one, two := session("key-1"), session("key-2")
	f.create(one, two)
	f.delete(one)
	f.wantAbsent(one)
	f.wantStored(1, two)
	f.wantListed(shop, bySubject(alice), two)
}

func deleteIsIdempotent(f *fixture) {
	s := session("key-1")
	f.delete(s)
	f.create(s)
	f.delete(s, s)
	f.wantAbsent(s)
}

func deleteCounts(f *fixture) {
	one, two := session("key-1"), session("key-2", sessionID(""))
	f.wantDeleted(one, 0)
	f.create(one, two)
	f.update(two)
	f.wantDeleted(session("key-3"), 0)
	f.wantDeleted(one, 1)
	f.wantDeleted(one, 0)
	f.wantDeleted(two, 1)
	f.create(one)
	f.wantDeleted(one, 1)
	f.wantListed(shop, bySubject(alice))
}

func deleteFreesKeyAndSessionID(f *fixture) {
	s := session("key-1")
	f.create(s)
	f.update(s)
	f.delete(s)
	f.create(s)
	f.wantStored(1, s)
}

func updateWritesEveryField(f *fixture) {
	f.create(session("key-1"))
	updated := bff.UserSession{
		PartitionKey: shop,
		Key:          "key-1",
		SubjectID:    bob,
		SessionID:    "sid-new",
		Created:      start.Add(time.Minute),
		Renewed:      start.Add(2 * time.Minute),
		Expires:      start.Add(3 * time.Hour),
		Ticket:       []byte("another ticket"),
	}
	f.update(updated)
	f.wantStored(2, updated)
	f.wantListed(shop, bySubject(alice))
	f.wantListed(shop, bySessionID("sid-of-key-1"))
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: bob, SessionID: "sid-new"}, updated)
}

func updateClearsOptionalFields(f *fixture) {
	s := session("key-1")
	f.create(s)
	s.SessionID, s.Expires, s.Ticket = "", time.Time{}, nil
	f.update(s)
	f.wantStored(2, s)
}

func updateLeavesOthers(f *fixture) {
	one, two := session("key-1"), session("key-2")
	f.create(one, two)
	one.Ticket = []byte("another ticket")
	f.update(one)
	f.wantStored(2, one)
	f.wantStored(1, two)
}

func updateCountsVersion(f *fixture) {
	s := session("key-1")
	f.create(s)
	for version := int64(2); version <= 5; version++ {
		f.update(s) // writes the stored values again
		f.wantStored(version, s)
	}
	s.Ticket = []byte("another ticket")
	f.update(s)
	f.wantStored(6, s)
}

func updateMissing(f *fixture) {
	s := session("key-1")
	f.wantError("UpdateUserSession of a missing session",
		f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s)), bff.ErrSessionNotFound)
	f.wantAbsent(s)
	f.wantListed(shop, bySubject(alice))
}

func updateDeleted(f *fixture) {
	one, two := session("key-1"), session("key-2")
	f.create(one, two)
	f.delete(one)
	f.deleteAll(shop, bySessionID(two.SessionID), 1)
	for _, s := range []bff.UserSession{one, two} {
		f.wantError("UpdateUserSession of a deleted session",
			f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s)), bff.ErrSessionNotFound)
		f.wantAbsent(s)
	}
	f.wantListed(shop, bySubject(alice))
}

func updateFromCurrentVersion(f *fixture) {
	s := session("key-1")
	f.create(s)
	for version := int64(1); version <= 3; version++ {
		s.Ticket = append([]byte("ticket after version "), byte('0'+version))
		update := updateOf(s)
		update.IfVersion = version
		if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); err != nil {
			f.Fatalf("UpdateUserSession from version %d: %v", version, err)
		}
		f.wantStored(version+1, s)
	}
}

func updateFromOtherVersion(f *fixture) {
	s := session("key-1")
	f.create(s, session("key-2", sessionID("sid-2")))
	f.update(s)
	f.update(s) // now at version 3
	update := updateOf(session("key-1", subject(bob), sessionID("sid-new"), ticket([]byte("new"))))
	for _, version := range []int64{1, 2, 4, -1, -3} {
		update.IfVersion = version
		f.wantError("UpdateUserSession from another version",
			f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrSessionChanged)
	}
	update.SessionID = "sid-2" // which another live session has
	if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); err == nil {
		f.Error("UpdateUserSession from another version to a live session id succeeded")
	}
	f.wantStored(3, s)
	f.wantListed(shop, bySubject(bob))
}

func updateMissingFromVersion(f *fixture) {
	s := session("key-1")
	update := updateOf(s)
	update.IfVersion = 1
	f.wantError("conditional UpdateUserSession of a missing session",
		f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrSessionNotFound)
	f.create(s)
	f.delete(s)
	f.wantError("conditional UpdateUserSession of a deleted session",
		f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrSessionNotFound)
	f.wantAbsent(s)
}

func updateKeepsOwnSessionID(f *fixture) {
	s := session("key-1")
	f.create(s)
	s.Ticket, s.Renewed = []byte("another ticket"), start
	f.update(s)
	f.wantStored(2, s)
	f.wantListed(shop, bySessionID(s.SessionID), s)
}

func updateToLiveSessionID(f *fixture) {
	one, two := session("key-1"), session("key-2")
	f.create(one, two)
	update := updateOf(session("key-1", subject(bob), sessionID(two.SessionID)))
	f.wantError("UpdateUserSession to the session id of another session",
		f.store.UpdateUserSession(f.Context(), keyOf(one), update), bff.ErrSessionExists)
	update.IfVersion = 1
	f.wantError("UpdateUserSession from the current version to the session id of another session",
		f.store.UpdateUserSession(f.Context(), keyOf(one), update), bff.ErrSessionExists)
	f.wantStored(1, one, two)
	f.wantListed(shop, bySubject(bob))
	f.wantListed(shop, bySessionID(two.SessionID), two)
}

func updateGivesSessionIDUp(f *fixture) {
	one, two := session("key-1", sessionID("sid-1")), session("key-2", sessionID("sid-2"))
	f.create(one, two)
	one.SessionID = ""
	f.update(one)
	two.SessionID = "sid-1"
	f.update(two)
	three := session("key-3", sessionID("sid-2"))
	f.create(three)
	f.wantStored(2, one, two)
	f.wantStored(1, three)
	f.wantListed(shop, bySessionID("sid-1"), two)
	f.wantListed(shop, bySessionID("sid-2"), three)
}
