package serverside

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// ErrNoSession means that the request has no session, or has none any more: it ended
// while the request ran.
var ErrNoSession = errors.New("there is no user session")

// A Session is what may be shown of a user session. It holds neither the key nor a
// token, and is the caller's to change.
type Session struct {
	SubjectID string `json:"sub"`
	// SessionID is the identity provider's session id, or a random UUID if it
	// gives none. It is not secret: use it to name a session to revoke.
	SessionID string `json:"sid"`

	Created time.Time `json:"created"` // the sign-in
	Renewed time.Time `json:"renewed"` // when the idle timeout last began anew
	Expires time.Time `json:"expires"` // when the session ends if it is idle
	// EndsAt is when it ends however busy it is.
	EndsAt time.Time `json:"ends_at"`

	// Claims and Properties are the ticket's: see [ticket.Ticket].
	Claims     map[string]any    `json:"claims,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`

	// Current says that this is the session of the request that asks.
	Current bool `json:"current"`
}

// loaded is a session as it was read: its row, and its ticket opened.
type openedSession struct {
	row    bff.UserSession
	ticket ticket.Ticket
}

func (opened *openedSession) key() bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: opened.row.PartitionKey, Key: opened.row.Key}
}

// subjectOf returns the session's user, or "" for a session that was not opened.
func subjectOf(opened *openedSession) string {
	if opened == nil {
		return ""
	}
	return opened.row.SubjectID
}

func (opened *openedSession) session() Session {
	t := opened.ticket.Clone()
	return Session{
		SubjectID: opened.row.SubjectID, SessionID: opened.row.SessionID,
		Created: opened.row.Created, Renewed: opened.row.Renewed, Expires: opened.row.Expires, EndsAt: t.Expires,
		Claims: t.Claims, Properties: t.Properties,
	}
}

// update is what changes nothing but the version, if it is still l's.
func (opened *openedSession) toUpdate() bff.UserSessionUpdate {
	return bff.UserSessionUpdate{
		SubjectID: opened.row.SubjectID, SessionID: opened.row.SessionID,
		Created: opened.row.Created, Renewed: opened.row.Renewed, Expires: opened.row.Expires,
		Ticket: opened.row.Ticket, IfVersion: opened.row.Version,
	}
}

// written is l after u was written.
func (opened *openedSession) afterUpdate(u bff.UserSessionUpdate, t ticket.Ticket) *openedSession {
	next := &openedSession{row: opened.row, ticket: t}
	next.row.Renewed, next.row.Expires, next.row.Ticket = u.Renewed, u.Expires, u.Ticket
	next.row.Version++
	return next
}

// A requestState is what a request knows of its session. Handlers may use it from
// several goroutines.
type requestState struct {
	mu      sync.Mutex
	key     string         // the key for the cookie, "" without one
	current *openedSession // nil: signed out
}

// A contextKey is where a context has the state of one Sessions. That of nil has the
// innermost middleware's, for [FromContext], which knows no Sessions.
type contextKey struct{ of *Sessions }

func (st *requestState) get() *openedSession {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.current
}

func (st *requestState) set(key string, opened *openedSession) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.key, st.current = key, opened
}

// moveOn replaces what is known of the session, unless the request has meanwhile got
// another one.
func (st *requestState) replace(key string, opened *openedSession) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.key == key {
		st.current = opened
	}
}

// state returns the request's state, or nil if the middleware of s did not see it.
func (s *Sessions) state(ctx context.Context) *requestState {
	st, _ := ctx.Value(contextKey{s}).(*requestState)
	return st
}

// current returns the session that the request has, or nil.
func (s *Sessions) current(ctx context.Context) *openedSession {
	if st := s.state(ctx); st != nil {
		return st.get()
	}
	return nil
}

// FromContext returns the session of a request that came through
// [Sessions.Middleware]. It reads nothing from the store. It reports false if the
// request is signed out. Within several middlewares it is the innermost's session, also
// if that one is signed out; [Sessions.Ticket] and the other methods know their own.
func FromContext(ctx context.Context) (Session, bool) {
	st, _ := ctx.Value(contextKey{}).(*requestState)
	if st == nil {
		return Session{}, false
	}
	opened := st.get()
	if opened == nil {
		return Session{}, false
	}
	session := opened.session()
	session.Current = true
	return session, true
}

// Ticket returns the ticket of the request's session, with its tokens: for the BFF's
// own calls, such as the id_token_hint of a sign-out, never for the browser. It reports
// false if the request is signed out. See [Sessions.AccessToken] for one that is fresh.
func (s *Sessions) Ticket(ctx context.Context) (ticket.Ticket, bool) {
	opened := s.current(ctx)
	if opened == nil {
		return ticket.Ticket{}, false
	}
	return opened.ticket.Clone(), true
}
