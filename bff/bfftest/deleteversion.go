package bfftest

import (
	"context"
	"fmt"
	"time"

	"example.com/usersession/bff"
)

func deleteVersionTopic() topic {
	return topic{
		name: "deleteversion",
		lacks: func(store bff.UserSessionStore) string {
			if _, ok := store.(bff.UserSessionVersionDeleter); !ok {
				return "bff.UserSessionVersionDeleter"
			}
			return ""
		},
		tests: []test{
			{"delete of the current version removes the session", deletesCurrentVersion},
			{"delete of another version changes nothing", deletesNoOtherVersion},
			{"delete of a version of a missing session counts 0", deletesNoMissingVersion},
			{"delete of a version that an update has changed counts 0", deletesNoChangedVersion},
			{"delete of the current version removes an expired session", deletesExpiredVersion},
			{"delete of another version leaves an expired session", keepsExpiredVersion},
			{"delete of the current version removes an anonymous session", deletesAnonymousVersion},
			{"a session that was created again has version 1", deletesRecreatedVersion},
			{"cancelled delete of a version removes nothing", cancelledDeleteVersion},
		},
	}
}

// deleteVersion deletes the session if it has the version, and checks the count.
func (f *fixture) deleteVersion(s bff.UserSession, version, want int64) {
	f.Helper()
	got, err := f.needVersionDeleter().DeleteUserSessionVersion(f.Context(), keyOf(s), version)
	if err != nil {
		f.Fatalf("DeleteUserSessionVersion %s version %d: %v", name(s), version, err)
	}
	if got != want {
		f.Errorf("DeleteUserSessionVersion %s version %d counted %d, want %d", name(s), version, got, want)
	}
}

func deletesCurrentVersion(f *fixture) {
	s, other := session("key-1"), session("key-2")
	f.create(s, other)
	f.deleteVersion(s, 1, 1)
	f.wantAbsent(s)
	f.wantStored(1, other)
	f.deleteVersion(s, 1, 0)
	f.create(s) // the key and the session id are free
	f.update(s)
	f.update(s)
	f.deleteVersion(s, 3, 1)
	f.wantAbsent(s)
	f.wantListed(shop, bySubject(alice), other)
}

func deletesNoOtherVersion(f *fixture) {
	s := session("key-1")
	f.create(s)
	f.update(s)
	f.update(s) // now at version 3
	for _, version := range []int64{0, 1, 2, 4, -1, -3, 1 << 62, -1 << 63} {
		f.deleteVersion(s, version, 0)
	}
	f.wantStored(3, s)
	f.wantListed(shop, bySubject(alice), s)
}

func deletesNoMissingVersion(f *fixture) {
	s := session("key-1")
	for _, version := range []int64{0, 1, 2} {
		f.deleteVersion(s, version, 0)
	}
	other := session("key-2")
	f.create(s, other)
	f.delete(s)
	f.deleteVersion(s, 1, 0)
	f.wantStored(1, other)
}

func deletesNoChangedVersion(f *fixture) {
	s := session("key-1")
	f.create(s)
	read := f.get(s)
	s.Ticket = []byte("another ticket")
	f.update(s)
	f.deleteVersion(s, read.Version, 0)
	f.wantStored(2, s)
	f.deleteVersion(s, f.get(s).Version, 1)
	f.wantAbsent(s)
}

func deletesExpiredVersion(f *fixture) {
	s, live := session("key-1", expires(end)), session("key-2")
	f.create(s, live)
	f.update(s)
	f.clock.set(end.Add(time.Second))
	if _, ok := f.store.(bff.UserSessionStoreCleanup); ok {
		f.deleteVersion(s, 2, 1)
	} else if _, err := f.needVersionDeleter().DeleteUserSessionVersion(f.Context(), keyOf(s), 2); err != nil {
		// Such a store may have removed the expired session by itself.
		f.Errorf("DeleteUserSessionVersion of an expired session: %v", err)
	}
	f.cleanUp("after the expired session was deleted", 0)
	f.clock.set(start) // the session would be live again if it was only hidden
	f.wantAbsent(s)
	f.wantStored(1, live)
}

func keepsExpiredVersion(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.update(s)
	f.clock.set(end.Add(time.Second))
	for _, version := range []int64{0, 1, 3} {
		f.deleteVersion(s, version, 0)
	}
	f.cleanUp("after another version of the expired session was deleted", 1)
}

func deletesAnonymousVersion(f *fixture) {
	one, two := session("key-1", anonymous), session("key-2", anonymous)
	f.create(one, two)
	f.deleteVersion(one, 1, 1)
	f.wantAbsent(one)
	f.wantStored(1, two)
}

func deletesRecreatedVersion(f *fixture) {
	s := session("key-1")
	f.create(s)
	f.update(s)
	f.delete(s)
	f.create(s)
	f.deleteVersion(s, 2, 0)
	f.wantStored(1, s)
	f.deleteVersion(s, 1, 1)
	f.wantAbsent(s)
}

func cancelledDeleteVersion(f *fixture) {
	s := session("key-1")
	f.create(s)
	for _, version := range []int64{1, 2} {
		n, err := f.needVersionDeleter().DeleteUserSessionVersion(cancelled(f.T), keyOf(s), version)
		f.wantError(fmt.Sprint("cancelled DeleteUserSessionVersion of version ", version), err, context.Canceled)
		if n != 0 {
			f.Errorf("cancelled DeleteUserSessionVersion counted %d, want 0", n)
		}
	}
	f.wantStored(1, s)
}
