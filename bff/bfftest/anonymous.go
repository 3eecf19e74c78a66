package bfftest

import (
	"fmt"

	"example.com/usersession/bff"
)

func anonymousTopic() topic {
	return topic{name: "anonymous", tests: []test{
		{"create keeps an anonymous session", createAnonymous},
		{"a partition can have several anonymous sessions", severalAnonymous},
		{"update keeps a session anonymous", updateKeepsAnonymous},
		{"update can sign an anonymous session in", updateSignsIn},
		{"update can make a session anonymous", updateMakesAnonymous},
		{"replace keeps an anonymous session", replaceWithAnonymous},
		{"a session id without a subject id is refused", sessionIDWithoutSubject},
		{"no filter matches an anonymous session", filtersSkipAnonymous},
		{"an empty filter is still refused", emptyFilterWithAnonymous},
		{"a listing of one subject leaves anonymous sessions out", listSubjectWithoutAnonymous},
		{"a listing without a subject shows anonymous sessions", listAllWithAnonymous},
	}}
}

// anonymous edits a session so that it belongs to no user.
func anonymous(s *bff.UserSession) { s.SubjectID, s.SessionID = "", "" }

func createAnonymous(f *fixture) {
	full := session("key-1", anonymous)
	bare := bff.UserSession{Key: "key-2", Created: start, Renewed: start}
	f.create(full, bare)
	f.wantStored(1, full, bare)
	f.delete(full)
	f.wantAbsent(full)
	f.wantStored(1, bare)
}

func severalAnonymous(f *fixture) {
	one, two, alices := session("key-1", anonymous), session("key-2", anonymous), session("key-3", sessionID(""))
	elsewhere := session("key-1", anonymous, partition(admin))
	f.create(one, two, alices, elsewhere)
	two.Ticket = []byte("another ticket")
	f.update(two)
	f.wantStored(2, two)
	f.delete(one)
	f.wantAbsent(one)
	f.wantStored(2, two)
	f.wantStored(1, alices, elsewhere)
}

func updateKeepsAnonymous(f *fixture) {
	s := session("key-1", anonymous)
	f.create(s)
	s.Ticket = []byte("another ticket")
	f.update(s)
	f.wantStored(2, s)
	update := updateOf(s)
	update.IfVersion = 2
	if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); err != nil {
		f.Fatalf("conditional UpdateUserSession of an anonymous session: %v", err)
	}
	f.wantStored(3, s)
}

func updateSignsIn(f *fixture) {
	visitor, other := session("key-1", anonymous), session("key-2", anonymous)
	f.create(visitor, other)
	signedIn := session("key-1", ticket([]byte("of alice")))
	f.update(signedIn)
	f.wantStored(2, signedIn)
	f.wantStored(1, other)
	f.wantListed(shop, bySubject(alice), signedIn)
	f.wantListed(shop, bySessionID(signedIn.SessionID), signedIn)
}

func updateMakesAnonymous(f *fixture) {
	s := session("key-1")
	f.create(s)
	signedOut := session("key-1", anonymous, ticket([]byte("of no user")))
	f.update(signedOut)
	f.wantStored(2, signedOut)
	for _, filter := range []bff.UserSessionsFilter{
		bySubject(alice), bySessionID(s.SessionID), {SubjectID: alice, SessionID: s.SessionID},
	} {
		f.wantListed(shop, filter)
		f.deleteAll(shop, filter, 0)
	}
	f.wantStored(2, signedOut)
	again := session("key-2", sessionID(s.SessionID))
	f.create(again) // the session id is free
	f.wantStored(1, again)
}

func replaceWithAnonymous(f *fixture) {
	alices, other := session("key-1"), session("key-2", anonymous)
	f.create(alices, other)
	fresh := session("key-1", anonymous, ticket([]byte("of no user")))
	f.replace(fresh)
	f.wantStored(1, fresh, other)
	f.wantListed(shop, bySubject(alice))
	f.replace(alices)
	f.wantStored(1, alices, other)
	f.wantListed(shop, bySubject(alice), alices)
}

func sessionIDWithoutSubject(f *fixture) {
	visitor, alices := session("key-1", anonymous), session("key-2", sessionID("sid"))
	f.create(visitor, alices)
	for _, key := range []string{"key-1", "key-2", "key-3"} {
		for _, sid := range []string{"sid", "sid-new"} {
			refused := session(key, subject(""), sessionID(sid), ticket([]byte("refused")))
			for what, write := range f.writes() {
				f.wantRefusal(what, "SessionID", sid, write(f.Context(), refused))
			}
		}
	}
	f.wantStored(1, visitor, alices)
	f.wantAbsent(session("key-3"))
	f.wantListed(shop, bySessionID("sid"), alices)
	f.wantListed(shop, bySessionID("sid-new"))
}

func filtersSkipAnonymous(f *fixture) {
	one, two := session("key-1", anonymous), session("key-2", anonymous)
	alices := session("key-3", sessionID(""))
	f.create(one, two, alices)
	f.wantListed(shop, bySubject(alice), alices)
	for _, value := range []string{bob, "0", "null", "NULL", "anonymous", "\x00", "%", " " + alice} {
		for _, filter := range []bff.UserSessionsFilter{
			bySubject(value), bySessionID(value), {SubjectID: value, SessionID: value},
		} {
			f.wantListed(shop, filter)
			f.deleteAll(shop, filter, 0)
		}
	}
	f.deleteAll(shop, bySubject(alice), 1)
	f.wantStored(1, one, two)
}

func emptyFilterWithAnonymous(f *fixture) {
	one, two, alices := session("key-1", anonymous), session("key-2", anonymous), session("key-3")
	f.create(one, two, alices)
	for _, filter := range emptyFilters() {
		got, err := f.store.GetUserSessions(f.Context(), shop, filter)
		f.wantError("GetUserSessions with an empty filter", err, bff.ErrInvalidFilter)
		if len(got) > 0 {
			f.Errorf("GetUserSessions with the empty filter %+q returned %s", filter, names(got))
		}
		n, err := f.store.DeleteUserSessions(f.Context(), shop, filter)
		f.wantError("DeleteUserSessions with an empty filter", err, bff.ErrInvalidFilter)
		if n != 0 {
			f.Errorf("DeleteUserSessions with the empty filter %+q counted %d, want 0", filter, n)
		}
	}
	f.wantStored(1, one, two, alices)
}

func listSubjectWithoutAnonymous(f *fixture) {
	f.needLister()
	all := f.createWithAnonymous()
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice, OldestFirst: true}, all[1], all[4])
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice, PageSize: 1}, all[4], all[1])
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: bob})
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: " "})
}

func listAllWithAnonymous(f *fixture) {
	f.needLister()
	all := f.createWithAnonymous()
	for _, size := range []int{0, 1, 2} {
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true, PageSize: size}, all...)
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, PageSize: size}, reversed(all)...)
	}
	for i, s := range f.listed(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true}) {
		want := all[i]
		want.Ticket, want.Version, s.Ticket = nil, 1, nil
		f.wantEqual("UserSessions", s, want)
	}
}

// createWithAnonymous creates five sessions and returns them oldest first. The second and
// the last belong to alice, the others are anonymous.
func (f *fixture) createWithAnonymous() []bff.UserSession {
	f.Helper()
	var all []bff.UserSession
	for i := range 5 {
		s := session(fmt.Sprint("key-", i), anonymous)
		if i == 1 || i == 4 {
			s.SubjectID = alice
		}
		f.create(s)
		all = append(all, s)
	}
	return all
}
