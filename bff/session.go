package bff

import "time"

// A UserSession is one signed-in browser of one user.
type UserSession struct {
	// PartitionKey says which application or frontend owns the session, so that
	// several can share a table. "" is a partition like any other.
	PartitionKey string
	// Key identifies the session within its partition. It is derived from the
	// secret in the browser's cookie: never show it and never log it.
	Key string

	// SubjectID is the user: the sub claim (OpenID Connect Core 1.0, section 2).
	SubjectID string
	// SessionID is the identity provider's session, the sid claim (OpenID Connect
	// Back-Channel Logout 1.0, section 2.1). "" means that there is none. It is
	// not a secret. At most one live session of a partition has a given one.
	SessionID string

	Created time.Time
	Renewed time.Time
	// Expires is when the session ends. The zero time means never.
	Expires time.Time

	// Ticket is the sealed payload: claims, tokens, properties. A store keeps the
	// bytes as they are. Nil and empty are the same.
	Ticket []byte

	// Version counts the writes of the row: 1 at creation and one more with every
	// update. The store sets it; a caller's value is ignored.
	Version int64
}

// A UserSessionKey identifies one user session.
type UserSessionKey struct {
	PartitionKey string
	Key          string
}

// A UserSessionUpdate holds the new values of everything in a user session that
// can change. Each of them is written.
type UserSessionUpdate struct {
	SubjectID string
	SessionID string // "" means none

	Created time.Time
	Renewed time.Time
	Expires time.Time // zero means never

	Ticket []byte

	// IfVersion makes the update conditional: it is written only if the session
	// still has this version. 0 writes over whatever is there.
	IfVersion int64
}

// A UserSessionsFilter selects sessions within a partition, by user, by the
// identity provider's session id, or by both. A session matches if it is exactly
// equal in everything that the filter names. At least one must be named.
type UserSessionsFilter struct {
	SubjectID string
	SessionID string
}

// A UserSessionsQuery selects and orders the sessions that a [UserSessionLister]
// lists.
type UserSessionsQuery struct {
	PartitionKey string
	SubjectID    string // "" means every subject
	// OldestFirst lists sessions in the order of their creation. The default is
	// newest first.
	OldestFirst bool
	// PageSize is how many sessions are read from the store at a time. Values
	// below 1 mean [DefaultPageSize].
	PageSize int
}

// DefaultPageSize is how many sessions a [UserSessionLister] reads at a time if
// the query does not say.
const DefaultPageSize = 100
