// Package capability does with any store what only some stores do in one step.
package capability

import (
	"context"
	"errors"
	"time"

	"example.com/usersession/bff"
)

// clockSkew is the assumed maximum difference between the clocks of two hosts.
const clockSkew = time.Minute

// replaceAttempts bounds how often a session is created that conflicts with a session id.
const replaceAttempts = 16

// Replace adds the row, and removes a row with the same session id. It is atomic if the store
// is a [bff.UserSessionReplacer]. Otherwise it returns [bff.ErrSessionExists] if another row has
// the same key.
func Replace(ctx context.Context, store bff.UserSessionStore, row bff.UserSession) (err error) {
	if replacer, ok := store.(bff.UserSessionReplacer); ok {
		return replacer.ReplaceUserSession(ctx, row)
	}
	for range replaceAttempts {
		if err = store.CreateUserSession(ctx, row); !errors.Is(err, bff.ErrSessionExists) {
			return err
		}
		filter := bff.UserSessionsFilter{SessionID: row.SessionID}
		if _, err := store.DeleteUserSessions(ctx, row.PartitionKey, filter); err != nil {
			return err
		}
	}
	return err
}

// DeleteVersion deletes a session if it is unchanged since row was read. It reports false if
// the session has changed or is gone. removed is the number of rows that this call itself has
// removed: it may be 0 although the session has ended by this call.
func DeleteVersion(ctx context.Context, store bff.UserSessionStore, row bff.UserSession) (removed int64, ended bool, err error) {
	key := bff.UserSessionKey{PartitionKey: row.PartitionKey, Key: row.Key}
	if deleter, ok := store.(bff.UserSessionVersionDeleter); ok {
		removed, err = deleter.DeleteUserSessionVersion(ctx, key, row.Version)
		return removed, removed > 0, err
	}
	// Such a store deletes a session in any state, but updates it only if it is unchanged:
	// an update makes the session expire, and after that no host writes to it.
	err = store.UpdateUserSession(ctx, key, bff.UserSessionUpdate{
		SubjectID: row.SubjectID, SessionID: row.SessionID, Created: row.Created, Renewed: row.Renewed,
		Expires: row.Created.Add(-clockSkew), // expired by every host's clock
		Ticket:  row.Ticket, IfVersion: row.Version,
	})
	if errors.Is(err, bff.ErrSessionChanged) || errors.Is(err, bff.ErrSessionNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	removed, err = store.DeleteUserSession(ctx, key)
	return removed, true, err
}
