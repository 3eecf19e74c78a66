package bff

import "errors"

// The errors of a store. Test for them with [errors.Is]: they come wrapped.
var (
	// ErrSessionNotFound means that there is no live session with that key.
	ErrSessionNotFound = errors.New("user session not found")

	// ErrSessionExists means that a live session already has the key, or the
	// session id, within the partition.
	ErrSessionExists = errors.New("user session exists already")

	// ErrSessionChanged means that a conditional update came too late: somebody
	// else has updated the session since the version that it was based on.
	ErrSessionChanged = errors.New("user session has changed")

	// ErrInvalidSession means that a value cannot be kept exactly. The wrapping
	// error names the field, never its value.
	ErrInvalidSession = errors.New("invalid user session")

	// ErrInvalidFilter means that a filter names nothing. It is refused, since a
	// filter that matched everything would sign everybody out.
	ErrInvalidFilter = errors.New("invalid user sessions filter: name a subject id, a session id or both")
)
