package bfftest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// deleteFaults returns the faults of the count of a delete and of the delete of a version.
func deleteFaults() []fault {
	return []fault{
		{name: "delete always counts 1", topics: []string{"crud", "identity", "concurrency"}, build: countsDelete(alwaysOne)},
		{name: "delete always counts 0", topics: []string{"crud", "expiry", "concurrency"}, build: countsDelete(alwaysZero)},
		{name: "delete counts live sessions only", topics: []string{"expiry"}, build: countsDelete(liveOnly)},
		{name: "delete counts before it removes", topics: []string{"concurrency"}, build: deleteChecksFirst},

		{name: "delete of a version ignores the version", topics: []string{"deleteversion", "concurrency"}, build: deletesVersionIf(anyVersion)},
		{name: "delete of version 0 removes any version", topics: []string{"deleteversion"}, build: deletesVersionIf(zeroIsAny)},
		{name: "delete of a version removes newer ones", topics: []string{"deleteversion", "concurrency"}, build: deletesVersionIf(orNewer)},
		{name: "delete of a version removes older ones", topics: []string{"deleteversion"}, build: deletesVersionIf(orOlder)},
		{name: "delete of a version removes live sessions only", topics: []string{"deleteversion"}, build: deletesLiveVersion},
		{name: "delete of a version always counts 1", topics: []string{"deleteversion", "partition", "concurrency"}, build: countsVersionOnce},
		{name: "delete of a version counts 0", topics: []string{"deleteversion", "partition", "identity", "concurrency"}, build: countsVersionNever},
		{name: "delete of a version of a missing session fails", topics: []string{"deleteversion", "partition", "concurrency"}, build: failsWithoutSession},
		{name: "delete of another version fails", topics: []string{"deleteversion"}, build: failsOnOtherVersion},
		{name: "delete of another version writes the session", topics: []string{"deleteversion"}, build: writesOtherVersion},
		{name: "delete of a version ignores the partition", topics: []string{"partition"}, build: deletesVersionIn(otherPartitionKey)},
		{name: "delete of a version ignores the case of keys", topics: []string{"identity"}, build: deletesVersionIn(otherCaseKey)},
		{name: "delete of a version ignores the context", topics: []string{"context", "deleteversion"}, build: deletesVersionWithoutContext},
		{name: "delete of a version checks the version first", topics: []string{"concurrency"}, build: checksVersionThenDeletes},
	}
}

// countsDelete makes delete return another count than the store's own.
func countsDelete(count func(n int64, live bool) int64) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) {
			_, missing := sound.get(ctx, key)
			n, err := sound.delete(ctx, key)
			if err != nil {
				return n, err
			}
			return count(n, missing == nil), nil
		}
		return b.store
	}
}

func alwaysOne(int64, bool) int64  { return 1 }
func alwaysZero(int64, bool) int64 { return 0 }
func liveOnly(n int64, live bool) int64 {
	if !live {
		return 0
	}
	return n
}

func deleteChecksFirst(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	counted := gateIn(t, "concurrent deletes of one session count it once", racers)
	b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) {
		if !counted.inUse {
			return sound.delete(ctx, key)
		}
		var found int64
		if _, ok := b.stored(key); ok {
			found = 1
		}
		counted.arrive()
		counted.wait()
		_, err := sound.delete(ctx, key)
		return found, err
	}
	return b.store
}

// changesVersionDelete replaces the delete of a version where the context and the key are
// valid. It receives the stored session, live or expired, if there is one.
func changesVersionDelete(b *builder, with func(ctx context.Context, s bff.UserSession, ok bool, version int64) (int64, error)) {
	sound := *b.store
	b.store.deleteVersion = func(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
		if ctx.Err() != nil || key.Validate() != nil {
			return sound.deleteVersion(ctx, key, version)
		}
		s, ok := b.stored(key)
		if !ok {
			s.PartitionKey, s.Key = key.PartitionKey, key.Key
		}
		return with(ctx, s, ok, version)
	}
}

// raceOfVersions is the test in which deletes race updates from one version.
const raceOfVersions = "of updates and deletes from one version exactly one wins"

// deletesVersionIf deletes the session if its version suits the version to delete. In the
// race with updates, the first update comes before every delete.
func deletesVersionIf(suits func(stored, version int64) bool) func(*testing.T, *builder) bff.UserSessionStore {
	return func(t *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		updated := updatesFirst(t, b)
		changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, _ bool, version int64) (int64, error) {
			updated.wait()
			if stored, ok := b.stored(keyOf(s)); ok && suits(stored.Version, version) {
				version = stored.Version // makes the fault atomic
			}
			return sound.deleteVersion(ctx, keyOf(s), version)
		})
		return b.store
	}
}

func anyVersion(int64, int64) bool       { return true }
func zeroIsAny(_, version int64) bool    { return version == 0 }
func orNewer(stored, version int64) bool { return version > 0 && stored > version }
func orOlder(stored, version int64) bool { return stored < version }
func deletesLiveVersion(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, _ bool, version int64) (int64, error) {
		if _, err := sound.get(ctx, keyOf(s)); err != nil {
			return 0, nil
		}
		return sound.deleteVersion(ctx, keyOf(s), version)
	})
	return b.store
}

func countsVersionOnce(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, _ bool, version int64) (int64, error) {
		_, err := sound.deleteVersion(ctx, keyOf(s), version)
		return 1, err
	})
	return b.store
}

func countsVersionNever(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, _ bool, version int64) (int64, error) {
		_, err := sound.deleteVersion(ctx, keyOf(s), version)
		return 0, err
	})
	return b.store
}

func failsWithoutSession(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	var mu sync.Mutex // so that all racers but one find no session
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, _ bool, version int64) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := b.stored(keyOf(s)); !ok {
			return 0, bff.ErrSessionNotFound
		}
		return sound.deleteVersion(ctx, keyOf(s), version)
	})
	return b.store
}

func failsOnOtherVersion(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, ok bool, version int64) (int64, error) {
		n, err := sound.deleteVersion(ctx, keyOf(s), version)
		if err == nil && ok && s.Version != version {
			err = bff.ErrSessionChanged
		}
		return n, err
	})
	return b.store
}

func writesOtherVersion(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, ok bool, version int64) (int64, error) {
		n, err := sound.deleteVersion(ctx, keyOf(s), version)
		if ok && s.Version > version && version > 1 {
			_ = sound.update(ctx, keyOf(s), updateOf(s))
		}
		return n, err
	})
	return b.store
}

// deletesVersionIn also deletes the sessions of the version whose keys are the same by the
// function.
func deletesVersionIn(same func(a, b bff.UserSessionKey) bool) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, _ bool, version int64) (int64, error) {
			n, err := sound.deleteVersion(ctx, keyOf(s), version)
			for _, other := range b.all() {
				if keyOf(other) != keyOf(s) && same(keyOf(other), keyOf(s)) {
					_, _ = sound.deleteVersion(ctx, keyOf(other), version)
				}
			}
			return n, err
		})
		return b.store
	}
}

func otherPartitionKey(a, b bff.UserSessionKey) bool { return a.Key == b.Key }

func otherCaseKey(a, b bff.UserSessionKey) bool {
	return a.PartitionKey == b.PartitionKey && strings.EqualFold(a.Key, b.Key)
}

func deletesVersionWithoutContext(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.deleteVersion = func(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
		return sound.deleteVersion(context.WithoutCancel(ctx), key, version)
	}
	return b.store
}

// checksVersionThenDeletes deletes without a condition after it has checked the version.
// In the race with updates, the first update comes between the two.
func checksVersionThenDeletes(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	checked := gateIn(t, raceOfVersions, rivalRacers/2)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		checked.wait()
		return sound.update(ctx, key, u)
	}
	updated := updatesFirst(t, b)
	changesVersionDelete(b, func(ctx context.Context, s bff.UserSession, ok bool, version int64) (int64, error) {
		if !checked.inUse {
			return sound.deleteVersion(ctx, keyOf(s), version)
		}
		checked.arrive()
		updated.wait()
		if !ok || s.Version != version {
			return 0, nil
		}
		return sound.delete(ctx, keyOf(s))
	})
	return b.store
}

// updatesFirst returns a gate that the first update in the race of versions opens.
func updatesFirst(t *testing.T, b *builder) *gate {
	sound := *b.store
	updated := gateIn(t, raceOfVersions, 1)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		err := sound.update(ctx, key, u)
		if updated.inUse {
			updated.arrive()
		}
		return err
	}
	return updated
}
