package bff

import "time"

// A UserSession is the session of one browser: signed in as a user, or anonymous.
type UserSession struct {
	// PartitionKey names the application or frontend that owns the session, so that
	// several of them can share a table. "" is a partition like any other.
	PartitionKey string
	// Key identifies the session within its partition. It is derived from the
	// secret in the browser's cookie (its SHA-256, for example): never show a key
	// and never log it.
	Key string

	// SubjectID is the user: the sub claim (OpenID Connect Core 1.0, section 2).
	// "" means that the session is anonymous: no user has signed in yet.
	SubjectID string
	// SessionID is the identity provider's session, the sid claim (OpenID Connect
	// Back-Channel Logout 1.0, section 2.1). "" means that there is no session id;
	// an anonymous session has none. A session id is not a secret. Within a
	// partition, at most one live session has a given session id.
	SessionID string

	Created time.Time
	Renewed time.Time
	// Expires is the time at which the session ends. The zero time means never.
	Expires time.Time

	// Ticket is the sealed payload: claims, tokens, properties. A store keeps the
	// bytes unchanged. Nil and empty are equivalent.
	Ticket []byte

	// Version counts the writes of the row: 1 at creation, and one more with every
	// update. The store sets it and ignores a caller's value.
	Version int64
}

// A UserSessionKey identifies one user session.
type UserSessionKey struct {
	PartitionKey string
	Key          string
}

// A UserSessionUpdate holds the new values of every field of a user session that can
// change. An update writes all of them, except a zero Created.
type UserSessionUpdate struct {
	SubjectID string // "" makes the session anonymous
	SessionID string // "" means none

	Created time.Time // zero keeps the stored time
	Renewed time.Time
	Expires time.Time // zero means never

	Ticket []byte

	// IfVersion makes the update conditional: the store writes only if the session
	// still has this version. 0 writes unconditionally.
	IfVersion int64

	// ReplaceRivals makes the update take SessionID over from another session of
	// the partition, which is removed in the same atomic step. It is for a sign-in
	// that updates an anonymous session. Without it, an update whose session id
	// belongs to another live session fails with [ErrSessionExists].
	ReplaceRivals bool
}

// A UserSessionsFilter selects sessions within a partition: by user, by the
// identity provider's session id, or by both. A session matches if it is exactly
// equal in every field that the filter sets. At least one field must be set, so that
// no filter matches an anonymous session.
type UserSessionsFilter struct {
	SubjectID string
	SessionID string
}

// A UserSessionsQuery selects and orders the sessions that a [UserSessionLister]
// lists.
type UserSessionsQuery struct {
	PartitionKey string
	SubjectID    string // "" means every session, also the anonymous ones
	// OldestFirst lists sessions in the order of their creation. The default is
	// newest first.
	OldestFirst bool
	// PageSize is the number of sessions that the store reads at a time. Values
	// below 1 mean [DefaultPageSize].
	PageSize int
}

// DefaultPageSize is the default of [UserSessionsQuery.PageSize].
const DefaultPageSize = 100
