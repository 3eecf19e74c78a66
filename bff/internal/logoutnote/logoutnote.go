// Package logoutnote keeps notes of back-channel logouts in a session store. A logout deletes
// the sessions that exist; with the note, it also ends a sign-in that is under way: one whose
// ID token was issued before the logout token, and whose session is written after the
// logout's delete.
//
// The logout writes its note and then deletes. The sign-in writes its session and then reads
// the notes. So either the sign-in reads the note, or the logout deletes the session, as long
// as reads see every write that was acknowledged before.
//
// A note is an anonymous row in a partition of its own. Its key is a hash of the ids that the
// logout token names, Renewed is the token's iat, and Created is the time of the last write.
package logoutnote

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// Partition is the partition of the notes. It has no other rows.
const Partition = "backchannel-logouts"

// LocalPrefix begins the session ids that this module invents because the ID token has no
// sid.
const LocalPrefix = "local-"

// Local reports whether a session has no session id of the identity provider. A logout token
// cannot name such a session, so a token with sub and sid ends all such sessions of the user.
func Local(sessionID string) bool {
	return sessionID == "" || strings.HasPrefix(sessionID, LocalPrefix)
}

// Notes are the notes of the logouts from one issuer's sessions in one partition.
type Notes struct {
	Store     bff.UserSessionStore
	Partition string // of the sessions
	Issuer    string
	// Exact means that a logout of one [Local] session of a user ends no other session: the
	// application has named the session, and not a logout token.
	Exact bool
}

// writeAttempts bounds how often Write gives way to other writers of the same note.
const writeAttempts = 64

// Write notes a logout of the sessions that match the filter, by a logout token that was
// issued at issuedAt. The note lasts until the given time. A note of a later logout is kept.
func (n Notes) Write(ctx context.Context, filter bff.UserSessionsFilter, issuedAt, until time.Time) error {
	keys := []string{n.key(filter.SubjectID, filter.SessionID)}
	if filter.SubjectID != "" && filter.SessionID != "" && !n.Exact {
		keys = append(keys, n.key(filter.SubjectID, LocalPrefix))
	}
	for _, key := range keys {
		if err := n.write(ctx, key, noted(issuedAt, until), issuedAt.UTC().Truncate(time.Microsecond), until.UTC()); err != nil {
			return fmt.Errorf("noting a logout: %w", err)
		}
	}
	return nil
}

// noted returns the current time, or issuedAt if the current time is not between a minute before
// issuedAt and until: if a test has a clock of its own, for example.
func noted(issuedAt, until time.Time) time.Time {
	now := time.Now()
	if now.Before(issuedAt.Add(-time.Minute)) || now.After(until) {
		now = issuedAt
	}
	return now.UTC().Truncate(time.Microsecond)
}

// write creates the note with the key, or updates it if it exists. An update keeps the later one of
// each of the three times.
func (n Notes) write(ctx context.Context, key string, noted, issuedAt, until time.Time) (err error) {
	id := bff.UserSessionKey{PartitionKey: Partition, Key: key}
	for i := range writeAttempts {
		if i > 0 {
			if err := wait.For(ctx, rand.N(time.Duration(min(i, 20))*time.Millisecond)); err != nil {
				return err
			}
		}
		err = n.Store.CreateUserSession(ctx, bff.UserSession{
			PartitionKey: Partition, Key: key, Created: noted, Renewed: issuedAt, Expires: until,
		})
		if !errors.Is(err, bff.ErrSessionExists) {
			return err
		}
		var note bff.UserSession
		if note, err = n.Store.GetUserSession(bff.WithFreshRead(ctx), id); err == nil {
			err = n.Store.UpdateUserSession(ctx, id, bff.UserSessionUpdate{
				Created: later(note.Created, noted), Renewed: later(note.Renewed, issuedAt),
				Expires: later(note.Expires, until), IfVersion: note.Version,
			})
		}
		if !errors.Is(err, bff.ErrSessionNotFound) && !errors.Is(err, bff.ErrSessionChanged) {
			return err
		}
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Ended reports whether a logout has ended the sign-in of a user's session, whose ID token
// was issued at idTokenIssuedAt: whether the ID token is not newer than the logout token.
// Both times come from the provider's clock.
func (n Notes) Ended(ctx context.Context, subjectID, sessionID string, idTokenIssuedAt time.Time) (bool, error) {
	// Most providers issue tokens in whole seconds. A logout in the same second may be
	// later.
	idTokenIssuedAt = idTokenIssuedAt.Truncate(time.Second)
	return n.any(ctx, subjectID, sessionID, func(note bff.UserSession) bool { return !idTokenIssuedAt.After(note.Renewed) })
}

// NotedSince reports whether a logout of a user's session has been noted at or after a time. The
// time comes from a host's clock.
func (n Notes) NotedSince(ctx context.Context, subjectID, sessionID string, since time.Time) (bool, error) {
	return n.any(ctx, subjectID, sessionID, func(note bff.UserSession) bool { return !since.After(note.Created) })
}

// any reports whether a note that concerns the session matches.
func (n Notes) any(ctx context.Context, subjectID, sessionID string, matches func(bff.UserSession) bool) (bool, error) {
	keys := []string{n.key(subjectID, "")}
	if sessionID != "" { // also a local one: the session ids of a provider may begin in the same way
		keys = append(keys, n.key("", sessionID), n.key(subjectID, sessionID))
	}
	if Local(sessionID) && !n.Exact {
		keys = append(keys, n.key(subjectID, LocalPrefix))
	}
	for _, key := range keys {
		note, err := n.Store.GetUserSession(bff.WithFreshRead(ctx), bff.UserSessionKey{PartitionKey: Partition, Key: key})
		if errors.Is(err, bff.ErrSessionNotFound) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("reading the notes of logouts: %w", err)
		}
		if matches(note) {
			return true, nil
		}
	}
	return false, nil
}

// LocalKeys yields the keys of the user's live sessions that are [Local].
func (n Notes) LocalKeys(ctx context.Context, subjectID string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for row, err := range n.rowsOf(ctx, subjectID) {
			if err != nil {
				yield("", err)
				return
			}
			if Local(row.SessionID) && !yield(row.Key, nil) {
				return
			}
		}
	}
}

// rowsOf yields a user's live sessions, without their tickets if the store is a lister.
func (n Notes) rowsOf(ctx context.Context, subjectID string) iter.Seq2[bff.UserSession, error] {
	if lister, ok := n.Store.(bff.UserSessionLister); ok {
		return lister.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: n.Partition, SubjectID: subjectID, OldestFirst: true})
	}
	return func(yield func(bff.UserSession, error) bool) {
		rows, err := n.Store.GetUserSessions(ctx, n.Partition, bff.UserSessionsFilter{SubjectID: subjectID})
		if err != nil {
			yield(bff.UserSession{}, err)
			return
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// key returns the key of the note for a subject id and a session id, one of which may be
// empty. A length goes before each part, so that different parts never make the same input.
func (n Notes) key(subjectID, sessionID string) string {
	var data []byte
	for _, part := range []string{n.Partition, n.Issuer, subjectID, sessionID} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(part)))
		data = append(data, part...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
