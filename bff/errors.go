package bff

import "errors"

// The errors of a store. Stores wrap them: test with [errors.Is].
var (
	// ErrSessionNotFound means that no live session has the key.
	ErrSessionNotFound = errors.New("user session not found")

	// ErrSessionExists means that a live session already has the key, or the
	// session id, within the partition.
	ErrSessionExists = errors.New("user session exists already")

	// ErrSessionChanged means that a conditional update was too late: another
	// writer has updated the session since the version in IfVersion.
	ErrSessionChanged = errors.New("user session has changed")

	// ErrInvalidSession means that the store cannot keep a value exactly. The
	// wrapping error names the field, never its value.
	ErrInvalidSession = errors.New("invalid user session")

	// ErrInvalidFilter means that a filter names neither a subject id nor a session
	// id. The store refuses such a filter, because a filter that matched every
	// session would sign out every user.
	ErrInvalidFilter = errors.New("invalid user sessions filter: name a subject id, a session id or both")
)
