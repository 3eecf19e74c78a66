package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// Save writes a session and sets its cookie. Call it before the response is begun; it can be
// called several times. If it returns an error it has set no cookie.
//
// A session that New has read is only updated. If it has ended since, Save returns
// [adapter.ErrEnded] and writes nothing; of concurrent saves the last one wins. If its user or
// its session at the provider has changed, or if session.ID was set to "", the session continues
// under a new id, and the former id ends in the same step. An id that the application has chosen
// counts as "". A new session gets an id. Afterwards session.ID is the id.
//
// The session ends Options.MaxAge seconds after the last Save, or [Lifetime] after it if MaxAge
// is 0. Saving a session whose values have not changed only extends it, and writes nothing
// while more than half of that time remains. Save then does not notice that the session has
// ended.
//
// If Options.MaxAge is negative, Save deletes the session and its cookie. It is no error if the
// session has ended already. A later Save begins a new session.
//
// A session of the former store is moved: it gets a row and an id here and is deleted there. A
// concurrent request with the same former cookie continues the session that was moved.
//
// Values are encoded with [encoding/gob]. The error for a type that is not registered with
// [gob.Register] names it.
//
// Save uses only the context of the request. A session that New has not returned, such as a
// copy, is a new session if it has no ID. With an ID it is read again and only updated, or, if it
// has IsNew, refused.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options == nil {
		session.Options = s.options()
	}
	if session.Values == nil {
		session.Values = map[any]any{}
	}
	f := s.found.of(session)
	if f == nil {
		var err error
		if f, err = s.findAgain(r.Context(), session); err != nil {
			return err
		}
		defer func() { session.IsNew = session.IsNew && session.ID == "" }()
	}
	var others []*http.Cookie // of the former store
	var err error
	if session.Options.MaxAge < 0 {
		others, err = s.remove(r, session, f)
	} else {
		others, err = s.write(r, session, f)
	}
	if err != nil {
		return err
	}
	session.ID = f.id
	cookie := sessions.NewCookie(session.Name(), f.id, session.Options)
	for _, other := range others {
		if other.Name != cookie.Name || other.Path != cookie.Path || other.Domain != cookie.Domain {
			http.SetCookie(w, other)
		}
	}
	http.SetCookie(w, cookie)
	return nil
}

// findAgain reads a session that New has not returned.
func (s *Store) findAgain(ctx context.Context, session *sessions.Session) (*found, error) {
	switch {
	case session.ID == "":
		return &found{}, nil
	case session.Options.MaxAge < 0:
		return &found{id: session.ID}, nil
	case session.IsNew:
		return nil, errors.New("gorillastore: the session has an id, but was not loaded: save the session that Get has returned, not a copy")
	}
	row, err := s.rows.Load(ctx, secret(session.Name(), session.ID))
	switch {
	case errors.Is(err, bff.ErrSessionNotFound):
		return nil, adapter.ErrEnded
	case err != nil:
		return nil, err
	}
	return &found{id: session.ID, row: row}, nil
}

// write creates, updates, rotates or moves the row of a session.
func (s *Store) write(r *http.Request, session *sessions.Session, f *found) ([]*http.Cookie, error) {
	identity := s.identify(session)
	if f.err != nil && !f.expendable(identity) {
		return nil, fmt.Errorf("gorillastore: a session that could not be loaded is not saved: %w", f.err)
	}
	lifetime := time.Duration(session.Options.MaxAge) * time.Second
	if lifetime == 0 {
		lifetime = Lifetime
	}
	state := adapter.State{Identity: identity, Expires: s.rows.Now().Add(lifetime)}
	rotate := session.ID != f.id || f.err != nil
	if f.row != nil && !rotate && unchanged(session, f.row, identity) {
		row, err := s.rows.Renew(r.Context(), f.row, state.Expires)
		return nil, f.wrote(f.id, row, err)
	}
	var err error
	if state.Payload, err = encode(session.Values); err != nil {
		return nil, err
	}
	if f.former != nil {
		others, done, err := s.move(r, session.Name(), f, state)
		if done || err != nil {
			return others, err
		}
		rotate = false // another request has moved it
	}
	return nil, s.writeRow(r.Context(), session.Name(), f, state, rotate)
}

// writeRow writes the state to the row: under a new id if there is no row yet, if rotate is set, or
// if the user signs in.
func (s *Store) writeRow(ctx context.Context, name string, f *found, state adapter.State, rotate bool) error {
	id := adapter.NewSecret()
	var row *adapter.Session
	var err error
	switch {
	case f.row == nil:
		row, err = s.rows.Create(ctx, secret(name, id), state, nil)
	case rotate || signsIn(f.row, state.Identity):
		row, err = s.rows.Rotate(ctx, f.row, secret(name, id), state)
	default:
		id = f.id
		row, err = s.rows.Save(ctx, f.row, state)
	}
	return f.wrote(id, row, err)
}

// signsIn reports whether the identity differs from the row's in its user, or in the session id of
// the provider if the row has one.
func signsIn(row *adapter.Session, id adapter.Identity) bool {
	return row.SubjectID != bff.SubjectIDOf(id.SubjectID) ||
		otherSession(row, id) && !strings.HasPrefix(row.SessionID, "local-")
}

func otherSession(row *adapter.Session, id adapter.Identity) bool {
	return id.SubjectID != "" && id.SessionID != "" && id.SessionID != row.SessionID
}

// wrote remembers the row that was written, unless there was an error.
func (f *found) wrote(id string, row *adapter.Session, err error) error {
	if err == nil {
		*f = found{id: id, row: row}
	}
	return err
}

// expendable reports whether a session whose values were not read may be overwritten.
func (f *found) expendable(identity adapter.Identity) bool {
	return errors.Is(f.err, errUndecodable) && (f.row.Anonymous() || identity.SubjectID != "")
}

// unchanged reports whether a row has the identity and the values of a session. It compares
// decoded values, because the encoding of a map has no order. To decode them costs less than
// a write.
func unchanged(session *sessions.Session, row *adapter.Session, identity adapter.Identity) bool {
	if signsIn(row, identity) || otherSession(row, identity) {
		return false
	}
	values, err := decode(row.Payload)
	return err == nil && reflect.DeepEqual(values, session.Values)
}

// remove deletes the row of a session.
func (s *Store) remove(r *http.Request, session *sessions.Session, f *found) (others []*http.Cookie, err error) {
	switch {
	case f.former != nil:
		others, err = s.removeFormer(r, session.Name(), f)
	case f.row != nil:
		_, err = s.rows.Remove(r.Context(), f.row)
	case f.id != "":
		_, err = s.rows.Delete(r.Context(), secret(session.Name(), f.id))
	case f.err != nil: // a session of the former store
		err = fmt.Errorf("gorillastore: a session that could not be loaded is not deleted: %w", f.err)
	}
	if err == nil {
		*f = found{}
	}
	return others, err
}
