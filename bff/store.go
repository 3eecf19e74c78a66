package bff

import (
	"context"
	"iter"
)

// A UserSessionStore keeps user sessions. Every method is safe for concurrent use
// by any number of goroutines, and by any number of hosts that share a database.
//
// Every method returns the context's error if the context has ended. Whatever a method
// returns an error for was not done; only a context that ends, or a connection that
// breaks, in the middle of a statement leaves open whether it was done, entirely.
type UserSessionStore interface {
	// GetUserSession returns the live session with that key, or
	// [ErrSessionNotFound] if there is none, it has expired, or no session could
	// ever have that key. It reads, and changes nothing.
	GetUserSession(ctx context.Context, key UserSessionKey) (UserSession, error)

	// CreateUserSession adds a session, with version 1.
	//
	// If a live session of the partition has the same key or the same session id,
	// it returns [ErrSessionExists] and changes nothing. An expired one never
	// stands in the way: the new session takes its place. A session that cannot
	// be kept exactly is refused with [ErrInvalidSession].
	//
	// After a nil error the session is in the store.
	CreateUserSession(ctx context.Context, session UserSession) error

	// UpdateUserSession writes the new values over the live session with that
	// key and counts its version up by one. Writing what is there already succeeds.
	//
	// It returns [ErrSessionNotFound] if there is no live session with that key:
	// an update never brings a deleted or expired session back. It returns
	// [ErrSessionExists] if another live session of the partition has the new
	// session id (an expired one gives way), [ErrSessionChanged] if
	// update.IfVersion is set and the session has moved on, and
	// [ErrInvalidSession] if the key or a value cannot be kept exactly. With each
	// of these nothing was written.
	//
	// Of any number of concurrent updates from one version exactly one wins.
	UpdateUserSession(ctx context.Context, key UserSessionKey, update UserSessionUpdate) error

	// DeleteUserSession removes the session with that key, live or expired.
	// Removing what is not there is success.
	DeleteUserSession(ctx context.Context, key UserSessionKey) error

	// GetUserSessions returns the live sessions of the partition that match the
	// filter, oldest first, or none. A filter that names nothing is refused with
	// [ErrInvalidFilter].
	GetUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) ([]UserSession, error)

	// DeleteUserSessions removes the sessions of the partition that match the
	// filter, live or expired, and returns how many it removed itself. A filter
	// that names nothing is refused with [ErrInvalidFilter].
	DeleteUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) (int64, error)
}

// UserSessionStoreCleanup is implemented by stores whose expired sessions stay until
// they are cleaned up.
type UserSessionStoreCleanup interface {
	// DeleteExpiredSessions removes the sessions of every partition that have
	// expired, and returns how many it removed itself: also together with an
	// error, and never counting one that another host removed. Any number of
	// hosts may call it at once.
	DeleteExpiredSessions(ctx context.Context) (int64, error)
}

// UserSessionReplacer is implemented by stores that can put a new session in the
// place of a conflicting one atomically. It is what a sign-in wants: the same browser
// signs in again with the session id that its old session still holds.
type UserSessionReplacer interface {
	// ReplaceUserSession adds the session with version 1 and removes those of the
	// partition, live or expired, that have the same key or the same session id.
	// A session without a session id replaces nothing but its own key.
	//
	// It is atomic: nobody sees both or neither, and if it fails, what was there
	// is still there. Of any number of concurrent replacements all succeed and
	// one session stays. A session that cannot be kept exactly is refused with
	// [ErrInvalidSession]. [ErrSessionExists] means that something else than key
	// and session id still stands in the way, such as a unique index of the
	// team's own.
	ReplaceUserSession(ctx context.Context, session UserSession) error
}

// UserSessionLister is implemented by stores that can list sessions, for "my
// sessions" and operators' pages.
type UserSessionLister interface {
	// UserSessions lists the live sessions that the query selects, newest first
	// unless it says otherwise, without their tickets, which are not even read.
	//
	// It reads a page at a time and holds nothing open while the caller's loop
	// body runs, which may therefore use the store, also to delete. A session
	// that is there from beginning to end is listed exactly once. An error ends
	// the listing: it is yielded last, with a zero session.
	UserSessions(ctx context.Context, query UserSessionsQuery) iter.Seq2[UserSession, error]
}
