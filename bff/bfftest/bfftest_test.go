package bfftest_test

import (
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
)

func TestRun_InMemoryStore(t *testing.T) {
	bfftest.Run(t, bfftest.Harness{
		New: func(_ *testing.T, clock func() time.Time) bff.UserSessionStore {
			return bff.NewInMemoryStore(bff.WithClock(clock))
		},
		Hosts: func(_ *testing.T, clock func() time.Time) (one, other bff.UserSessionStore) {
			shared := bff.NewInMemoryStore(bff.WithClock(clock))
			return shared, shared
		},
	})
}

func TestRun_ReadCache(t *testing.T) {
	for _, maxStale := range []time.Duration{bff.DefaultMaxStale, bff.MaxMaxStale} {
		t.Run(maxStale.String(), func(t *testing.T) {
			cached := func(t *testing.T, store bff.UserSessionStore, clock func() time.Time) bff.UserSessionStore {
				cache, err := bff.NewReadCache(store, bff.ReadCacheConfig{MaxStale: maxStale, Clock: clock})
				if err != nil {
					t.Fatal(err)
				}
				return cache
			}
			bfftest.Run(t, bfftest.Harness{
				New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
					return cached(t, bff.NewInMemoryStore(bff.WithClock(clock)), clock)
				},
				MaxStale: maxStale,
				Hosts: func(t *testing.T, clock func() time.Time) (one, other bff.UserSessionStore) {
					shared := bff.NewInMemoryStore(bff.WithClock(clock))
					return cached(t, shared, clock), cached(t, shared, clock)
				},
			})
		})
	}
}
