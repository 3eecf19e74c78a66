package bfftest

import (
	"fmt"
	"slices"
	"time"

	"example.com/usersession/bff"
)

func listerTopic() topic {
	return topic{
		name: "lister",
		lacks: func(store bff.UserSessionStore) string {
			if _, ok := store.(bff.UserSessionLister); !ok {
				return "bff.UserSessionLister"
			}
			return ""
		},
		tests: []test{
			{"a listing without a match yields nothing", listNothing},
			{"a listing is newest first unless the query says otherwise", listNewestFirst},
			{"listed sessions have every field but the ticket", listFields},
			{"a listing shows one partition", listPartition},
			{"a listing compares the subject exactly", listSubject},
			{"a listing shows live sessions only", listLive},
			{"the page size does not change the listing", listPageSizes},
			{"a listing continues after the default page", listManySessions},
			{"the loop may end early", listEndsEarly},
			{"the loop may use the store", listUsesStore},
			{"the loop may delete the listed sessions", listDeletes},
			{"a session that exists throughout is listed exactly once", listExactlyOnce},
			{"a cancelled listing yields only its error", listCancelled},
			{"a listing that is cancelled between pages ends with the error", listCancelledBetweenPages},
		},
	}
}

// listed returns the sessions that the query lists. It must succeed.
func (f *fixture) listed(query bff.UserSessionsQuery) []bff.UserSession {
	f.Helper()
	var all []bff.UserSession
	for s, err := range f.store.(bff.UserSessionLister).UserSessions(f.Context(), query) {
		if err != nil {
			f.Fatalf("UserSessions %+v: %v", query, err)
		}
		all = append(all, s)
	}
	return all
}

func (f *fixture) wantQuery(query bff.UserSessionsQuery, want ...bff.UserSession) {
	f.Helper()
	if got, want := names(f.listed(query)), names(want); got != want {
		f.Errorf("UserSessions %+v:\n got %s\nwant %s", query, got, want)
	}
}

// createMany creates n sessions of alice in the shop and returns them oldest first.
func (f *fixture) createMany(n int) []bff.UserSession {
	f.Helper()
	var all []bff.UserSession
	for i := range n {
		// The keys and session ids do not follow the order of creation.
		key := fmt.Sprintf("key-%03d", (i*37)%1000)
		s := session(key, created(start.Add(time.Duration(i-n)*time.Minute)))
		if i%3 == 0 {
			s.SessionID = ""
		}
		f.create(s)
		all = append(all, s)
	}
	return all
}

func reversed(sessions []bff.UserSession) []bff.UserSession {
	sessions = slices.Clone(sessions)
	slices.Reverse(sessions)
	return sessions
}

func listNothing(f *fixture) {
	f.wantQuery(bff.UserSessionsQuery{})
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice, OldestFirst: true, PageSize: 1})
	f.create(session("key-1"))
	f.wantQuery(bff.UserSessionsQuery{})
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: bob})
}

func listNewestFirst(f *fixture) {
	all := f.createMany(5)
	f.update(all[0]) // does not change the order
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop}, reversed(all)...)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true}, all...)
}

func listFields(f *fixture) {
	full := session("key-1")
	bare := bff.UserSession{PartitionKey: shop, Key: "key-2", SubjectID: bob, Created: start, Renewed: start}
	f.create(full, bare)
	f.update(bare)
	got := f.listed(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true})
	if len(got) != 2 {
		f.Fatalf("UserSessions listed %s, want both", names(got))
	}
	for i, s := range got {
		if s.Ticket != nil {
			f.Errorf("UserSessions listed %s with a ticket, want nil", name(s))
		}
		want := []bff.UserSession{full, bare}[i]
		want.Ticket, want.Version, s.Ticket = nil, int64(i+1), nil
		f.wantEqual("UserSessions", s, want)
	}
}

func listPartition(f *fixture) {
	one, two, three := session("key-1"), session("key-1", partition(admin)), session("key-1", partition(""))
	f.create(one, two, three)
	for _, s := range []bff.UserSession{one, two, three} {
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: s.PartitionKey}, s)
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: s.PartitionKey, SubjectID: alice, OldestFirst: true}, s)
	}
	for _, other := range []string{"SHOP", "shop ", "sho", "shop\x00", "%"} {
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: other})
	}
}

func listSubject(f *fixture) {
	one, upper, three := session("key-1"), session("key-2", subject("ALICE")), session("key-3")
	f.create(one, upper, three)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice, OldestFirst: true, PageSize: 1}, one, three)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: "ALICE"}, upper)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop}, three, upper, one)
	for _, other := range []string{"Alice", "alice ", " alice", " ", "\t", "alic", "%", "alice\x00", "alice\xff"} {
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: other})
	}
}

func listLive(f *fixture) {
	s, longer, never := session("key-1", expires(end)), session("key-2", expires(end.Add(time.Second))), session("key-3", expires(time.Time{}))
	f.create(s, longer, never)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true}, s, longer, never)
	f.clock.set(end)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true, PageSize: 1}, longer, never)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice}, never, longer)
}

func listPageSizes(f *fixture) {
	all := f.createMany(7)
	f.create(session("another", partition(admin)), session("bobs", subject(bob)))
	for _, size := range []int{-1, 0, 1, 2, 3, 6, 7, 8, 1000} {
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice, PageSize: size}, reversed(all)...)
		f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, SubjectID: alice, PageSize: size, OldestFirst: true}, all...)
	}
}

func listManySessions(f *fixture) {
	all := f.createMany(2*bff.DefaultPageSize + 5)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop}, reversed(all)...)
	f.wantQuery(bff.UserSessionsQuery{PartitionKey: shop, OldestFirst: true}, all...)
}
