package bfftest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"example.com/usersession/bff"
)

// anonymousFaults returns the faults of anonymous sessions and of updates with a zero
// Created.
func anonymousFaults() []fault {
	return []fault{
		{name: "anonymous sessions are refused", build: refusesAnonymous,
			topics: []string{"anonymous", "created", "rivals", "partition", "expiry", "deleteversion", "concurrency"}},
		{name: "a partition has one anonymous session", build: allowsOneAnonymous,
			topics: []string{"anonymous", "rivals", "expiry", "deleteversion", "concurrency"}},
		{name: "update keeps the subject id if it is empty", topics: []string{"anonymous", "created"}, build: keepsSubject},
		{name: "a session id without a subject id is dropped", topics: []string{"anonymous"}, build: dropsSessionIDWithoutSubject},
		{name: "an empty filter lists anonymous sessions", topics: []string{"anonymous"}, build: listsAnonymousByFilter},
		{name: "an empty filter deletes anonymous sessions", topics: []string{"anonymous"}, build: deletesAnonymousByFilter},
		{name: "listings of a user show anonymous sessions", topics: []string{"anonymous"}, build: listsAnonymousToUsers},
		{name: "listings leave anonymous sessions out", topics: []string{"anonymous"}, build: hidesAnonymous},

		{name: "a zero Created is written as the current time", topics: []string{"created"}, build: writesOwnCreated},
		{name: "a conditional update writes a zero Created", topics: []string{"created"}, build: writesOwnCreatedFromVersion},
		{name: "an update that removes a session writes a zero Created", topics: []string{"created"}, build: writesOwnCreatedOnConflict},
		{name: "a zero Created is refused", topics: []string{"created"}, build: refusesZeroCreated},
		{name: "update never writes Created", topics: []string{"created", "crud", "time"}, build: ignoresCreated},
		{name: "a zero Renewed keeps the stored time", topics: []string{"created", "time", "rivals"}, build: keepsRenewed},
	}
}

// stored returns the session with the key, live or expired.
func (b *builder) stored(key bff.UserSessionKey) (s bff.UserSession, ok bool) {
	var err error
	b.inThePast(func() { s, err = b.sound.GetUserSession(context.Background(), key) })
	return s, err == nil
}

// rival returns the other session, live or expired, that has the update's session id.
func (b *builder) rival(key bff.UserSessionKey, u bff.UserSessionUpdate) (rival bff.UserSession, ok bool) {
	if u.SessionID == "" {
		return rival, false
	}
	b.inThePast(func() {
		all, _ := b.sound.GetUserSessions(context.Background(), key.PartitionKey, bySessionID(u.SessionID))
		if len(all) == 1 && keyOf(all[0]) != key {
			rival, ok = all[0], true
		}
	})
	return rival, ok
}

func refusesAnonymous(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	refusal := func(ctx context.Context, subjectID string, invalid error) error {
		if ctx.Err() == nil && invalid == nil && subjectID == "" {
			return fmt.Errorf("%w: SubjectID is empty", bff.ErrInvalidSession)
		}
		return nil
	}
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		if err := refusal(ctx, s.SubjectID, s.Validate()); err != nil {
			return err
		}
		return sound.create(ctx, s)
	}
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		if err := refusal(ctx, u.SubjectID, u.Validate()); err != nil {
			return err
		}
		return sound.update(ctx, key, u)
	}
	return b.store
}

func allowsOneAnonymous(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		if ctx.Err() == nil && s.Validate() == nil && s.SubjectID == "" {
			for _, other := range b.anonymous(s.PartitionKey) {
				if other.Key != s.Key {
					return bff.ErrSessionExists
				}
			}
		}
		return sound.create(ctx, s)
	}
	return b.store
}

// anonymous returns the anonymous sessions of the partition, live and expired.
func (b *builder) anonymous(partitionKey string) []bff.UserSession {
	var all []bff.UserSession
	for _, s := range b.all() {
		if s.PartitionKey == partitionKey && s.SubjectID == "" {
			all = append(all, s)
		}
	}
	return all
}

// changesUpdates makes the store change an update before it writes it.
func changesUpdates(change func(b *builder, key bff.UserSessionKey, u *bff.UserSessionUpdate)) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
			change(b, key, &u)
			return sound.update(ctx, key, u)
		}
		return b.store
	}
}

func keepsSubject(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(b *builder, key bff.UserSessionKey, u *bff.UserSessionUpdate) {
		if u.Validate() != nil || u.SubjectID != "" {
			return
		}
		s, _ := b.stored(key)
		u.SubjectID = s.SubjectID
	})(t, b)
}

func dropsSessionIDWithoutSubject(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		if s.SubjectID == "" {
			s.SessionID = ""
		}
		return sound.create(ctx, s)
	}
	return b.store
}

func listsAnonymousByFilter(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
		all, err := sound.list(ctx, partitionKey, filter)
		if found := b.anonymous(partitionKey); errors.Is(err, bff.ErrInvalidFilter) && len(found) > 0 {
			return found, nil
		}
		return all, err
	}
	return b.store
}

func deletesAnonymousByFilter(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.deleteAll = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
		n, err := sound.deleteAll(ctx, partitionKey, filter)
		if errors.Is(err, bff.ErrInvalidFilter) {
			for _, s := range b.anonymous(partitionKey) {
				_, _ = sound.delete(ctx, keyOf(s))
			}
		}
		return n, err
	}
	return b.store
}

// listsOnly makes listings show the sessions of the partition for which show is true.
func listsOnly(show func(query bff.UserSessionsQuery, s bff.UserSession) bool) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		b.store.query = func(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
			all := query
			all.SubjectID = ""
			return func(yield func(bff.UserSession, error) bool) {
				for s, err := range sound.query(ctx, all) {
					if (err != nil || show(query, s)) && !yield(s, err) {
						return
					}
				}
			}
		}
		return b.store
	}
}

func listsAnonymousToUsers(t *testing.T, b *builder) bff.UserSessionStore {
	return listsOnly(func(query bff.UserSessionsQuery, s bff.UserSession) bool {
		return query.SubjectID == "" || s.SubjectID == "" || s.SubjectID == query.SubjectID
	})(t, b)
}

func hidesAnonymous(t *testing.T, b *builder) bff.UserSessionStore {
	return listsOnly(func(query bff.UserSessionsQuery, s bff.UserSession) bool {
		return s.SubjectID != "" && (query.SubjectID == "" || s.SubjectID == query.SubjectID)
	})(t, b)
}

func writesOwnCreated(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(b *builder, _ bff.UserSessionKey, u *bff.UserSessionUpdate) {
		if u.Created.IsZero() {
			u.Created = b.now()
		}
	})(t, b)
}

func writesOwnCreatedFromVersion(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(b *builder, _ bff.UserSessionKey, u *bff.UserSessionUpdate) {
		if u.Created.IsZero() && u.IfVersion != 0 {
			u.Created = b.now()
		}
	})(t, b)
}

func writesOwnCreatedOnConflict(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(b *builder, key bff.UserSessionKey, u *bff.UserSessionUpdate) {
		if _, ok := b.rival(key, *u); ok && u.Created.IsZero() {
			u.Created = b.now()
		}
	})(t, b)
}

func refusesZeroCreated(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		if ctx.Err() == nil && u.Created.IsZero() {
			return fmt.Errorf("%w: Created is not set", bff.ErrInvalidSession)
		}
		return sound.update(ctx, key, u)
	}
	return b.store
}

func ignoresCreated(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(b *builder, key bff.UserSessionKey, u *bff.UserSessionUpdate) {
		if s, ok := b.stored(key); ok && u.Validate() == nil {
			u.Created = s.Created
		}
	})(t, b)
}

func keepsRenewed(t *testing.T, b *builder) bff.UserSessionStore {
	return changesUpdates(func(b *builder, key bff.UserSessionKey, u *bff.UserSessionUpdate) {
		if s, ok := b.stored(key); ok && u.Renewed.IsZero() {
			u.Renewed = s.Renewed
		}
	})(t, b)
}
