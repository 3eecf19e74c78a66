package bfftest

import (
	"context"
	"iter"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// listerFaults returns the faults of listings.
func listerFaults() []fault {
	return []fault{
		{name: "listings contain tickets", topics: []string{"lister"}, build: listsTickets},
		{name: "listings are paged by offset", topics: []string{"lister"}, build: pagesByOffset},
		{name: "listings ignore the subject", topics: []string{"lister", "anonymous"}, build: listsEverySubject},
		{name: "listings end silently when cancelled", topics: []string{"lister"}, build: endsSilently},
		{name: "a listing holds a lock while the loop runs", topics: []string{"lister"}, hangs: true, build: locksLoop},
	}
}

func listsTickets(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.query = func(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
		return func(yield func(bff.UserSession, error) bool) {
			for s, err := range sound.query(ctx, query) {
				if full, getErr := sound.get(ctx, keyOf(s)); getErr == nil {
					s.Ticket = full.Ticket
				}
				if !yield(s, err) {
					return
				}
			}
		}
	}
	return b.store
}

func pagesByOffset(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.query = func(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
		size := query.PageSize
		if size < 1 {
			size = bff.DefaultPageSize
		}
		return func(yield func(bff.UserSession, error) bool) {
			for offset := 0; ; offset += size {
				var page []bff.UserSession
				at := 0
				for s, err := range sound.query(ctx, query) {
					if err != nil {
						yield(s, err)
						return
					}
					if at >= offset && at < offset+size {
						page = append(page, s)
					}
					at++
				}
				for _, s := range page {
					if !yield(s, nil) {
						return
					}
				}
				if len(page) < size {
					return
				}
			}
		}
	}
	return b.store
}

func listsEverySubject(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.query = func(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
		query.SubjectID = ""
		return sound.query(ctx, query)
	}
	return b.store
}

func endsSilently(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.query = func(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
		return func(yield func(bff.UserSession, error) bool) {
			for s, err := range sound.query(ctx, query) {
				if err != nil || !yield(s, nil) {
					return
				}
			}
		}
	}
	return b.store
}

func locksLoop(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	var mu sync.RWMutex
	b.store.query = func(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
		return func(yield func(bff.UserSession, error) bool) {
			mu.RLock()
			defer mu.RUnlock()
			sound.query(ctx, query)(yield)
		}
	}
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		mu.Lock()
		defer mu.Unlock()
		return sound.update(ctx, key, u)
	}
	return b.store
}
