package serverside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// Defaults of [Config].
const (
	DefaultCookieName       = "__Host-bff"
	DefaultUserPath         = "/bff/user"
	DefaultIdleTimeout      = 30 * time.Minute
	DefaultAbsoluteLifetime = 12 * time.Hour
	DefaultRefreshBefore    = time.Minute
	DefaultTokenTimeout     = 10 * time.Second
)

// Config says how sessions are kept. Only Protector must be set.
type Config struct {
	// Store keeps the sessions. Nil means in the memory of this process, which
	// forgets them when it ends; [New] says so in the log.
	Store bff.UserSessionStore
	// Protector encrypts the tickets: a [ticket.KeyRing]. It must not be nil.
	Protector ticket.Protector
	// Partition is the partition key of every session, which keeps apart the
	// applications that share a table.
	Partition string
	// Issuer is the identity provider whose users sign in. A user is known by
	// issuer and subject id together, and a row has no issuer: therefore it takes
	// one Sessions, with a partition of its own, for each provider. Tickets of
	// another issuer are refused.
	Issuer string

	// CookieName must begin with __Host-. The default is [DefaultCookieName].
	CookieName string
	// SameSite is Strict or Lax. The default is Strict: the browser then does not
	// send the cookie with a request that another site has caused. The page that
	// follows the identity provider's redirect to the callback is one: it finds
	// out who is signed in with a fetch, which does bring the cookie.
	SameSite http.SameSite
	// PersistentCookie makes the cookie outlive the browser, until the session's
	// absolute end. By default it goes when the browser is closed.
	PersistentCookie bool

	// IdleTimeout ends a session that was not used. The default is
	// [DefaultIdleTimeout].
	IdleTimeout time.Duration
	// AbsoluteLifetime ends a session however busy it is. The default is
	// [DefaultAbsoluteLifetime].
	AbsoluteLifetime time.Duration
	// MaxSessionsPerUser bounds how many sessions a user has: at a sign-in the
	// oldest beyond it end. 0 means any number.
	MaxSessionsPerUser int
	// UserPath is the path at which a request with ?slide=false reads its session
	// without renewing it, which is where [Sessions.UserHandler] belongs. The
	// default is [DefaultUserPath].
	UserPath string

	// EnableSessionCleanup makes [Sessions.Run] delete expired sessions from a
	// store that can; with one that cannot, [New] fails.
	EnableSessionCleanup bool
	// SessionCleanupInterval is how often. The default is
	// [bff.DefaultSessionCleanupInterval].
	SessionCleanupInterval time.Duration

	// Refresher gets new tokens for a refresh token. Nil means that tokens are
	// not refreshed.
	Refresher TokenRefresher
	// RefreshBefore is how long before its end an access token is refreshed. The
	// default is [DefaultRefreshBefore].
	RefreshBefore time.Duration
	// EndSessionWithRefreshToken ends a session whose refresh token the provider
	// refuses, unless another host has got new ones for it. By default it goes on
	// without fresh tokens.
	EndSessionWithRefreshToken bool
	// Revoker is told the refresh token of every session that is signed out or
	// revoked (RFC 7009). Nil means that refresh tokens are left alone.
	Revoker TokenRevoker
	// TokenTimeout bounds the steps of a refresh, each by itself: asking the provider,
	// writing what it sent and, if it refuses the refresh token, looking for the tokens
	// of another host that has just spent it. It bounds the revocations of one call,
	// too, and is the same on all hosts. The default is [DefaultTokenTimeout].
	TokenTimeout time.Duration

	// Metrics counts sessions. Nil means nobody does.
	Metrics Metrics
	// Logger is told what happens to sessions, never a key, a ticket, a token or a
	// cookie. Nil means [slog.Default].
	Logger *slog.Logger
	// Clock is what time it is. Nil means [time.Now].
	Clock func() time.Time
}

// Sessions signs in and out, loads, renews and revokes the sessions of one partition.
// Make it with [New]. It is safe for concurrent use.
type Sessions struct {
	cfg           Config // with the defaults filled in, never changed again
	refreshes     refreshGroup
	refusedTokens refusedTokens
}

// New checks the configuration and fills in the defaults. It does no I/O and starts no
// goroutine: see [Sessions.Run].
func New(c Config) (*Sessions, error) {
	for _, check := range []func() error{c.checkCookie, c.checkTimes, c.checkRest} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("serverside: %w", err)
		}
	}
	setDefault(&c.CookieName, DefaultCookieName)
	setDefault(&c.SameSite, http.SameSiteStrictMode)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.AbsoluteLifetime, DefaultAbsoluteLifetime)
	setDefault(&c.UserPath, DefaultUserPath)
	setDefault(&c.RefreshBefore, DefaultRefreshBefore)
	setDefault(&c.TokenTimeout, DefaultTokenTimeout)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = noMetrics{}
	}
	if c.Store == nil {
		c.Store = bff.NewInMemoryStore(bff.WithClock(c.Clock))
		c.Logger.Warn("serverside: no store is configured: user sessions are kept in memory and end with the process")
	}
	if _, ok := c.Store.(bff.UserSessionStoreCleanup); c.EnableSessionCleanup && !ok {
		return nil, errors.New("serverside: EnableSessionCleanup is set, but the Store is no bff.UserSessionStoreCleanup")
	}
	return &Sessions{cfg: c}, nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func (c Config) checkCookie() error {
	if c.CookieName != "" && (!strings.HasPrefix(c.CookieName, "__Host-") ||
		(&http.Cookie{Name: c.CookieName, Value: "v"}).Valid() != nil) {
		return errors.New("CookieName must be a cookie's name that begins with __Host-")
	}
	switch c.SameSite {
	case 0, http.SameSiteStrictMode, http.SameSiteLaxMode:
		return nil
	default:
		return errors.New("SameSite must be Strict or Lax")
	}
}

func (c Config) checkTimes() error {
	for name, d := range map[string]time.Duration{
		"IdleTimeout": c.IdleTimeout, "AbsoluteLifetime": c.AbsoluteLifetime, "RefreshBefore": c.RefreshBefore,
		"TokenTimeout": c.TokenTimeout, "SessionCleanupInterval": c.SessionCleanupInterval,
	} {
		if d < 0 {
			return fmt.Errorf("%s is negative", name)
		}
	}
	return nil
}

func (c Config) checkRest() error {
	if c.Protector == nil {
		return errors.New("the Protector is nil: make one with ticket.KeyRingFromFile or KeyRingFromEnv, " +
			"or for development with ticket.InsecureRandomKeyRing")
	}
	if c.MaxSessionsPerUser < 0 {
		return errors.New("MaxSessionsPerUser is negative")
	}
	if err := (bff.UserSessionKey{PartitionKey: c.Partition, Key: "k"}).Validate(); err != nil {
		return fmt.Errorf("the Partition is not usable: %w", err)
	}
	return nil
}

// Run does the background work until the context ends, and then returns nil: if
// EnableSessionCleanup is set it deletes expired sessions, from the first interval on.
// Without it there is nothing to do, and Run returns nil at once.
func (s *Sessions) Run(ctx context.Context) error {
	if !s.cfg.EnableSessionCleanup {
		return nil
	}
	cleaner := bff.Cleaner{
		Store:                  s.cfg.Store.(bff.UserSessionStoreCleanup),
		SessionCleanupInterval: s.cfg.SessionCleanupInterval,
		Logger:                 s.cfg.Logger,
		Observe: func(run bff.CleanupRun) {
			if run.Removed > 0 {
				s.cfg.Metrics.SessionEnded(ctx, EndExpired, run.Removed)
			}
		},
	}
	return cleaner.Run(ctx)
}
