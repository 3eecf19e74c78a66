package gorillastore

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// A Store is a [sessions.Store]. It is safe for concurrent use, but for changes of Options; the
// sessions that it returns are not. Make it with [New].
type Store struct {
	// Options are the options of new sessions. Change them only before the first request.
	Options *sessions.Options

	rows     *adapter.Sessions
	identify func(*sessions.Session) adapter.Identity
	former   sessions.Store
	until    time.Time
	found    foundSessions
}

var _ sessions.Store = (*Store)(nil)

// MaxAge sets the MaxAge of new sessions, in seconds. Call it only before the first request.
func (s *Store) MaxAge(age int) {
	s.Options = s.options()
	s.Options.MaxAge = age
}

// Get returns the session of the request with the cookie name, as [Store.New] does. Within a
// request it returns the same session, with the same error, every time. For a name that no
// cookie can have it returns nil and an error.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New reads the session of the request with the cookie name. It returns a new session without
// an error if the request has no cookie, if the cookie's id is unknown, if the session was ended
// or has expired, or if it does not open with the Protector's keys. An unknown id is never used
// again.
//
// An error says nothing about the session: the store or the Protector is not available, or the
// request's context has ended. New then returns an empty session as well, because gorilla
// demands one, and Save refuses to save it: an application that ignores the error loses
// no session. Save may delete it.
//
// If the session is there but its values do not decode, because a type is not registered with
// [gob.Register] or has changed, New returns an error too, and Save continues the session,
// under a new id, only if that signs no user out: if no user was signed in, or if
// the values have a user again.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.Options = s.options()
	session.IsNew = true
	found := s.find(r, session)
	s.found.put(session, found)
	return session, found.err
}

// find reads the session of a request into an empty session.
func (s *Store) find(r *http.Request, session *sessions.Session) *found {
	cookies := r.CookiesNamed(session.Name())
	ids := slices.DeleteFunc(slices.Clone(cookies), func(c *http.Cookie) bool { return !isID(c.Value) })
	for _, cookie := range ids[:min(len(ids), maxCookies)] {
		if f := s.load(r.Context(), session, cookie.Value); f.row != nil || f.err != nil {
			return f
		}
	}
	if len(ids) > 0 {
		return &found{}
	}
	if len(cookies) > 0 && s.former != nil && s.rows.Now().Before(s.until) {
		return s.findFormer(r, session, cookies[0].Value)
	}
	return &found{}
}

// load reads the row of the id and puts its values into the session. The session gets the id, and no
// values, if they cannot be read.
func (s *Store) load(ctx context.Context, session *sessions.Session, id string) *found {
	row, err := s.rows.Load(ctx, secret(session.Name(), id))
	switch {
	case errors.Is(err, bff.ErrSessionNotFound):
		return &found{}
	case err != nil:
		session.ID = id
		return &found{id: id, err: err}
	}
	session.ID = id
	values, err := decode(row.Payload)
	if err != nil {
		return &found{id: id, row: row, err: err}
	}
	session.Values, session.IsNew = values, false
	return &found{id: id, row: row}
}

// maxCookies is the number of cookies with one name of which the rows are looked up: cookies of
// other paths or domains may come first.
const maxCookies = 4

// isID reports whether a cookie has the form of an id of this store.
func isID(value string) bool {
	if len(value) != 43 {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(value)
	return err == nil
}

// secret returns the secret of the row of a session. It contains the name, so that an id is
// valid with one cookie name only. No name contains "=".
func secret(name, id string) string { return name + "=" + id }
