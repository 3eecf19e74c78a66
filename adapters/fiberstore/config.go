package fiberstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

// Config configures a [Storage]. Store, Protector and Identify must be set.
type Config struct {
	// Store keeps the sessions. Reset needs a [bff.UserSessionLister].
	Store bff.UserSessionStore

	// Partition is the partition of the sessions, "" by default. Each Storage needs its own.
	Partition string

	// Protector seals the encoded values.
	Protector ticket.Protector

	// Identify returns the user and the identity provider's session that the values of a
	// session name, and the zero Identity if no user has signed in. Set calls it with a decoded
	// copy of the values. It must be safe for concurrent use.
	Identify func(values map[any]any) adapter.Identity

	// Issuer is the issuer of the back-channel logouts of the partition, as it was given to
	// backchannel.ForStore. With it, a logout also ends a sign-in or a Regenerate that is under
	// way. See [adapter.Identity].
	Issuer string

	// StoreTimeout bounds the calls of the Store. The default is
	// [adapter.DefaultStoreTimeout]. It also bounds the methods without a context.
	StoreTimeout time.Duration

	// Clock returns the current time. It must be the Store's clock. The default is time.Now,
	// which fiber uses.
	Clock func() time.Time

	// Migrating is the former storage of the sessions. A session that is not in Store is looked
	// up there, moved into Store under its id, and deleted there. Nil means that there is none.
	// A fiber.Storage does not tell the remaining time of a session: a moved session expires 30
	// minutes later, unless the middleware extends it. Its absolute timeout is one of its
	// values and stays.
	//
	// EndSessions and a back-channel logout find the sessions that were moved. They also refuse
	// a former session that is first used afterwards: EndSessions for an hour, a back-channel
	// logout, with Issuer, while the logout token is valid. If the process stops between the write and the
	// delete, both storages have the session: Destroy still deletes both, but a session that is
	// ended otherwise can come back. Set Migrating for as long as the former sessions live, and
	// then remove it. Delete and Reset also call the former storage.
	Migrating fiber.Storage
}

// A Storage keeps the sessions of fiber's session middleware. Make it with [New]. It is safe
// for concurrent use, and it copies what it is given.
type Storage struct {
	cfg      Config
	sessions *adapter.Sessions
	recent   recent
}

// Format implements [fmt.Formatter]: it prints no key.
func (s *Storage) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "fiberstore.Storage") }

var _ fiber.Storage = (*Storage)(nil)

// New returns the storage that the configuration describes. It refuses a configuration without
// a Store, a Protector or an Identify, and one that [adapter.New] refuses. It does not use the
// store. It registers the types of fiber's session middleware with package gob, so that also a
// program without the middleware decodes the values.
func New(cfg Config) (*Storage, error) {
	if cfg.Identify == nil {
		return nil, errors.New("fiberstore: Config.Identify is nil: return the user whom the values name; " +
			"if users never sign in, return adapter.Identity{}")
	}
	sessions, err := adapter.New(adapter.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector, Issuer: cfg.Issuer,
		StoreTimeout: cfg.StoreTimeout, Clock: cfg.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("fiberstore: %w", err)
	}
	if cfg.StoreTimeout == 0 {
		cfg.StoreTimeout = adapter.DefaultStoreTimeout
	}
	s := &Storage{cfg: cfg, sessions: sessions, recent: recent{now: sessions.Now}}
	// NewStore registers the unexported type of a key if there is an absolute timeout.
	session.NewStore(session.Config{Storage: s, IdleTimeout: 1, AbsoluteTimeout: 1})
	return s, nil
}

// A storeError is an error of the store: not the session, but the service is not available.
type storeError struct {
	doing string
	err   error
}

func (e *storeError) Error() string { return "fiberstore: " + e.doing + ": " + e.err.Error() }

func (e *storeError) Unwrap() []error { return []error{e.err, fiber.ErrServiceUnavailable} }

// failed wraps an error of a write or a read.
func failed(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, adapter.ErrEnded), errors.Is(err, bff.ErrInvalidSession), errors.Is(err, bff.ErrInvalidFilter), errors.Is(err, errNoSession),
		errors.Is(err, context.Canceled):
		return fmt.Errorf("fiberstore: %s: %w", doing, err)
	}
	return &storeError{doing, err}
}
