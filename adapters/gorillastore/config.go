package gorillastore

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

// Lifetime is the default of Options.MaxAge, and the time after which a session with MaxAge 0
// ends: the browser drops its cookie when it is closed, but a row needs an end.
const Lifetime = 24 * time.Hour

// Config configures a [Store]. Store, Protector and Identify must be set.
type Config struct {
	// Store keeps the sessions.
	Store bff.UserSessionStore

	// Partition is the partition of the sessions, "" by default. Programs that share a table
	// need different partitions.
	Partition string

	// Protector seals the values, with the sealing and the keys of [ticket.SealBytes].
	Protector ticket.Protector

	// Identify returns the user and the identity provider's session from the values of a
	// session, and the zero Identity if no user has signed in. Save calls it. It must depend
	// only on session.Values and session.Name(), and must not change them. Values is not nil.
	Identify func(session *sessions.Session) adapter.Identity

	// Options are the options of new sessions; New copies them. The default has Path "/",
	// HttpOnly, Secure, SameSite Lax, and [Lifetime] as MaxAge.
	Options *sessions.Options

	// Migrating is the store that the application has used before, with the same cookie names.
	// A request whose cookie has no id of this store gets the former session, and Save moves
	// it: it creates the session here and deletes it there. See [Store.Save]. A cookie with the
	// form of this store's ids, 43 characters of URL-safe base64, is never shown to it.
	//
	// An error of the former store is an error of [Store.New], unless it says that the
	// cookie is not valid (gorilla/securecookie) or that there is no file of the session.
	Migrating sessions.Store

	// MigrateUntil is the end of the migration. It must be set if Migrating is. From then on
	// Migrating is not used, and the sessions that have not been moved are lost. Choose the
	// former MaxAge from now, or less.
	//
	// Until then a session that was moved and has ended does not come back by the cookie with
	// which it was moved. If Migrating is a [sessions.CookieStore], the earlier cookies of the
	// same session are still valid, since such a store gives out a new value at each Save and
	// can revoke none. Only MigrateUntil ends those.
	MigrateUntil time.Time

	// Issuer is the issuer of the back-channel logouts of this partition, as it was given to
	// backchannel.ForStore. With it, a logout also ends a sign-in or a rotation that is under
	// way. See [adapter.Identity].
	Issuer string

	// StoreTimeout bounds what a call of a method asks of the Store. A Save that moves a
	// session has it for each of its steps. The default is [adapter.DefaultStoreTimeout].
	StoreTimeout time.Duration

	// Clock returns the current time. It must be the Store's clock. The default is time.Now.
	Clock func() time.Time
}

// New returns a store. It refuses a configuration without a Store, a Protector or Identify,
// with Migrating but no MigrateUntil, or with a partition that cannot be stored or is reserved.
// It does not use the store and starts no goroutine.
func New(cfg Config) (*Store, error) {
	if cfg.Identify == nil {
		return nil, errors.New("gorillastore: Config.Identify is nil: return the user and the identity provider's session (sub and sid) " +
			"from session.Values, or adapter.Identity{} if no user has signed in")
	}
	if cfg.Migrating != nil && cfg.MigrateUntil.IsZero() {
		return nil, errors.New("gorillastore: Config.MigrateUntil is zero: set the end of the migration, such as the former MaxAge from now")
	}
	rows, err := adapter.New(adapter.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector,
		Issuer: cfg.Issuer, StoreTimeout: cfg.StoreTimeout, Clock: cfg.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("gorillastore: %w", err)
	}
	s := &Store{rows: rows, identify: cfg.Identify, former: cfg.Migrating, until: cfg.MigrateUntil}
	s.Options = cfg.Options
	s.Options = s.options()
	return s, nil
}

// options returns a copy of the options of new sessions.
func (s *Store) options() *sessions.Options {
	if s.Options == nil {
		return &sessions.Options{
			Path: "/", MaxAge: int(Lifetime / time.Second), HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
		}
	}
	return new(*s.Options)
}
