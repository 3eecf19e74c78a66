package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/gorilla/sessions"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// movedSecret is the secret of the note of a session that was moved: an anonymous row whose
// payload is the new id. With the note, all requests with the former cookie continue one
// session, and that session does not come back after its end. No cookie name contains a space.
func movedSecret(name, cookie string) string { return "moved " + name + "=" + cookie }

// findFormer reads the session of a request that has a cookie of the former store.
func (s *Store) findFormer(r *http.Request, session *sessions.Session, cookie string) *found {
	moved := movedSecret(session.Name(), cookie)
	note, err := s.rows.Load(r.Context(), moved)
	if err == nil {
		return s.load(r.Context(), session, string(note.Payload))
	}
	if !errors.Is(err, bff.ErrSessionNotFound) {
		return &found{err: err}
	}
	former, err := s.former.New(r, session.Name())
	switch {
	case err != nil && !noSession(err):
		return &found{err: fmt.Errorf("gorillastore: the former store: %w", err)}
	case err != nil || former == nil || former.IsNew:
		return &found{}
	}
	session.IsNew = false
	if former.Values != nil {
		session.Values = former.Values
	}
	return &found{former: former, moved: moved, signed: s.identify(session).SubjectID != ""}
}

// noSession reports whether an error of the former store says that there is no session.
func noSession(err error) bool {
	if errors.Is(err, fs.ErrNotExist) { // sessions.FilesystemStore
		return true
	}
	decoding, ok := errors.AsType[interface {
		error
		IsDecode() bool // of securecookie.Error
	}](err)
	return ok && decoding.IsDecode()
}

// move creates the row of a session of the former store and deletes the session there. It
// returns the cookies of the former store. If another request has moved the session, move
// reports false, and f has the row of that request.
func (s *Store) move(r *http.Request, name string, f *found, state adapter.State) ([]*http.Cookie, bool, error) {
	ctx := r.Context()
	id := adapter.NewSecret()
	// Until the note is written the row has a session id of its own, because the row of
	// another request may have the same one.
	first := state
	first.SessionID = ""
	// The former session was loaded at an unknown time: every logout that is remembered ends it.
	former := &adapter.Session{SubjectID: bff.SubjectIDOf(state.SubjectID), SessionID: state.SessionID}
	if !f.signed {
		former = nil // a sign-in: the former session had no user
	}
	row, err := s.rows.Create(ctx, secret(name, id), first, former)
	if errors.Is(err, adapter.ErrEnded) {
		return nil, false, s.endFormer(r, f, err)
	}
	if err != nil {
		return nil, false, err
	}
	if err := s.note(ctx, f.moved, id); err != nil {
		_, undone := s.rows.Remove(context.WithoutCancel(ctx), row)
		if errors.Is(err, bff.ErrSessionExists) && undone == nil {
			return nil, false, s.follow(ctx, name, f)
		}
		return nil, false, errors.Join(err, undone)
	}
	if state.SessionID != "" {
		if former != nil {
			state.Merged = append(state.Merged, former)
		}
		written, err := s.rows.Save(ctx, row, state)
		if errors.Is(err, adapter.ErrEnded) {
			return nil, false, s.endFormer(r, f, err)
		}
		if err != nil {
			return nil, false, s.undoMove(ctx, f, row, err)
		}
		row = written
	}
	others, err := s.deleteFormer(r, f)
	if err != nil {
		return nil, false, s.undoMove(ctx, f, row, err)
	}
	*f = found{id: id, row: row}
	return others, true, nil
}

func (s *Store) note(ctx context.Context, moved, id string) error {
	_, err := s.rows.Create(ctx, moved, adapter.State{Payload: []byte(id), Expires: s.until}, nil)
	return err
}

// follow finds the row that another request has made of a session of the former store. If the
// row has ended, a session without a user goes on as a new one: see [adapter.Sessions.Rotate].
func (s *Store) follow(ctx context.Context, name string, f *found) error {
	note, err := s.rows.Load(ctx, f.moved)
	if err == nil {
		id := string(note.Payload)
		var row *adapter.Session
		if row, err = s.rows.Load(ctx, secret(name, id)); err == nil {
			*f = found{id: id, row: row}
			return nil
		}
	}
	switch {
	case !errors.Is(err, bff.ErrSessionNotFound):
		return err
	case f.signed:
		return adapter.ErrEnded
	}
	*f = found{}
	return nil
}

// undoMove gives the session back to the former store. It deletes the note first: a note without
// a row says that the session has ended.
func (s *Store) undoMove(ctx context.Context, f *found, row *adapter.Session, reason error) error {
	ctx = context.WithoutCancel(ctx)
	if _, err := s.rows.Delete(ctx, f.moved); err != nil {
		return errors.Join(reason, err)
	}
	_, err := s.rows.Remove(ctx, row)
	return errors.Join(reason, err)
}

// endFormer ends a session of the former store that a back-channel logout has ended.
func (s *Store) endFormer(r *http.Request, f *found, ended error) error {
	err := s.note(r.Context(), f.moved, adapter.NewSecret())
	if errors.Is(err, bff.ErrSessionExists) {
		err = nil
	}
	_, deleted := s.deleteFormer(r, f)
	return errors.Join(ended, err, deleted)
}

// removeFormer ends a session of the former store, or the row that another request has made of
// it.
func (s *Store) removeFormer(r *http.Request, name string, f *found) ([]*http.Cookie, error) {
	ctx := r.Context()
	err := s.note(ctx, f.moved, adapter.NewSecret())
	if errors.Is(err, bff.ErrSessionExists) {
		var note *adapter.Session
		note, err = s.rows.Load(ctx, f.moved)
		if err == nil {
			_, err = s.rows.Delete(ctx, secret(name, string(note.Payload)))
		}
	}
	if err != nil {
		return nil, err
	}
	return s.deleteFormer(r, f)
}

// deleteFormer deletes a session in the former store and returns the cookies that this sets.
func (s *Store) deleteFormer(r *http.Request, f *found) ([]*http.Cookie, error) {
	session := *f.former
	session.Values = map[any]any{}
	session.Options = &sessions.Options{}
	if f.former.Options != nil {
		*session.Options = *f.former.Options
	}
	session.Options.MaxAge = -1
	response := headerWriter{}
	if err := s.former.Save(r, response, &session); err != nil {
		return nil, fmt.Errorf("gorillastore: deleting the session in the former store: %w", err)
	}
	return (&http.Response{Header: http.Header(response)}).Cookies(), nil
}

// headerWriter is an [http.ResponseWriter] that keeps the header alone.
type headerWriter http.Header

func (h headerWriter) Header() http.Header         { return http.Header(h) }
func (h headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (h headerWriter) WriteHeader(int)             {}
