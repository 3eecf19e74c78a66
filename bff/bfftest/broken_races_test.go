package bfftest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// raceFaults returns the faults that show only in races. Each has a gate between its check
// and its write. No racer passes the gate before all have arrived, so that the fault shows
// every time.
func raceFaults() []fault {
	return []fault{
		{name: "replace takes two steps", topics: []string{"concurrency"}, build: replacesInTwoSteps},
		{name: "IfVersion is checked before the write", topics: []string{"concurrency"}, build: checksVersionFirst},
		{name: "update checks first and restores a deleted session", topics: []string{"concurrency"}, build: checksFirstAndAdds},
		{name: "create checks first and overwrites a new session", topics: []string{"concurrency"}, build: checksFirstAndCreates},
	}
}

func replacesInTwoSteps(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	deleted := gateIn(t, "concurrent replaces of one session id leave one session", racers)
	b.store.replace = func(ctx context.Context, s bff.UserSession) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.Validate(); err != nil {
			return err
		}
		deleteConflicting(sound, s)
		deleted.arrive()
		deleted.wait()
		return sound.create(context.WithoutCancel(ctx), s)
	}
	return b.store
}

func checksVersionFirst(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	checked := gateIn(t, "of many updates from one version exactly one wins", racers)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		if u.IfVersion == 0 || ctx.Err() != nil || u.Validate() != nil {
			return sound.update(ctx, key, u)
		}
		s, err := sound.get(ctx, key)
		if err == nil && s.Version != u.IfVersion {
			err = bff.ErrSessionChanged
		}
		checked.arrive()
		checked.wait()
		if err != nil {
			return err
		}
		u.IfVersion = 0
		return sound.update(ctx, key, u)
	}
	return b.store
}

func checksFirstAndAdds(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	race := newRaceWithDelete(t, b)
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		if !race.on {
			return sound.update(ctx, key, u)
		}
		if _, err := sound.get(ctx, key); err != nil {
			race.checked(key)
			return err
		}
		race.checked(key)
		race.waitForDelete(key)
		if err := sound.update(ctx, key, u); !errors.Is(err, bff.ErrSessionNotFound) {
			return err
		}
		err := sound.create(ctx, sessionOf(key, u))
		if errors.Is(err, bff.ErrSessionExists) { // another update came first
			return nil
		}
		return err
	}
	b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) {
		race.waitForCheck(key)
		n, err := sound.delete(ctx, key)
		race.deleted(key)
		return n, err
	}
	return b.store
}

func checksFirstAndCreates(t *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	checked := gateIn(t, "of many creates with one key exactly one wins", racers)
	var mu sync.Mutex // makes the write itself atomic, as a database does
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		if checked.missing.Load() <= 0 {
			return sound.create(ctx, s)
		}
		_, err := sound.get(ctx, keyOf(s))
		checked.arrive()
		checked.wait()
		if err == nil {
			return bff.ErrSessionExists
		}
		mu.Lock()
		defer mu.Unlock()
		return sound.replace(ctx, s)
	}
	return b.store
}

// A raceWithDelete orders a delete and the updates that race it so that the fault shows. It
// does nothing in other tests.
type raceWithDelete struct {
	on      bool
	mu      sync.Mutex
	checks  map[bff.UserSessionKey]chan struct{}
	deletes map[bff.UserSessionKey]chan struct{}
}

func newRaceWithDelete(t *testing.T, b *builder) *raceWithDelete {
	r := &raceWithDelete{
		on:      strings.HasSuffix(t.Name(), "/"+underscored("an update that races a delete does not restore the session")),
		checks:  map[bff.UserSessionKey]chan struct{}{},
		deletes: map[bff.UserSessionKey]chan struct{}{},
	}
	sound := *b.store
	b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) {
		n, err := sound.delete(ctx, key)
		r.deleted(key)
		return n, err
	}
	return r
}

func (r *raceWithDelete) channel(of map[bff.UserSessionKey]chan struct{}, key bff.UserSessionKey) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of[key] == nil {
		of[key] = make(chan struct{})
	}
	return of[key]
}

// happened records that the event of the key has occurred.
func (r *raceWithDelete) happened(of map[bff.UserSessionKey]chan struct{}, key bff.UserSessionKey) {
	channel := r.channel(of, key)
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-channel:
	default:
		close(channel)
	}
}

func (r *raceWithDelete) checked(key bff.UserSessionKey) { r.happened(r.checks, key) }
func (r *raceWithDelete) deleted(key bff.UserSessionKey) { r.happened(r.deletes, key) }

func (r *raceWithDelete) waitForCheck(key bff.UserSessionKey) {
	if r.on {
		<-r.channel(r.checks, key)
	}
}

func (r *raceWithDelete) waitForDelete(key bff.UserSessionKey) {
	if r.on {
		<-r.channel(r.deletes, key)
	}
}
