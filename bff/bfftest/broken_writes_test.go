package bfftest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// writeFaults returns the faults of create, update and replace that show without a race.
func writeFaults() []fault {
	return []fault{
		{name: "create swallows errors", topics: []string{"crud", "expiry", "partition", "concurrency"}, build: swallowsCreateError},
		{name: "create overwrites a live session", topics: []string{"crud", "expiry", "partition", "concurrency"}, build: createsOver},
		{name: "create keeps the caller's version", topics: []string{"crud"}, build: keepsCallersVersion},
		{name: "update creates a missing session", topics: []string{"crud", "created", "rivals", "expiry", "concurrency"}, build: upserts},
		{name: "update ignores IfVersion", topics: []string{"crud", "created", "rivals", "concurrency"}, build: ignoresVersion},
		{name: "update removes a live session with its session id", topics: []string{"crud", "created", "rivals", "concurrency"}, build: stealsSessionID},
		{name: "update writes before it reports a session id conflict", topics: []string{"crud"}, build: writesBeforeItRefuses},
		{name: "replace deletes before it checks the context", topics: []string{"replace"}, build: replacesByDeletingFirst},
		{name: "replace without a session id removes the user's other sessions", topics: []string{"replace"}, build: replacesByEmptySessionID},
		{name: "replace updates in place", topics: []string{"replace", "anonymous", "concurrency"}, build: replacesInPlace},
		{name: "contexts are ignored", topics: []string{"context", "rivals"}, build: ignoresContext},
	}
}

func swallowsCreateError(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		err := sound.create(ctx, s)
		if errors.Is(err, bff.ErrSessionExists) {
			return nil
		}
		return err
	}
	return b.store
}

func createsOver(_ *testing.T, b *builder) bff.UserSessionStore {
	b.store.create = b.store.replace
	return b.store
}

func keepsCallersVersion(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	var mu sync.Mutex
	versions := map[bff.UserSessionKey]int64{}
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		err := sound.create(ctx, s)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && s.Version != 0 {
			versions[keyOf(s)] = s.Version
		}
		return err
	}
	b.store.get = func(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
		s, err := sound.get(ctx, key)
		mu.Lock()
		defer mu.Unlock()
		if version := versions[key]; err == nil && version != 0 {
			s.Version += version - 1
		}
		return s, err
	}
	return b.store
}

// upserts creates a session that is missing. In the race with a delete, it waits for the
// delete.
func upserts(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	race := newRaceWithDelete(t, b)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		race.waitForDelete(key)
		err := sound.update(ctx, key, u)
		if errors.Is(err, bff.ErrSessionNotFound) && u.IfVersion == 0 {
			err = sound.create(ctx, sessionOf(key, u))
			if errors.Is(err, bff.ErrSessionExists) { // another update came first
				err = nil
			}
		}
		return err
	}
	return b.store
}

func sessionOf(key bff.UserSessionKey, u bff.UserSessionUpdate) bff.UserSession {
	return bff.UserSession{
		PartitionKey: key.PartitionKey, Key: key.Key, SubjectID: u.SubjectID, SessionID: u.SessionID,
		Created: u.Created, Renewed: u.Renewed, Expires: u.Expires, Ticket: u.Ticket,
	}
}

func ignoresVersion(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		u.IfVersion = 0
		return sound.update(ctx, key, u)
	}
	return b.store
}

func stealsSessionID(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	var mu sync.Mutex
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		mu.Lock()
		defer mu.Unlock()
		err := sound.update(ctx, key, u)
		if errors.Is(err, bff.ErrSessionExists) {
			if _, err := sound.deleteAll(ctx, key.PartitionKey, bySessionID(u.SessionID)); err != nil {
				return err
			}
			return sound.update(ctx, key, u)
		}
		return err
	}
	return b.store
}

// writesBeforeItRefuses writes all values but the session id before it reports the conflict
// of the session id.
func writesBeforeItRefuses(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		err := sound.update(ctx, key, u)
		if errors.Is(err, bff.ErrSessionExists) && u.SubjectID == bob {
			u.SessionID = ""
			_ = sound.update(ctx, key, u)
		}
		return err
	}
	return b.store
}

// replacesByDeletingFirst deletes and creates in two steps, with no operation between them.
// It is wrong if the context has ended: the old session is then lost.
func replacesByDeletingFirst(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	var mu sync.Mutex
	b.store.replace = func(ctx context.Context, s bff.UserSession) error {
		mu.Lock()
		defer mu.Unlock()
		if err := s.Validate(); err != nil && ctx.Err() == nil {
			return err
		}
		deleteConflicting(sound, s)
		return sound.create(ctx, s)
	}
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		mu.Lock()
		defer mu.Unlock()
		return sound.create(ctx, s)
	}
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		mu.Lock()
		defer mu.Unlock()
		return sound.update(ctx, key, u)
	}
	b.store.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
		mu.Lock()
		defer mu.Unlock()
		return sound.list(ctx, partitionKey, filter)
	}
	return b.store
}

func deleteConflicting(sound brokenStore, s bff.UserSession) {
	ctx := context.Background() // deletes although the context has ended
	_, _ = sound.delete(ctx, keyOf(s))
	if s.SessionID != "" {
		_, _ = sound.deleteAll(ctx, s.PartitionKey, bySessionID(s.SessionID))
	}
}

func replacesByEmptySessionID(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.replace = func(ctx context.Context, s bff.UserSession) error {
		if ctx.Err() == nil && s.Validate() == nil && s.SessionID == "" {
			_, _ = sound.deleteAll(ctx, s.PartitionKey, bySubject(s.SubjectID))
		}
		return sound.replace(ctx, s)
	}
	return b.store
}

func replacesInPlace(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.replace = func(ctx context.Context, s bff.UserSession) error {
		if s.Validate() == nil {
			if err := sound.update(ctx, keyOf(s), updateOf(s)); err == nil || errors.Is(err, context.Canceled) {
				return err
			}
		}
		return sound.replace(ctx, s)
	}
	return b.store
}

func ignoresContext(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.get = func(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
		return sound.get(context.WithoutCancel(ctx), key)
	}
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		return sound.create(context.WithoutCancel(ctx), s)
	}
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		return sound.update(context.WithoutCancel(ctx), key, u)
	}
	b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) {
		return sound.delete(context.WithoutCancel(ctx), key)
	}
	b.store.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
		return sound.list(context.WithoutCancel(ctx), partitionKey, filter)
	}
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		return sound.deleteAll(context.WithoutCancel(ctx), partitionKey, filter)
	}
	return b.store
}
