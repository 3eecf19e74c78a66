package bfftest

import (
	"time"

	"example.com/usersession/bff"
)

func filterTopic() topic {
	return topic{name: "filter", tests: []test{
		{"get by subject id, session id or both", getByFilter},
		{"get matches every field that the filter sets", getMatchesAll},
		{"get returns sessions oldest first", getOldestFirst},
		{"get returns every field of every session", getReturnsEveryField},
		{"get without a match returns no error", getNothing},
		{"delete by subject id", deleteBySubject},
		{"delete by session id", deleteBySessionID},
		{"delete by both", deleteByBoth},
		{"delete without a match counts 0", deleteNothing},
		{"get refuses an empty filter", getRefusesEmptyFilter},
		{"delete refuses an empty filter", deleteRefusesEmptyFilter},
		{"a blank field beside a valid one matches nothing", blankValueMatchesNothing},
		{"delete does not change the caller's filter", filterIsUnchanged},
	}}
}

// fiveSessions returns three sessions of alice, one of them without a session id, and two
// of bob.
func fiveSessions() (a1, a2, a3, b1, b2 bff.UserSession) {
	a1 = session("key-5", sessionID("sid-1"), created(start.Add(-50*time.Minute)))
	b1 = session("key-4", sessionID("sid-2"), created(start.Add(-40*time.Minute)), subject(bob))
	a2 = session("key-3", sessionID(""), created(start.Add(-30*time.Minute)))
	b2 = session("key-2", sessionID("sid-4"), created(start.Add(-20*time.Minute)), subject(bob))
	a3 = session("key-1", sessionID("sid-5"), created(start.Add(-10*time.Minute)))
	return a1, a2, a3, b1, b2
}

func getByFilter(f *fixture) {
	a1, a2, a3, b1, b2 := fiveSessions()
	f.create(a1, b1, a2, b2, a3)
	f.wantListed(shop, bySubject(alice), a1, a2, a3)
	f.wantListed(shop, bySubject(bob), b1, b2)
	f.wantListed(shop, bySessionID("sid-4"), b2)
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: alice, SessionID: "sid-5"}, a3)
}

func getMatchesAll(f *fixture) {
	a1, a2, a3, b1, b2 := fiveSessions()
	f.create(a1, b1, a2, b2, a3)
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: alice, SessionID: "sid-4"})
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: bob, SessionID: "sid-1"})
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: "carol", SessionID: "sid-1"})
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: alice, SessionID: "sid-9"})
}

func getOldestFirst(f *fixture) {
	all := f.createMany(12)
	f.wantListed(shop, bySubject(alice), all...)
	all[3].Ticket = []byte("an update does not change the order")
	f.update(all[3])
	f.wantListed(shop, bySubject(alice), all...)
}

func getReturnsEveryField(f *fixture) {
	a1, a2, a3, _, _ := fiveSessions()
	a2.Expires, a2.Ticket = time.Time{}, nil
	want := []bff.UserSession{a1, a2, a3}
	f.create(want...)
	got := f.list(shop, bySubject(alice))
	if len(got) != len(want) {
		f.Fatalf("GetUserSessions returned %d sessions, want %d", len(got), len(want))
	}
	for i := range want {
		want[i].Version = 1
		f.wantEqual("GetUserSessions", got[i], want[i])
	}
}

func getNothing(f *fixture) {
	f.wantListed(shop, bySubject(alice))
	f.create(session("key-1"))
	f.wantListed(shop, bySubject(bob))
	f.wantListed(shop, bySessionID("sid-9"))
	f.wantListed(shop, bySubject("ali"))
}

func deleteBySubject(f *fixture) {
	a1, a2, a3, b1, b2 := fiveSessions()
	f.create(a1, b1, a2, b2, a3)
	f.deleteAll(shop, bySubject(alice), 3)
	f.wantAbsent(a1, a2, a3)
	f.wantStored(1, b1, b2)
	f.deleteAll(shop, bySubject(alice), 0)
}

func deleteBySessionID(f *fixture) {
	a1, a2, a3, b1, b2 := fiveSessions()
	f.create(a1, b1, a2, b2, a3)
	f.deleteAll(shop, bySessionID("sid-4"), 1)
	f.wantAbsent(b2)
	f.wantStored(1, a1, a2, a3, b1)
}

func deleteByBoth(f *fixture) {
	a1, a2, a3, b1, b2 := fiveSessions()
	f.create(a1, b1, a2, b2, a3)
	f.deleteAll(shop, bff.UserSessionsFilter{SubjectID: alice, SessionID: "sid-1"}, 1)
	f.wantAbsent(a1)
	f.wantStored(1, a2, a3, b1, b2)
}

func deleteNothing(f *fixture) {
	a1, a2, a3, b1, b2 := fiveSessions()
	f.create(a1, b1, a2, b2, a3)
	f.deleteAll(shop, bySubject("carol"), 0)
	f.deleteAll(shop, bySessionID("sid-9"), 0)
	f.deleteAll(shop, bff.UserSessionsFilter{SubjectID: alice, SessionID: "sid-4"}, 0)
	f.deleteAll(shop, bff.UserSessionsFilter{SubjectID: "carol", SessionID: "sid-1"}, 0)
	f.wantStored(1, a1, a2, a3, b1, b2)
}

// emptyFilters returns filters that set no field. A store that accepted one would list, or
// sign out, every user.
func emptyFilters() []bff.UserSessionsFilter {
	return []bff.UserSessionsFilter{
		{},
		{SubjectID: " "},
		{SessionID: "\t"},
		{SubjectID: "   ", SessionID: "\t\n"},
		{SubjectID: "\u00a0", SessionID: "\u2003"},
	}
}

func getRefusesEmptyFilter(f *fixture) {
	f.create(session("key-1"), session("key-2", sessionID("")))
	for _, filter := range emptyFilters() {
		got, err := f.store.GetUserSessions(f.Context(), shop, filter)
		if len(got) > 0 {
			f.Errorf("GetUserSessions of %+q returned %s, want none", filter, names(got))
		}
		f.wantError("GetUserSessions with an empty filter", err, bff.ErrInvalidFilter)
	}
}

func deleteRefusesEmptyFilter(f *fixture) {
	one, two := session("key-1"), session("key-2", sessionID(""))
	f.create(one, two)
	for _, filter := range emptyFilters() {
		n, err := f.store.DeleteUserSessions(f.Context(), shop, filter)
		if n != 0 {
			f.Errorf("DeleteUserSessions of %+q counted %d, want 0", filter, n)
		}
		f.wantError("DeleteUserSessions with an empty filter", err, bff.ErrInvalidFilter)
	}
	f.wantStored(1, one, two)
}

func blankValueMatchesNothing(f *fixture) {
	one, two := session("key-1", sessionID("sid-1")), session("key-2", sessionID(""))
	f.create(one, two)
	for _, blank := range []string{" ", "   ", "\t", "\n", "\u00a0", "\u2003"} {
		for _, filter := range []bff.UserSessionsFilter{
			{SubjectID: alice, SessionID: blank},
			{SubjectID: blank, SessionID: "sid-1"},
		} {
			f.wantListed(shop, filter)
			f.deleteAll(shop, filter, 0)
		}
	}
	f.wantStored(1, one, two)
}

func filterIsUnchanged(f *fixture) {
	one, two := session("key-1"), session("key-2", subject(bob))
	f.create(one, two)
	filter := bff.UserSessionsFilter{SubjectID: alice}
	f.wantListed(shop, filter, one)
	f.deleteAll(shop, filter, 1)
	if want := bySubject(alice); filter != want {
		f.Errorf("the caller's filter became %+q, want %+q", filter, want)
	}
	f.deleteAll(shop, filter, 0) // an emptied filter would delete the session of bob, too
	f.wantStored(1, two)
}
