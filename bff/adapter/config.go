package adapter

import (
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
	"example.com/usersession/bff/ticket"
)

// DefaultStoreTimeout is the default of [Config.StoreTimeout].
const DefaultStoreTimeout = 5 * time.Second

// Config configures [Sessions]. Store and Protector must be set.
type Config struct {
	// Store keeps the sessions.
	Store bff.UserSessionStore

	// Partition is the partition of the sessions, "" by default. Programs that share a table
	// need different partitions, and so do two session cookies of one program.
	Partition string

	// Protector seals the payloads, with the sealing and the keys of [ticket.SealBytes].
	Protector ticket.Protector

	// Issuer is the issuer of the back-channel logouts of this partition, as it was given to
	// backchannel.ForStore. With it, a logout also ends a sign-in or a rotation that is under
	// way. See [Identity.IDTokenIssuedAt].
	Issuer string

	// StoreTimeout bounds each call of a method, with everything that it asks of the Store.
	// The default is [DefaultStoreTimeout].
	StoreTimeout time.Duration

	// Clock returns the current time. It must be the Store's clock. The default is time.Now.
	Clock func() time.Time
}

// Sessions are the sessions of one partition of a store. They are safe for concurrent use.
type Sessions struct {
	cfg      Config
	provider logoutnote.Notes // of logout tokens
	own      logoutnote.Notes // of EndSession and EndSessions
}

// ownIssuer is the issuer in the notes of [Sessions.EndSession] and [Sessions.EndSessions].
// The issuer of a provider is a URL.
const ownIssuer = "the application"

// New returns the sessions that the configuration describes. It refuses a configuration
// without a Store or a Protector, with a partition that cannot be stored or is reserved, or
// with a negative timeout. It does not use the store.
func New(cfg Config) (*Sessions, error) {
	if cfg.Store == nil {
		return nil, errors.New("adapter: Config.Store is nil: use usersession.NewGormStore, or bff.NewInMemoryStore in tests")
	}
	if err := ticket.CheckProtector(cfg.Protector); err != nil {
		return nil, fmt.Errorf("adapter: Config.Protector: %w", err)
	}
	if cfg.Partition == logoutnote.Partition {
		return nil, errors.New("adapter: Config.Partition is reserved for the notes of logouts")
	}
	if err := (bff.UserSessionKey{PartitionKey: cfg.Partition, Key: "k"}).Validate(); err != nil {
		return nil, fmt.Errorf("adapter: Config.Partition: %w", err)
	}
	if cfg.StoreTimeout < 0 {
		return nil, errors.New("adapter: Config.StoreTimeout is negative")
	}
	if cfg.StoreTimeout == 0 {
		cfg.StoreTimeout = DefaultStoreTimeout
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Sessions{
		cfg:      cfg,
		provider: logoutnote.Notes{Store: cfg.Store, Partition: cfg.Partition, Issuer: cfg.Issuer},
		own:      logoutnote.Notes{Store: cfg.Store, Partition: cfg.Partition, Issuer: ownIssuer, Exact: true},
	}, nil
}

// Now returns the current time by the clock of the configuration.
func (s *Sessions) Now() time.Time { return s.cfg.Clock() }
