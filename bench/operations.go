package main

import (
	"context"
	"errors"

	"example.com/usersession"
	"example.com/usersession/bff"
)

const (
	sessions = 10_000 // the number of sessions in the table
	perPage  = 100
)

// A contender is one of the two stores that are compared.
type contender interface {
	bff.UserSessionStore
	bff.UserSessionReplacer
	firstPage(ctx context.Context, partitionKey string, size int) ([]bff.UserSession, error)
}

// A gormStore is the store, with the raw store's firstPage.
type gormStore struct{ *usersession.GormStore }

func (s gormStore) firstPage(ctx context.Context, partitionKey string, size int) (page []bff.UserSession, err error) {
	query := bff.UserSessionsQuery{PartitionKey: partitionKey, OldestFirst: true, PageSize: size}
	for session, err := range s.UserSessions(ctx, query) {
		if err != nil {
			return nil, err
		}
		if page = append(page, session); len(page) == size {
			break
		}
	}
	return page, nil
}

// An operation is an operation of the store. Its calls have numbers; a block uses each
// number once.
type operation struct {
	name string
	// needs is the number of sessions that are inserted for each call before the block.
	needs int
	call  func(ctx context.Context, on contender, b *block, i int) error
}

// A block has the values that the calls of one block share.
type block struct {
	first    int // the number of the first session that is created for a call, or by it
	ticket   []byte
	versions []int64 // the versions of the sessions in the table
}

// old returns the number of a session that is always in the table. Consecutive calls of a
// block get sessions that are far apart in the table.
func (b *block) old(i int) int { return i * 7919 % sessions }

func (b *block) session(i int) bff.UserSession {
	created := now()
	return bff.UserSession{
		PartitionKey: partition, Key: key(i).Key,
		SubjectID: subject(i), SessionID: sessionID(i),
		Created: created, Renewed: created, Expires: created.Add(timeout), Ticket: b.ticket,
	}
}

func (b *block) update(i int) bff.UserSessionUpdate {
	s := b.session(i)
	return bff.UserSessionUpdate{
		SubjectID: s.SubjectID, SessionID: s.SessionID,
		Created: s.Created, Renewed: s.Renewed, Expires: s.Expires, Ticket: s.Ticket,
	}
}

var errWrongResult = errors.New("a wrong number of sessions")

var operations = []operation{
	{"Get", 0, func(ctx context.Context, on contender, b *block, i int) error {
		_, err := on.GetUserSession(ctx, key(b.old(i)))
		return err
	}},
	{"Create", 0, func(ctx context.Context, on contender, b *block, i int) error {
		return on.CreateUserSession(ctx, b.session(b.first+i))
	}},
	{"Update", 0, func(ctx context.Context, on contender, b *block, i int) error {
		old := b.old(i)
		b.versions[old]++
		return on.UpdateUserSession(ctx, key(old), b.update(old))
	}},
	{"Update, IfVersion", 0, func(ctx context.Context, on contender, b *block, i int) error {
		old := b.old(i)
		update := b.update(old)
		update.IfVersion = b.versions[old]
		b.versions[old]++
		return on.UpdateUserSession(ctx, key(old), update)
	}},
	{"Delete", 1, func(ctx context.Context, on contender, b *block, i int) error {
		return errOf(on.DeleteUserSession(ctx, key(b.first+i)))
	}},
	{"GetUserSessions, 10 of a subject", 0, func(ctx context.Context, on contender, b *block, i int) error {
		found, err := on.GetUserSessions(ctx, partition, bff.UserSessionsFilter{SubjectID: subject(b.old(i))})
		if err == nil && len(found) != 10 {
			err = errWrongResult
		}
		return err
	}},
	{"DeleteUserSessions, 10 of a subject", 10, func(ctx context.Context, on contender, b *block, i int) error {
		deleted, err := on.DeleteUserSessions(ctx, partition, bff.UserSessionsFilter{SubjectID: subject(b.first + 10*i)})
		if err == nil && deleted != 10 {
			err = errWrongResult
		}
		return err
	}},
	{"Replace, nothing there", 0, func(ctx context.Context, on contender, b *block, i int) error {
		return on.ReplaceUserSession(ctx, b.session(b.first+i))
	}},
	{"Replace, one there", 1, func(ctx context.Context, on contender, b *block, i int) error {
		session := b.session(b.first + i)
		session.Key = "again-" + session.Key[6:]
		return on.ReplaceUserSession(ctx, session)
	}},
	{"UserSessions, a page of 100", 0, func(ctx context.Context, on contender, b *block, _ int) error {
		page, err := on.firstPage(ctx, partition, perPage)
		if err == nil && len(page) != perPage {
			err = errWrongResult
		}
		return err
	}},
}
