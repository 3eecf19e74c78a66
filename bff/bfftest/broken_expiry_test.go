package bfftest

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// expiryFaults returns the faults of stores that judge wrongly whether a session is live.
func expiryFaults() []fault {
	return []fault{
		{name: "get returns expired sessions", topics: []string{"expiry", "time"}, build: getsExpired},
		{name: "get by filter returns expired sessions", topics: []string{"expiry", "time"}, build: listsExpired},
		{name: "update revives expired sessions", topics: []string{"expiry", "rivals"}, build: updatesExpired},
		{name: "create conflicts with expired sessions", topics: []string{"expiry", "concurrency"}, build: createsBesideExpired},
		{name: "a session is live at its expiry", topics: []string{"expiry", "time", "cleanup", "lister"}, build: liveAtExpiry},
		{name: "get removes expired sessions", topics: []string{"expiry"}, build: removesOnGet},
		{name: "delete by filter keeps expired sessions", topics: []string{"expiry"}, build: deletesLiveOnly},
		{name: "create removes an expired session and then reports a conflict", topics: []string{"expiry"}, build: removesBeforeItRefuses},
	}
}

func getsExpired(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.get = func(ctx context.Context, key bff.UserSessionKey) (s bff.UserSession, err error) {
		b.inThePast(func() { s, err = sound.get(ctx, key) })
		return s, err
	}
	return b.store
}

func listsExpired(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (all []bff.UserSession, err error) {
		b.inThePast(func() { all, err = sound.list(ctx, partitionKey, filter) })
		return all, err
	}
	return b.store
}

func updatesExpired(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		err := sound.update(ctx, key, u)
		if errors.Is(err, bff.ErrSessionNotFound) {
			b.inThePast(func() { err = sound.update(ctx, key, u) })
		}
		return err
	}
	return b.store
}

func createsBesideExpired(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) (err error) {
		b.inThePast(func() { err = sound.create(ctx, s) })
		return err
	}
	return b.store
}

// liveAtExpiry compares with >= instead of >. For times in whole microseconds, a clock that
// is one microsecond late has the same effect.
func liveAtExpiry(_ *testing.T, b *builder) bff.UserSessionStore {
	b.lag.Store(int64(time.Microsecond))
	return b.store
}

func removesOnGet(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.get = func(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
		s, err := sound.get(ctx, key)
		if errors.Is(err, bff.ErrSessionNotFound) {
			for _, expired := range b.expired() {
				if keyOf(expired) == key {
					_, _ = sound.delete(ctx, key)
				}
			}
		}
		return s, err
	}
	return b.store
}

func deletesLiveOnly(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		var spared []bff.UserSession
		for _, s := range b.expired() {
			if s.PartitionKey == partitionKey {
				spared = append(spared, s)
			}
		}
		n, err := sound.deleteAll(ctx, partitionKey, filter)
		for _, s := range spared {
			if sound.create(ctx, s) == nil && filter.SubjectID == s.SubjectID {
				n--
			}
		}
		return n, err
	}
	return b.store
}

func removesBeforeItRefuses(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		err := sound.create(ctx, s)
		if errors.Is(err, bff.ErrSessionExists) {
			for _, expired := range b.expired() {
				if expired.PartitionKey == s.PartitionKey && (expired.Key == s.Key || expired.SessionID == s.SessionID) {
					_, _ = sound.delete(ctx, keyOf(expired))
				}
			}
		}
		return err
	}
	return b.store
}
