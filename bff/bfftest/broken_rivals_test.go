package bfftest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// rivalFaults returns the faults of updates with ReplaceRivals.
func rivalFaults() []fault {
	return []fault{
		{name: "ReplaceRivals is ignored", build: ignoresReplaceRivals,
			topics: []string{"rivals", "created", "partition", "identity", "copies", "concurrency"}},
		{name: "ReplaceRivals refuses to remove expired sessions", topics: []string{"rivals"}, build: refusesExpiredRival},
		{name: "ReplaceRivals lets the rival live without its session id", build: stripsRival,
			topics: []string{"rivals", "created", "partition", "identity", "concurrency"}},
		{name: "ReplaceRivals makes a new session", build: replacesUpdated,
			topics: []string{"rivals", "created", "partition", "concurrency"}},
		{name: "a rival is removed although the version has changed", topics: []string{"rivals", "concurrency"}, build: evictsAfter(bff.ErrSessionChanged)},
		{name: "a rival is removed although the session is missing", topics: []string{"rivals"}, build: evictsAfter(bff.ErrSessionNotFound)},
		{name: "a rival is removed although a value is invalid", topics: []string{"rivals", "anonymous", "identity"}, build: evictsAfter(bff.ErrInvalidSession)},
		{name: "a rival is removed although the context has ended", topics: []string{"rivals"}, build: evictsAfter(context.Canceled)},
		{name: "ReplaceRivals removes rivals in every partition", topics: []string{"partition"}, build: evictsIn(otherPartition)},
		{name: "ReplaceRivals ignores the case of session ids", topics: []string{"identity"}, build: evictsIn(otherCase)},
		{name: "ReplaceRivals removes the user's other sessions", topics: []string{"rivals", "concurrency"}, build: evictsIn(sameUser)},
		{name: "ReplaceRivals without a session id removes the user's sessions", topics: []string{"rivals"}, build: evictsIn(sameUserWithoutSessionID)},
		{name: "ReplaceRivals without a session id removes anonymous sessions", topics: []string{"rivals"}, build: evictsIn(anonymousWithoutSessionID)},

		{name: "ReplaceRivals takes two steps", topics: []string{"concurrency"}, build: takesOverInTwoSteps},
		{name: "ReplaceRivals checks the version before it removes the rival", topics: []string{"concurrency"}, build: checksVersionThenEvicts},
	}
}

func ignoresReplaceRivals(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(_ *builder, _ bff.UserSessionKey, u *bff.UserSessionUpdate) { u.ReplaceRivals = false })(t, b)
}

// evicting replaces the updates with ReplaceRivals that are valid and have a rival. They
// run one at a time.
func evicting(b *builder, update func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate, rival bff.UserSession) error) {
	sound := *b.store
	var mu sync.Mutex
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		mu.Lock()
		defer mu.Unlock()
		rival, ok := b.rival(key, u)
		if !ok || !u.ReplaceRivals || ctx.Err() != nil || u.Validate() != nil {
			return sound.update(ctx, key, u)
		}
		return update(ctx, key, u, rival)
	}
}

func refusesExpiredRival(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	evicting(b, func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate, rival bff.UserSession) error {
		if !rival.Expires.IsZero() && !rival.Expires.After(b.now()) {
			return bff.ErrSessionExists
		}
		return sound.update(ctx, key, u)
	})
	return b.store
}

func stripsRival(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	evicting(b, func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate, rival bff.UserSession) error {
		err := sound.update(ctx, key, u)
		if err == nil {
			rival.SessionID = ""
			_ = sound.create(ctx, rival)
		}
		return err
	})
	return b.store
}

func replacesUpdated(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	evicting(b, func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate, _ bff.UserSession) error {
		err := sound.update(ctx, key, u)
		if s, getErr := sound.get(ctx, key); err == nil && getErr == nil {
			return sound.replace(ctx, s)
		}
		return err
	})
	return b.store
}

// evictsAfter makes an update with ReplaceRivals remove the rival although it fails with
// the error. In races, a missing session is not such an error: only luck would decide
// whether a session is missing.
func evictsAfter(target error) func(*testing.T, *builder) bff.UserSessionStore {
	return func(t *testing.T, b *builder) bff.UserSessionStore {
		if errors.Is(target, bff.ErrSessionNotFound) && strings.Contains(t.Name(), "/concurrency/") {
			return b.store
		}
		sound := *b.store
		b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
			err := sound.update(ctx, key, u)
			if rival, ok := b.rival(key, u); ok && u.ReplaceRivals && errors.Is(err, target) {
				_, _ = sound.delete(context.WithoutCancel(ctx), keyOf(rival))
			}
			return err
		}
		return b.store
	}
}

// evictsIn makes an update with ReplaceRivals also remove the other sessions for which
// remove is true. The updates run one at a time: otherwise, an update could remove a racer
// that has taken the session id over since, and only luck would decide whether the races
// fail.
func evictsIn(remove func(key bff.UserSessionKey, u bff.UserSessionUpdate, other bff.UserSession) bool) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		var mu sync.Mutex
		b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
			mu.Lock()
			defer mu.Unlock()
			err := sound.update(ctx, key, u)
			if err != nil || !u.ReplaceRivals {
				return err
			}
			for _, other := range b.all() {
				if keyOf(other) != key && remove(key, u, other) {
					_, _ = sound.delete(ctx, keyOf(other))
				}
			}
			return nil
		}
		return b.store
	}
}

func otherPartition(key bff.UserSessionKey, u bff.UserSessionUpdate, other bff.UserSession) bool {
	return other.PartitionKey != key.PartitionKey && u.SessionID != "" && other.SessionID == u.SessionID
}

func otherCase(key bff.UserSessionKey, u bff.UserSessionUpdate, other bff.UserSession) bool {
	return other.PartitionKey == key.PartitionKey && u.SessionID != "" && strings.EqualFold(other.SessionID, u.SessionID)
}

func sameUser(key bff.UserSessionKey, u bff.UserSessionUpdate, other bff.UserSession) bool {
	return other.PartitionKey == key.PartitionKey && u.SessionID != "" && other.SubjectID == u.SubjectID
}

func sameUserWithoutSessionID(key bff.UserSessionKey, u bff.UserSessionUpdate, other bff.UserSession) bool {
	return other.PartitionKey == key.PartitionKey && u.SessionID == "" && other.SessionID == "" &&
		u.SubjectID != "" && other.SubjectID == u.SubjectID
}

func anonymousWithoutSessionID(key bff.UserSessionKey, u bff.UserSessionUpdate, other bff.UserSession) bool {
	return other.PartitionKey == key.PartitionKey && u.SessionID == "" && other.SubjectID == ""
}

// takesOverInTwoSteps removes the rival and then updates. In the race, every racer has
// removed its rival before the first one updates.
func takesOverInTwoSteps(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	deleted := gateIn(t, "concurrent updates with ReplaceRivals leave one session with the session id", rivalRacers)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		if !deleted.inUse {
			return sound.update(ctx, key, u)
		}
		if rival, ok := b.rival(key, u); ok {
			_, _ = sound.delete(ctx, keyOf(rival))
		}
		deleted.arrive()
		deleted.wait()
		u.ReplaceRivals = false
		return sound.update(ctx, key, u)
	}
	return b.store
}

// checksVersionThenEvicts removes the rival after it has checked the version, and writes
// with the version as a condition. In the race, every racer has checked before the first
// one writes.
func checksVersionThenEvicts(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	checked := gateIn(t, "an update with ReplaceRivals that loses leaves its rival", rivalRacers)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		rival, ok := b.rival(key, u)
		s, err := sound.get(ctx, key)
		evicts := ok && u.ReplaceRivals && err == nil && s.Version == u.IfVersion && u.Validate() == nil
		checked.arrive()
		checked.wait()
		if evicts {
			_, _ = sound.delete(ctx, keyOf(rival))
		}
		return sound.update(ctx, key, u)
	}
	return b.store
}
