package bfftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// valueFaults returns the faults of stores that do not keep values exactly.
func valueFaults() []fault {
	return []fault{
		{name: "identities are stored in lower case", topics: []string{"identity", "lister"}, build: foldsCase},
		{name: "trailing spaces are trimmed", topics: []string{"identity"}, build: changesIdentities(func(v string) string { return strings.TrimRight(v, " ") })},
		{name: "long identities are truncated", topics: []string{"identity"}, build: changesIdentities(cutToFit)},
		{name: "a validation error quotes the value", topics: []string{"identity"}, build: quotesRefused},
		{name: "a conflict error quotes the key", topics: []string{"secrecy"}, build: quotesKey},
		{name: "times are truncated to seconds", topics: []string{"time", "created"}, build: changesTimes(func(t time.Time) time.Time { return t.Truncate(time.Second) })},
		{name: "times are rounded to microseconds", topics: []string{"time"}, build: changesTimes(func(t time.Time) time.Time { return t.Round(time.Microsecond) })},
		{name: "the zone of a time is dropped", topics: []string{"time"}, build: changesTimes(dropZone)},
		{name: "times are returned in a local zone", topics: []string{"time", "created"}, build: localTimes},
		{name: "tickets are truncated at 64 KB", topics: []string{"tickets"}, build: capsTickets},
		{name: "tickets are truncated at a NUL", topics: []string{"tickets"}, build: cutsTicketsAtNUL},
		{name: "the store keeps the caller's ticket", topics: []string{"copies"}, build: sharesOnWrite},
		{name: "the store returns its own ticket", topics: []string{"copies"}, build: sharesOnRead},
	}
}

func foldsCase(_ *testing.T, b *builder) bff.UserSessionStore {
	fold, sound := strings.ToLower, *b.store
	changed := changesIdentities(fold)(nil, b).(*brokenStore)
	changed.list = func(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
		return sound.list(ctx, fold(partitionKey), bff.UserSessionsFilter{SubjectID: fold(filter.SubjectID), SessionID: fold(filter.SessionID)})
	}
	return changed
}

// changesIdentities changes the identities that are written, and the key of every
// operation.
func changesIdentities(change func(string) string) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		keyed := func(key bff.UserSessionKey) bff.UserSessionKey {
			return bff.UserSessionKey{PartitionKey: change(key.PartitionKey), Key: change(key.Key)}
		}
		b.store.get = func(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
			return sound.get(ctx, keyed(key))
		}
		b.store.delete = func(ctx context.Context, key bff.UserSessionKey) (int64, error) { return sound.delete(ctx, keyed(key)) }
		b.store.create = func(ctx context.Context, s bff.UserSession) error {
			s.PartitionKey, s.Key = change(s.PartitionKey), change(s.Key)
			s.SubjectID, s.SessionID = change(s.SubjectID), change(s.SessionID)
			return sound.create(ctx, s)
		}
		b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
			u.SubjectID, u.SessionID = change(u.SubjectID), change(u.SessionID)
			return sound.update(ctx, keyed(key), u)
		}
		return b.store
	}
}

func cutToFit(value string) string {
	if len(value) > bff.MaxIdentityLength && (bff.UserSessionKey{Key: value}).Validate() != nil {
		return value[:bff.MaxIdentityLength]
	}
	return value
}

func quotesRefused(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		err := sound.create(ctx, s)
		if errors.Is(err, bff.ErrInvalidSession) && s.SubjectID != "" {
			return fmt.Errorf("%w: subject %s", err, s.SubjectID)
		}
		return err
	}
	return b.store
}

func quotesKey(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		err := sound.create(ctx, s)
		if errors.Is(err, bff.ErrSessionExists) {
			return fmt.Errorf("%w: Duplicate entry '%s-%s'", err, s.PartitionKey, s.Key)
		}
		return err
	}
	return b.store
}

// changesTimes changes the times that are written.
func changesTimes(change func(time.Time) time.Time) func(*testing.T, *builder) bff.UserSessionStore {
	return func(_ *testing.T, b *builder) bff.UserSessionStore {
		sound := *b.store
		b.store.create = func(ctx context.Context, s bff.UserSession) error {
			if s.Validate() == nil {
				s.Created, s.Renewed, s.Expires = change(s.Created), change(s.Renewed), change(s.Expires)
			}
			return sound.create(ctx, s)
		}
		b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
			if u.Validate() == nil {
				u.Created, u.Renewed, u.Expires = change(u.Created), change(u.Renewed), change(u.Expires)
			}
			return sound.update(ctx, key, u)
		}
		return b.store
	}
}

// dropZone has the effect of a column without a time zone on a time that is not in UTC.
func dropZone(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

func localTimes(_ *testing.T, b *builder) bff.UserSessionStore {
	sound, zone := *b.store, time.FixedZone("local", 2*3600)
	b.store.get = func(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
		s, err := sound.get(ctx, key)
		s.Created = s.Created.In(zone)
		return s, err
	}
	return b.store
}

func capsTickets(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		u.Ticket = u.Ticket[:min(len(u.Ticket), 65_535)]
		return sound.update(ctx, key, u)
	}
	return b.store
}

func cutsTicketsAtNUL(_ *testing.T, b *builder) bff.UserSessionStore {
	sound := *b.store
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		if i := bytes.IndexByte(s.Ticket, 0); i >= 0 && len(s.Ticket) == 256 {
			s.Ticket = s.Ticket[:i]
		}
		return sound.create(ctx, s)
	}
	return b.store
}

// remembering passes the tickets that are written and read, not copies of them, to the
// functions. It runs one operation at a time and has no other fault.
func remembering(b *builder, written func(key bff.UserSessionKey, content []byte), read func(s *bff.UserSession)) bff.UserSessionStore {
	sound := *b.store
	var mu sync.Mutex
	write := func(key bff.UserSessionKey, content []byte, operation func() error) error {
		mu.Lock()
		defer mu.Unlock()
		err := operation()
		if err == nil {
			written(key, content)
		}
		return err
	}
	b.store.create = func(ctx context.Context, s bff.UserSession) error {
		return write(keyOf(s), s.Ticket, func() error { return sound.create(ctx, s) })
	}
	b.store.replace = func(ctx context.Context, s bff.UserSession) error {
		return write(keyOf(s), s.Ticket, func() error { return sound.replace(ctx, s) })
	}
	b.store.update = func(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
		return write(key, u.Ticket, func() error { return sound.update(ctx, key, u) })
	}
	b.store.get = func(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
		mu.Lock()
		defer mu.Unlock()
		s, err := sound.get(ctx, key)
		if err == nil {
			read(&s)
		}
		return s, err
	}
	return b.store
}

func sharesOnWrite(_ *testing.T, b *builder) bff.UserSessionStore {
	tickets := map[bff.UserSessionKey][]byte{}
	return remembering(b,
		func(key bff.UserSessionKey, content []byte) { tickets[key] = content },
		func(s *bff.UserSession) { s.Ticket = bytes.Clone(tickets[keyOf(*s)]) })
}

func sharesOnRead(_ *testing.T, b *builder) bff.UserSessionStore {
	tickets := map[bff.UserSessionKey][]byte{}
	return remembering(b,
		func(key bff.UserSessionKey, _ []byte) { delete(tickets, key) },
		func(s *bff.UserSession) {
			if content, ok := tickets[keyOf(*s)]; ok {
				s.Ticket = content
			}
			tickets[keyOf(*s)] = s.Ticket
		})
}
