package bff

import (
	"context"
	"iter"
)

// A UserSessionStore keeps user sessions. Every method is safe for concurrent use
// by any number of goroutines, and by any number of hosts that share a database.
//
// Every method returns the context's error if the context has ended. A method that
// returns an error has changed nothing, with one exception: if the context ends or the
// connection breaks in the middle of a statement, the write is either complete or
// absent.
type UserSessionStore interface {
	// GetUserSession returns the live session with the key. It returns
	// [ErrSessionNotFound] if there is no such session, if it has expired, or if
	// the key is one that no session can have. It changes nothing.
	GetUserSession(ctx context.Context, key UserSessionKey) (UserSession, error)

	// CreateUserSession adds a session, with version 1.
	//
	// If a live session of the partition has the same key or the same session id,
	// it returns [ErrSessionExists] and changes nothing. An expired session never
	// conflicts: the new session takes its place. A session that the store cannot
	// keep exactly is refused with [ErrInvalidSession].
	//
	// After a nil error the session is in the store.
	CreateUserSession(ctx context.Context, session UserSession) error

	// UpdateUserSession writes the new values to the live session with the key and
	// increments its version by one. A zero update.Created keeps the stored time.
	// Writing the stored values again succeeds.
	//
	// It returns [ErrSessionNotFound] if no live session has the key: an update
	// never brings a deleted or expired session back. It returns
	// [ErrSessionChanged] if update.IfVersion is set and the session has another
	// version, and [ErrInvalidSession] if the store cannot keep the key or a value
	// exactly.
	//
	// If another session of the partition has the new session id, the update
	// removes that session if it has expired or if update.ReplaceRivals is set.
	// Otherwise it returns [ErrSessionExists]. With ReplaceRivals,
	// [ErrSessionExists] means that a unique index that the application has added
	// conflicts.
	//
	// With each of these errors nothing is written and no session is removed.
	//
	// Of any number of concurrent updates from one version exactly one succeeds.
	UpdateUserSession(ctx context.Context, key UserSessionKey, update UserSessionUpdate) error

	// DeleteUserSession removes the session with the key, live or expired, and
	// returns the number of sessions that it removed itself: 0 or 1. A session that
	// is not there, or that another caller has just removed, is no error.
	DeleteUserSession(ctx context.Context, key UserSessionKey) (int64, error)

	// GetUserSessions returns the live sessions of the partition that match the
	// filter, oldest first. If none matches, it returns none and no error. An empty
	// filter is refused with [ErrInvalidFilter].
	GetUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) ([]UserSession, error)

	// DeleteUserSessions removes the sessions of the partition that match the
	// filter, live or expired, and returns the number of sessions that it removed
	// itself. An empty filter is refused with [ErrInvalidFilter].
	DeleteUserSessions(ctx context.Context, partitionKey string, filter UserSessionsFilter) (int64, error)
}

// UserSessionStoreCleanup is implemented by stores whose expired sessions remain until
// a cleanup deletes them.
type UserSessionStoreCleanup interface {
	// DeleteExpiredSessions removes the expired sessions of every partition. It
	// returns the number of sessions that it removed itself, also together with an
	// error; a session that another host removed is not counted. Any number of
	// hosts may call it at once.
	DeleteExpiredSessions(ctx context.Context) (int64, error)
}

// UserSessionReplacer is implemented by stores that can atomically replace conflicting
// sessions by a new one. Sign-in needs it: when a browser signs in again, its old
// session still holds the identity provider's session id.
type UserSessionReplacer interface {
	// ReplaceUserSession adds the session with version 1 and removes the sessions
	// of the partition, live or expired, that have the same key or the same session
	// id. A session without a session id replaces only a session with the same key.
	//
	// The replacement is atomic: no reader sees both sessions or neither, and if it
	// fails, the old sessions are still there. Of any number of concurrent
	// replacements all succeed, and one session remains. A session that the store
	// cannot keep exactly is refused with [ErrInvalidSession]. [ErrSessionExists]
	// means that another unique index conflicts, such as one that the application has
	// added.
	ReplaceUserSession(ctx context.Context, session UserSession) error
}

// UserSessionVersionDeleter is implemented by stores that can delete a session only if
// it has not changed since it was read. Sign-out uses it to know which refresh token was
// in the session when it was deleted.
type UserSessionVersionDeleter interface {
	// DeleteUserSessionVersion removes the session with the key, live or expired, if
	// it still has the version. It returns the number of sessions that it removed
	// itself: 1, or 0 if the session has another version or is not there. It is one
	// statement; of any number of concurrent calls at most one returns 1.
	DeleteUserSessionVersion(ctx context.Context, key UserSessionKey, version int64) (int64, error)
}

// UserSessionLister is implemented by stores that can list sessions, for "my
// sessions" and operators' pages.
type UserSessionLister interface {
	// UserSessions lists the live sessions that the query selects, newest first
	// unless the query says otherwise. The sessions come without their tickets,
	// which are not read from the database.
	//
	// It reads one page at a time and holds no connection while the caller's loop
	// body runs: the loop body may use the store, also to delete sessions. A session
	// that exists for the whole listing is listed exactly once. An error ends the
	// listing: it is yielded last, with a zero session.
	UserSessions(ctx context.Context, query UserSessionsQuery) iter.Seq2[UserSession, error]
}
