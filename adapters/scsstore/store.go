package scsstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

// A Store is the store of one manager. Make it with [Use]. It is safe for concurrent use.
type Store struct {
	manager  *scs.SessionManager
	sessions *adapter.Sessions
	former   scs.Store // or nil
	timeout  time.Duration
	codec    *codec
	// contextKey is the key of a context for the manager's session.
	contextKey any

	// known has the sessions that were found or written, by their keys and without payloads.
	known recent[*adapter.Session]
	// deleted has the keys of the sessions that Delete has ended.
	deleted recent[deletion]

	mu      sync.Mutex
	handles []*listing
}

var (
	_ scs.CtxStore         = (*Store)(nil)
	_ scs.IterableStore    = (*Store)(nil)
	_ scs.IterableCtxStore = (*Store)(nil)
)

// Format implements [fmt.Formatter]: it prints no key and no session.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "scsstore.Store") }

// A deletion is a session that was deleted, perhaps to continue under a new token.
type deletion struct {
	request   requestID
	subjectID string
	next      string // the key of the session that continues it, or ""
}

// FindCtx implements [scs.CtxStore]. A session that has expired, or that does not open, is not
// found. A session that opens and does not decode is found without values. If the Store or the
// Protector is not available, or the context has ended, FindCtx returns the error.
func (s *Store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if err := s.check(); err != nil {
		return nil, false, err
	}
	secret := s.secret(token)
	loaded, err := s.sessions.Load(ctx, secret)
	if errors.Is(err, bff.ErrSessionNotFound) && s.former != nil {
		loaded, err = s.move(ctx, token, secret)
	}
	if errors.Is(err, bff.ErrSessionNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	s.known.put(loaded.Key(), withPayload(loaded, nil))
	b, err := envelope{origins: []*adapter.Session{loaded}, payload: loaded.Payload}.bytes()
	return b, err == nil, err
}

// CommitCtx implements [scs.CtxStore] for bytes of the manager's codec. It returns
// [adapter.ErrEnded], and writes nothing, if the values are those of a session that has ended
// since it was loaded.
func (s *Store) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	if err := s.check(); err != nil {
		return err
	}
	e, err := openEnvelope(b)
	if err != nil {
		return err
	}
	if !e.saved {
		return errForeignBytes
	}
	if expiry.IsZero() {
		expiry = time.Unix(0, 0) // scs means the past, and the store would mean never
	}
	secret := s.secret(token)
	key, own := adapter.KeyOf(secret), s.listed(secret)
	if own != nil {
		key = own.Key()
	}
	state := adapter.State{Identity: e.identity, Payload: e.payload, Expires: expiry}
	var others []*adapter.Session
	for _, loaded := range e.origins {
		if loaded.Key() == key {
			own = loaded
			continue
		}
		if !loaded.Anonymous() && !s.continues(ctx, loaded, key) {
			return adapter.ErrEnded
		}
		others = append(others, loaded)
	}
	switch {
	case own == nil:
		return s.create(ctx, secret, state, others)
	case e.unchanged:
		own, err = s.sessions.Renew(ctx, withPayload(own, e.payload), expiry)
	default:
		state.Merged = others
		own, err = s.sessions.Save(ctx, own, state)
	}
	if err == nil {
		s.known.put(key, withPayload(own, nil))
	}
	return err
}

// create writes values that do not come from the session with the secret: a new session, a
// rotation, or a session whose values were cleared.
func (s *Store) create(ctx context.Context, secret string, state adapter.State, others []*adapter.Session) error {
	key := adapter.KeyOf(secret)
	if _, known := s.known.get(key); known {
		// No second row is ever created under a token: a request that has loaded the first
		// row could save it into the second.
		return s.overwrite(ctx, secret, state, others)
	}
	var continued *adapter.Session
	first := state
	if len(others) > 0 {
		i := max(0, slices.IndexFunc(others, func(l *adapter.Session) bool { return !l.Anonymous() }))
		continued, first.Merged = others[i], slices.Delete(slices.Clone(others), i, i+1)
	}
	created, err := s.sessions.Create(ctx, secret, first, continued)
	if errors.Is(err, bff.ErrSessionExists) {
		return s.overwrite(ctx, secret, state, others)
	}
	if err == nil {
		s.known.put(key, withPayload(created, nil))
	}
	return err
}

// overwrite saves values that do not come from the session with the secret. It never creates
// the session.
func (s *Store) overwrite(ctx context.Context, secret string, state adapter.State, others []*adapter.Session) error {
	loaded, err := s.sessions.Load(ctx, secret)
	if errors.Is(err, bff.ErrSessionNotFound) {
		return adapter.ErrEnded
	}
	if err != nil {
		return err
	}
	state.Merged = others
	_, err = s.sessions.Save(ctx, loaded, state)
	return err
}

// continues reports whether the session with the key is the successor of a loaded session of a
// user: the same request has ended the loaded session with Delete, and the loaded session has no
// other successor. If it had none, continues records this one.
func (s *Store) continues(ctx context.Context, loaded *adapter.Session, key string) bool {
	request := s.requestOf(ctx)
	s.deleted.mu.Lock()
	defer s.deleted.mu.Unlock()
	at := loaded.Key()
	d, ok := s.deleted.lookUp(at)
	if !ok || d.subjectID != loaded.SubjectID {
		return false
	}
	// RenewToken, Commit and RenewToken again in one request: the loaded session was
	// continued by one that was deleted too.
	for range 16 {
		switch {
		case !ok || d.request != request:
			return false
		case d.next == key:
			return true
		case d.next == "":
			d.next = key
			s.deleted.set(at, d)
			return true
		}
		at = d.next
		d, ok = s.deleted.lookUp(at)
	}
	return false
}

// DeleteCtx implements [scs.CtxStore]. A session that is not there is no error.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	secret := s.secret(token)
	loaded := s.listed(secret)
	if loaded == nil {
		if token == "" {
			return nil
		}
		// The former session goes first, so that move notices that both are gone.
		if err := s.deleteFormer(ctx, token); err != nil {
			return err
		}
		loaded, _ = s.known.get(adapter.KeyOf(secret))
	}
	if loaded == nil {
		var err error
		loaded, err = s.sessions.Load(ctx, secret)
		if errors.Is(err, bff.ErrSessionNotFound) {
			_, err = s.sessions.Delete(ctx, secret) // it has expired, or does not open
			return err
		}
		if err != nil {
			return err
		}
	}
	err := s.sessions.End(ctx, loaded)
	if errors.Is(err, adapter.ErrEnded) {
		_, err = s.sessions.Remove(ctx, loaded) // it may be another user's by now
		return err
	}
	if err == nil {
		s.deleted.put(loaded.Key(), deletion{request: s.requestOf(ctx), subjectID: loaded.SubjectID})
	}
	return err
}

// Find implements [scs.Store] as [Store.FindCtx] does.
func (s *Store) Find(token string) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.FindCtx(ctx, token)
}

// Commit implements [scs.Store] as [Store.CommitCtx] does.
func (s *Store) Commit(token string, b []byte, expiry time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.CommitCtx(ctx, token, b, expiry)
}

// Delete implements [scs.Store] as [Store.DeleteCtx] does.
func (s *Store) Delete(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.DeleteCtx(ctx, token)
}

var errCodecReplaced = errors.New("scsstore: the manager's Codec was replaced after Use: set manager.Codec before Use")

func (s *Store) check() error {
	if c, ok := s.manager.Codec.(*codec); !ok || c != s.codec {
		return errCodecReplaced
	}
	return nil
}

// secret returns the secret of the session with the token, as scs gives it to a store. It is
// the same whether scs has hashed the token or not.
func (s *Store) secret(token string) string {
	if s.manager.HashTokenInStore {
		return token
	}
	return hashToken(token)
}

// hashToken is what scs does with HashTokenInStore.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
