package fiberstore

import (
	"context"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v3"

	"example.com/usersession/bff/adapter"
)

// A request remembers which sessions a request has loaded and deleted.
type request struct {
	mu      sync.Mutex
	loaded  map[string]*adapter.Session
	deleted map[string]deletion // of loaded sessions
}

// A deletion is the deletion of a loaded session in this request.
type deletion struct {
	session *adapter.Session
	ended   bool // the session had ended before this request deleted it
	// replaced says that EndSessions, called by this request, has ended the session.
	replaced bool
}

// requestKey is the key of a request in the Locals: each Storage has its own.
type requestKey struct{ storage *Storage }

// requestOf returns the request of the context, and the context for the store. The request is nil if the context is no fiber.Ctx. The context of a fiber.Ctx
// is its Context, which has the application's deadline and values; a fiber.Ctx itself must not
// be used after the request, and a database driver may do so.
func (s *Storage) requestOf(ctx context.Context) (*request, context.Context) {
	c, ok := ctx.(fiber.Ctx)
	if !ok {
		return nil, ctx
	}
	r, ok := c.Locals(requestKey{s}).(*request)
	if !ok {
		r = &request{loaded: map[string]*adapter.Session{}, deleted: map[string]deletion{}}
		c.Locals(requestKey{s}, r)
	}
	return r, c.Context()
}

// session returns the session that the request has loaded under the key, or nil.
func (r *request) session(key string) *adapter.Session {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded[key]
}

// setLoaded remembers a session that was read. If another request has changed the session's user
// since this request first read it, the request keeps the session as first read, and cannot save
// it.
func (r *request) setLoaded(key string, session *adapter.Session) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first := r.loaded[key]; first == nil || first.SubjectID == session.SubjectID {
		r.loaded[strings.Clone(key)] = session
	}
}

// setSaved remembers a session that the request has written under the key: a new session, or a
// session that it had loaded.
func (r *request) setSaved(key string, session *adapter.Session) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded[strings.Clone(key)] = session
	for former, d := range r.deleted {
		if d.session.SubjectID == session.SubjectID {
			delete(r.deleted, former)
		}
	}
}

// setDeleted records that this request has deleted the session with the key.
func (r *request) setDeleted(key string, d deletion) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.loaded, key)
	d.replaced = d.replaced || r.deleted[key].replaced
	r.deleted[strings.Clone(key)] = d
}

// endedUser is called after this request has ended all sessions of a user. A session that the
// request then saves under a new id is a new session, as after a change of password.
func (r *request) endedUser(subjectID string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, session := range r.loaded {
		if session.SubjectID == subjectID {
			delete(r.loaded, key)
			r.deleted[key] = deletion{session: session, replaced: true}
		}
	}
}

// hasDeleted reports whether this request has deleted a session that it had loaded under the
// key.
func (r *request) hasDeleted(key string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, found := r.deleted[key]
	return found
}

// continued returns the session of the user that this request has loaded and deleted, or nil.
// It returns adapter.ErrEnded if such a session had ended before it was deleted, or if it had
// the same key.
func (r *request) continued(key, subjectID string) (*adapter.Session, error) {
	if r == nil || subjectID == "" {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var session *adapter.Session
	for former, d := range r.deleted {
		switch {
		case d.session.SubjectID != subjectID, d.replaced && former != key:
		case d.ended, former == key:
			return nil, adapter.ErrEnded
		default:
			session = d.session
		}
	}
	return session, nil
}
