package scsstore

import (
	"context"
	"slices"
	"time"

	"example.com/usersession/bff/adapter"
)

// handleTime is how long Destroy and Commit are possible for a session from All.
const handleTime = time.Hour

// A listing has the sessions of one call of AllCtx. The store does not know their tokens and
// gives each a random handle in its place.
type listing struct {
	sessions map[string]*adapter.Session // by hashToken of the handle, without payloads
}

// AllCtx implements [scs.IterableCtxStore], for the manager's Iterate. It is for
// administration: it reads every live session of the partition into memory. It leaves out
// sessions that do not open or decode, and those of [Config.Migrating].
//
// The tokens in its answer are random handles. Within an hour and in this process the manager
// can destroy, renew and commit the sessions by them. A handle is no token: no cookie with it
// finds a session.
//
// It returns [adapter.ErrNotListable] if the Store is no bff.UserSessionLister.
func (s *Store) AllCtx(ctx context.Context) (map[string][]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	list := &listing{map[string]*adapter.Session{}}
	for loaded, err := range s.sessions.All(ctx) {
		if err != nil {
			return nil, err
		}
		if _, _, err := s.codec.inner.Decode(loaded.Payload); err != nil {
			continue
		}
		handle := adapter.NewSecret()
		all[handle], err = envelope{origins: []*adapter.Session{loaded}, payload: loaded.Payload}.bytes()
		if err != nil {
			return nil, err
		}
		list.sessions[hashToken(handle)] = withPayload(loaded, nil)
	}
	s.mu.Lock()
	s.handles = append(s.handles, list)
	s.mu.Unlock()
	time.AfterFunc(handleTime, func() { s.forget(list) })
	return all, nil
}

// All implements [scs.IterableStore] as [Store.AllCtx] does.
func (s *Store) All() (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.AllCtx(ctx)
}

func (s *Store) forget(list *listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handles = slices.DeleteFunc(s.handles, func(l *listing) bool { return l == list })
}

// listed returns the session of the handle with the secret, or nil.
func (s *Store) listed(secret string) *adapter.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.handles {
		if session := list.sessions[secret]; session != nil {
			return session
		}
	}
	return nil
}
