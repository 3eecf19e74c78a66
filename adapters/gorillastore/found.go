package gorillastore

import (
	"runtime"
	"sync"
	"weak"

	"github.com/gorilla/sessions"

	"example.com/usersession/bff/adapter"
)

// found is the state of a session in the store, as New has read it or Save has written it.
type found struct {
	id     string            // of the row, or in the cookie if the row could not be read
	row    *adapter.Session  // nil for a new session
	err    error             // why the session has no values
	former *sessions.Session // in the store that is migrated from
	moved  string            // the secret of the note that says where former has been moved
	signed bool              // former has a user
}

// foundSessions attaches a found to each session. A [sessions.Session] has no field for it,
// and the values belong to the application, which may clear or replace them. The context of
// the request is no place either: gorilla's registry gives New the first request that it saw,
// and Save may get another copy.
//
// An entry does not keep its session alive, and is removed after it.
type foundSessions struct {
	entries sync.Map // from weak.Pointer[sessions.Session] to *found
}

// put is called once for a session.
func (f *foundSessions) put(session *sessions.Session, value *found) {
	pointer := weak.Make(session)
	f.entries.Store(pointer, value)
	runtime.AddCleanup(session, func(p weak.Pointer[sessions.Session]) { f.entries.Delete(p) }, pointer)
}

// of returns nil for a session that New has not returned, such as a copy.
func (f *foundSessions) of(session *sessions.Session) *found {
	if value, ok := f.entries.Load(weak.Make(session)); ok {
		return value.(*found)
	}
	return nil
}
