package serverside

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// ErrNoSession means that the request has no session: it is signed out, or the session
// ended while the request ran.
var ErrNoSession = errors.New("there is no user session")

// A Session is the part of a user session that may be shown to the user. It contains
// neither the key nor a token. The caller may change it.
type Session struct {
	SubjectID string `json:"sub"`
	// SessionID is the identity provider's session id, or "local-" and a random UUID if
	// the provider gives none. It is not secret: use it to name a session to revoke.
	SessionID string `json:"sid"`

	Created time.Time `json:"created"` // the sign-in
	Renewed time.Time `json:"renewed"` // the last start of the idle timeout
	Expires time.Time `json:"expires"` // the end of the session if it stays idle
	// EndsAt is the end of the session even if it is used all the time.
	EndsAt time.Time `json:"ends_at"`

	// Claims and Properties are copied from the [ticket.Ticket].
	Claims     map[string]any    `json:"claims,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`

	// Current reports whether this is the session of the request.
	Current bool `json:"current"`
}

// An openedSession is a session as it was read: its row and its opened ticket. It is never
// changed, so that several goroutines may share it.
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

// session returns the view of the session for handlers.
func (opened *openedSession) session() Session {
	t := opened.ticket.Clone()
	subject := opened.row.SubjectID
	if bff.SubjectIDOf(t.SubjectID) == subject { // the row may have a hash of the ticket's subject id
		subject = t.SubjectID
	}
	return Session{
		SubjectID: subject, SessionID: opened.row.SessionID,
		Created: opened.row.Created, Renewed: opened.row.Renewed, Expires: opened.row.Expires, EndsAt: t.Expires,
		Claims: t.Claims, Properties: t.Properties,
	}
}

// toUpdate returns an update that changes only the version, and only if the session has
// not changed since it was read. Callers set the values that change.
func (opened *openedSession) toUpdate() bff.UserSessionUpdate {
	return bff.UserSessionUpdate{
		SubjectID: opened.row.SubjectID, SessionID: opened.row.SessionID,
		Created: opened.row.Created, Renewed: opened.row.Renewed, Expires: opened.row.Expires,
		Ticket: opened.row.Ticket, IfVersion: opened.row.Version,
	}
}

// afterUpdate returns the session as it is after the update u, whose ticket is t.
func (opened *openedSession) afterUpdate(u bff.UserSessionUpdate, t ticket.Ticket) *openedSession {
	next := &openedSession{row: opened.row, ticket: t}
	next.row.Renewed, next.row.Expires, next.row.Ticket = u.Renewed, u.Expires, u.Ticket
	next.row.Version++
	return next
}

// A requestState holds the session of a request. It is safe for concurrent use, since a
// handler may start several goroutines.
type requestState struct {
	mu      sync.Mutex
	key     string         // the session key for the request's cookie, "" without a cookie
	several []string       // the keys of several cookies, see severalKeys; key is "" then
	current *openedSession // nil: signed out

	response response // to the request

	returned  bool     // the handler behind the middleware has returned
	postponed []string // refresh tokens to revoke after that
}

// postpone keeps refresh tokens until the handler has returned. It reports false if the
// handler has returned already.
func (st *requestState) postpone(refreshTokens []string) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.returned {
		return false
	}
	st.postponed = append(st.postponed, refreshTokens...)
	return true
}

// handled notes that the handler has returned, and returns the postponed refresh tokens.
func (st *requestState) handled() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.returned = true
	return st.postponed
}

// A contextKey is the key of a request's state in its context: one for each Sessions, and
// one with nil for the state of the innermost middleware, because [FromContext] has no
// Sessions.
type contextKey struct{ of *process }

// A requestContext is the context of a request behind the middleware of a Sessions. It has the
// state under both keys.
type requestContext struct {
	context.Context //nolint:containedctx // it is one
	process         *process
	st              *requestState
}

// Value implements [context.Context].
func (c *requestContext) Value(key any) any {
	if k, ok := key.(contextKey); ok && (k.of == nil || k.of == c.process) {
		return c.st
	}
	return c.Context.Value(key)
}

func (st *requestState) get() *openedSession {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.current
}

func (st *requestState) set(key string, opened *openedSession) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.key, st.several, st.current = key, nil, opened
}

// replace sets the session with the key, or signs the request out if opened is nil. It does
// nothing if the request has got another session in the meantime, a newer version of the
// session or none at all.
func (st *requestState) replace(key string, opened *openedSession) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.key != key || opened != nil && (st.current == nil || opened.row.Version < st.current.row.Version) {
		return
	}
	st.current = opened
}

// state returns the request's state, or nil if the request did not come through the
// middleware of s. Within a transaction it returns the state within the transaction.
func (s *Sessions) state(ctx context.Context) *requestState {
	if s.tx != nil {
		return s.tx.state(ctx)
	}
	st, _ := ctx.Value(contextKey{s.process}).(*requestState)
	return st
}

// current returns the request's session, or nil if it is signed out.
func (s *Sessions) current(ctx context.Context) *openedSession {
	if st := s.state(ctx); st != nil {
		return st.get()
	}
	return nil
}

// FromContext returns the session of a request that came through [Sessions.Middleware]. It
// does not read from the store; [Sessions.Reload] does. It reports false if the request is signed
// out.
//
// If the request came through the middlewares of several Sessions, the innermost one
// decides, also if the request has no session there. The methods of a Sessions, such as
// [Sessions.Ticket], use the session of that Sessions.
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

// Ticket returns a copy of the ticket of the request's session, with its tokens. It is for
// the BFF's own calls, such as the id_token_hint of a sign-out, and never for the browser. It
// reports false if the request is signed out. Use [Sessions.AccessToken] to get an access
// token that is refreshed if necessary.
func (s *Sessions) Ticket(ctx context.Context) (ticket.Ticket, bool) {
	opened := s.current(ctx)
	if opened == nil {
		return ticket.Ticket{}, false
	}
	return opened.ticket.Clone(), true
}
