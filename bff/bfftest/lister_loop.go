package bfftest

import (
	"context"

	"example.com/usersession/bff"
)

func (f *fixture) lister() bff.UserSessionLister { return f.store.(bff.UserSessionLister) }

func listEndsEarly(f *fixture) {
	all := f.createMany(6)
	for _, size := range []int{1, 2, 4, 100} {
		for leaveAfter := range all {
			seen := 0
			for _, err := range f.lister().UserSessions(f.Context(), bff.UserSessionsQuery{PartitionKey: shop, PageSize: size}) {
				if err != nil {
					f.Fatalf("UserSessions: %v", err)
				}
				if seen++; seen > leaveAfter {
					break
				}
			}
			if seen != leaveAfter+1 {
				f.Errorf("UserSessions yielded %d times, want %d", seen, leaveAfter+1)
			}
		}
	}
	f.update(all[0]) // succeeds only if the listings hold no lock
	f.wantStored(2, all[0])
}

func listUsesStore(f *fixture) {
	all := f.createMany(5)
	var got []bff.UserSession
	for s, err := range f.lister().UserSessions(f.Context(), bff.UserSessionsQuery{PartitionKey: shop, PageSize: 2}) {
		if err != nil {
			f.Fatalf("UserSessions: %v", err)
		}
		got = append(got, s)
		if len(got) > len(all) {
			f.Fatal("UserSessions yielded more sessions than there are")
		}
		full := f.get(s)
		f.update(full)
		f.create(session("in-admin-"+s.Key, partition(admin)))
		f.list(shop, bySubject(alice))
		f.listed(bff.UserSessionsQuery{PartitionKey: admin})
	}
	if got, want := names(got), names(reversed(all)); got != want {
		f.Errorf("UserSessions with a loop that uses the store:\n got %s\nwant %s", got, want)
	}
	f.wantStored(2, all...)
}

func listDeletes(f *fixture) {
	for _, query := range []bff.UserSessionsQuery{
		{PartitionKey: shop, PageSize: 1},
		{PartitionKey: shop, PageSize: 3, OldestFirst: true},
		{PartitionKey: shop, PageSize: 100, SubjectID: alice},
	} {
		all := f.createMany(7)
		want := all
		if !query.OldestFirst {
			want = reversed(all)
		}
		var got []bff.UserSession
		for s, err := range f.lister().UserSessions(f.Context(), query) {
			if err != nil {
				f.Fatalf("UserSessions: %v", err)
			}
			got = append(got, s)
			f.delete(s)
		}
		if got, want := names(got), names(want); got != want {
			f.Errorf("UserSessions %+v with a loop that deletes:\n got %s\nwant %s", query, got, want)
		}
		f.wantListed(shop, bySubject(alice))
	}
}

// listExactlyOnce deletes sessions that the listing has passed and sessions that it has
// yet to reach. A listing that reads its pages by offset then skips or repeats sessions.
func listExactlyOnce(f *fixture) {
	for _, oldestFirst := range []bool{false, true} {
		all := f.createMany(24)
		leaves := func(i int) bool { return i%3 == 1 } // the same for i and its mirror index
		seen := map[string]int{}
		at := 0
		for s, err := range f.lister().UserSessions(f.Context(), bff.UserSessionsQuery{PartitionKey: shop, PageSize: 4, OldestFirst: oldestFirst}) {
			if err != nil {
				f.Fatalf("UserSessions: %v", err)
			}
			seen[s.Key]++
			mirrored := len(all) - 1 - at
			switch {
			case leaves(at) && at < mirrored:
				f.delete(all[at], all[mirrored])
			case !leaves(at) && at%2 == 0:
				f.update(all[mirrored])
			}
			if at++; at == len(all) {
				break
			}
		}
		for i, s := range all {
			if !leaves(i) && seen[s.Key] != 1 {
				f.Errorf("UserSessions, oldest first %v: %s existed throughout and was listed %d times, want once", oldestFirst, name(s), seen[s.Key])
			}
		}
		f.delete(f.list(shop, bySubject(alice))...)
	}
}

func listCancelled(f *fixture) {
	f.createMany(3)
	for _, partitionKey := range []string{shop, admin} { // admin has no sessions
		yielded := 0
		for s, err := range f.lister().UserSessions(cancelled(f.T), bff.UserSessionsQuery{PartitionKey: partitionKey}) {
			yielded++
			f.wantError("cancelled UserSessions", err, context.Canceled)
			if !equal(s, bff.UserSession{}) {
				f.Errorf("cancelled UserSessions yielded %s together with its error", name(s))
			}
		}
		if yielded != 1 {
			f.Errorf("cancelled UserSessions in %q yielded %d times, want the error only", partitionKey, yielded)
		}
	}
}

func listCancelledBetweenPages(f *fixture) {
	f.createMany(5)
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	sessions, failed := 0, 0
	for s, err := range f.lister().UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: shop, PageSize: 1}) {
		if failed > 0 {
			f.Error("UserSessions continued after its error")
		}
		if err == nil {
			sessions++
			cancel()
			continue
		}
		failed++
		f.wantError("UserSessions after its cancellation", err, context.Canceled)
		if !equal(s, bff.UserSession{}) {
			f.Errorf("UserSessions yielded %s together with its error", name(s))
		}
	}
	if sessions != 1 || failed != 1 {
		f.Errorf("UserSessions, cancelled after the first page of one, yielded %d sessions and %d errors, want one each", sessions, failed)
	}
}
