package scsstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

// Config configures [Use]. Store, Protector and Identify must be set.
type Config struct {
	// Store keeps the sessions. Iterate needs a [bff.UserSessionLister].
	Store bff.UserSessionStore

	// Partition is the partition of the sessions, "" by default. Each manager needs its own.
	Partition string

	// Protector seals the encoded values.
	Protector ticket.Protector

	// Identify returns the user and the identity provider's session that the values of a
	// session name, and the zero Identity if no user has signed in. Commit calls it with a copy
	// of the map. A value has the type that the application has put, or to which the codec has
	// decoded it in an earlier request. Identify must not call the manager, which holds a lock,
	// and must not change the values.
	Identify func(values map[string]any) adapter.Identity

	// Issuer is the issuer of the back-channel logouts of the partition, as it was given to
	// backchannel.ForStore. With it, a logout also ends a sign-in or a rotation that is under
	// way. See [adapter.Identity].
	Issuer string

	// StoreTimeout bounds the calls of the Store. The default is
	// [adapter.DefaultStoreTimeout]. It also bounds Find, Commit, Delete and All, which have
	// no context.
	StoreTimeout time.Duration

	// Clock returns the current time. It must be the Store's clock. The default is time.Now,
	// which scs uses.
	Clock func() time.Time

	// Migrating is the former store of the manager. A session that is not in Store is looked
	// up there, moved into Store with its deadline, under its token, and deleted there. Nil
	// means that there is none.
	//
	// EndSessions and a back-channel logout find the sessions that were moved. They also
	// refuse a former session that is first used afterwards: EndSessions for an hour, a
	// back-channel logout, with Issuer, while the logout token is valid. If the process stops
	// between the write and the delete, both stores have the session: Destroy still deletes
	// both, but a session that is ended otherwise can come back. Set Migrating for as long as
	// the former sessions live, and then remove it.
	Migrating scs.Store
}

// Use makes the manager keep its sessions as the configuration describes: it sets
// manager.Store and wraps manager.Codec, which must be set before. Do not replace the two
// afterwards. Call Use once for a manager, before its first request. It does not use the
// store.
func Use(manager *scs.SessionManager, cfg Config) (*Store, error) {
	if manager == nil {
		return nil, errors.New("scsstore: the manager is nil: use scs.New")
	}
	if manager.Codec == nil {
		return nil, errors.New("scsstore: manager.Codec is nil: use scs.New, or set scs.GobCodec{}")
	}
	_, store := manager.Store.(*Store)
	_, wrapped := manager.Codec.(*codec)
	if store || wrapped {
		return nil, errors.New("scsstore: Use was called for this manager before")
	}
	if cfg.Identify == nil {
		return nil, errors.New("scsstore: Config.Identify is nil: return the user whom the values name; " +
			"if users never sign in, return adapter.Identity{}")
	}
	sessions, err := adapter.New(adapter.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector, Issuer: cfg.Issuer,
		StoreTimeout: cfg.StoreTimeout, Clock: cfg.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("scsstore: %w", err)
	}
	s := &Store{
		manager: manager, sessions: sessions, former: cfg.Migrating,
		timeout: cfg.StoreTimeout,
		codec:   &codec{inner: manager.Codec, identify: cfg.Identify, manager: manager},
		known:   recent[*adapter.Session]{now: sessions.Now},
		deleted: recent[deletion]{now: sessions.Now},
	}
	if s.contextKey, err = contextKeyOf(manager); err != nil {
		return nil, err
	}
	if s.timeout == 0 {
		s.timeout = adapter.DefaultStoreTimeout
	}
	manager.Codec, manager.Store = s.codec, s
	return s, nil
}
