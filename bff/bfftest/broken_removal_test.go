package bfftest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// removalFaults returns the faults of filters, partitions, deletes and cleanup.
func removalFaults() []fault {
	return []fault{
		{name: "an empty filter deletes every session", topics: []string{"filter", "anonymous"}, build: deletesEverything},
		{name: "a blank session id in a filter is ignored", topics: []string{"filter"}, build: dropsBlankValues},
		{name: "a filter matches either value", topics: []string{"filter", "identity"}, build: matchesEither},
		{name: "get by filter ignores the partition", topics: []string{"partition", "identity"}, build: listsEveryPartition},
		{name: "delete by filter ignores the partition", topics: []string{"partition", "identity"}, build: deletesInEveryPartition},
		{name: "delete of a missing session fails", topics: []string{"crud", "concurrency"}, build: deletesOnce},
		{name: "cleanup removes sessions that never expire", topics: []string{"cleanup"}, build: cleansUpEndless},
		{name: "cleanup stops after a batch", topics: []string{"cleanup"}, build: cleansUpOneBatch},
		{name: "cleanup counts sessions that another host removed", topics: []string{"concurrency"}, build: cleanupCountsFirst},
		{name: "delete by filter counts sessions that another caller removed", topics: []string{"concurrency"}, build: deleteCountsFirst},
	}
}

func deletesEverything(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		n, err := sound.deleteAll(ctx, partitionKey, filter)
		if errors.Is(err, bff.ErrInvalidFilter) {
			for _, s := range b.all() {
				if s.PartitionKey == partitionKey {
					_, _ = sound.delete(ctx, keyOf(s))
					n++
				}
			}
			return n, nil
		}
		return n, err
	}
	return b.store
}

func dropsBlankValues(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	named := func(filter bff.UserSessionsFilter) bff.UserSessionsFilter {
		if strings.TrimSpace(filter.SessionID) == "" {
			filter.SessionID = ""
		}
		return filter
	}
	b.store.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
		return sound.list(ctx, partitionKey, named(filter))
	}
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		return sound.deleteAll(ctx, partitionKey, named(filter))
	}
	return b.store
}

func matchesEither(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		n, err := sound.deleteAll(ctx, partitionKey, filter)
		if err == nil && n == 0 && filter.SubjectID != "" && filter.SessionID != "" {
			return sound.deleteAll(ctx, partitionKey, bySubject(filter.SubjectID))
		}
		return n, err
	}
	return b.store
}

// everyPartition returns the given partition and every other one in which a session was
// created.
func (b *builder) everyPartition(partitionKey string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []string{partitionKey}
	for other := range b.partitions {
		if other != partitionKey {
			all = append(all, other)
		}
	}
	return all
}

func listsEveryPartition(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (all []bff.UserSession, err error) {
		for _, partitionKey := range b.everyPartition(partitionKey) {
			some, err := sound.list(ctx, partitionKey, filter)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return b.store
}

func deletesInEveryPartition(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (all int64, err error) {
		for _, partitionKey := range b.everyPartition(partitionKey) {
			n, err := sound.deleteAll(ctx, partitionKey, filter)
			if err != nil {
				return all, err
			}
			all += n
		}
		return all, nil
	}
	return b.store
}

func deletesOnce(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	var mu sync.Mutex
	b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		missing := key.Validate() == nil
		b.inThePast(func() {
			if _, err := sound.get(context.Background(), key); err == nil {
				missing = false
			}
		})
		n, err := sound.delete(ctx, key)
		if err == nil && missing {
			err = bff.ErrSessionNotFound
		}
		return n, err
	}
	return b.store
}

func cleansUpEndless(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.cleanUp = func(ctx context.Context) (int64, error) {
		n, err := sound.cleanUp(ctx)
		if err == nil {
			for _, s := range b.all() {
				if s.Expires.IsZero() {
					_, _ = sound.delete(ctx, keyOf(s))
					n++
				}
			}
		}
		return n, err
	}
	return b.store
}

func cleansUpOneBatch(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	const batch = 100
	b.store.cleanUp = func(ctx context.Context) (int64, error) {
		expired := b.expired()
		if len(expired) <= batch {
			return sound.cleanUp(ctx)
		}
		for _, s := range expired[:batch] {
			_, _ = sound.delete(ctx, keyOf(s))
		}
		return batch, nil
	}
	return b.store
}

// cleanupCountsFirst counts before it deletes. In the race, all cleanups have counted
// before the first one deletes.
func cleanupCountsFirst(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	counted := gateIn(t, "concurrent cleanups count each session once", racers)
	b.store.cleanUp = func(ctx context.Context) (int64, error) {
		expired := len(b.expired())
		counted.arrive()
		counted.wait()
		if _, err := sound.cleanUp(ctx); err != nil {
			return 0, err
		}
		return int64(expired), nil
	}
	return b.store
}

func deleteCountsFirst(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	counted := gateIn(t, "concurrent deletes by filter count each session once", racers)
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		var all []bff.UserSession
		var err error
		b.inThePast(func() { all, err = sound.list(ctx, partitionKey, filter) })
		counted.arrive()
		counted.wait()
		if err != nil {
			return 0, err
		}
		_, err = sound.deleteAll(ctx, partitionKey, filter)
		return int64(len(all)), err
	}
	return b.store
}
