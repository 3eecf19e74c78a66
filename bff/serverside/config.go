package serverside

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
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
	DefaultStoreTimeout     = 5 * time.Second
	DefaultTicketCacheSize  = 1024
)

// Config configures [Sessions]. Protector must be set; every other field has a default.
type Config struct {
	// Store keeps the sessions. Nil means a [bff.InMemoryStore], whose sessions end
	// with the process; [New] logs a warning about that.
	Store bff.UserSessionStore
	// Protector encrypts the tickets, usually a [ticket.KeyRing]. It must not be nil.
	Protector ticket.Protector
	// Partition is the partition key of every session. It separates the applications
	// and identity providers that share a table. The default is the partition "".
	Partition string
	// Issuer is the identity provider whose users sign in. Issuer and subject id
	// together identify a user, but a row has no issuer: use one Sessions, with a
	// partition of its own, for each provider. Tickets of another issuer are refused.
	Issuer string

	// CookieName must begin with __Host-. The default is [DefaultCookieName].
	CookieName string
	// SameSite is Strict or Lax. The default is Strict: the browser then does not
	// send the cookie with a request that another site has caused. The page to which
	// the callback redirects after a sign-in is such a request. That page learns the
	// user with a fetch, with which the browser does send the cookie.
	SameSite http.SameSite
	// PersistentCookie makes the browser keep the cookie when it is closed, until the
	// session's absolute end. By default the browser then deletes the cookie.
	PersistentCookie bool

	// IdleTimeout ends a session that has not been used for this long. The default is
	// [DefaultIdleTimeout].
	IdleTimeout time.Duration
	// AbsoluteLifetime ends a session this long after the sign-in. The default is
	// [DefaultAbsoluteLifetime].
	AbsoluteLifetime time.Duration
	// MaxSessionsPerUser is the maximum number of sessions of a user. A sign-in ends
	// the oldest sessions beyond it. 0 means no maximum.
	MaxSessionsPerUser int
	// UserPath is the path at which [Sessions.UserHandler] is mounted: a request to it
	// with ?slide=false does not renew its session. The default is [DefaultUserPath].
	UserPath string

	// EnableSessionCleanup makes [Sessions.Run] delete expired sessions. [New] returns
	// an error if the Store is not a [bff.UserSessionStoreCleanup].
	EnableSessionCleanup bool
	// SessionCleanupInterval is the time between two cleanups. The default is
	// [bff.DefaultSessionCleanupInterval].
	SessionCleanupInterval time.Duration

	// Refresher exchanges a refresh token for new tokens. Nil means that tokens are not
	// refreshed.
	Refresher TokenRefresher
	// RefreshBefore is how long before its expiry an access token is refreshed, but never
	// earlier than half of its life. The default is [DefaultRefreshBefore].
	RefreshBefore time.Duration
	// EndSessionWithRefreshToken ends a session when the provider refuses its refresh
	// token, unless another host has written new tokens. By default the session goes on
	// without fresh tokens.
	EndSessionWithRefreshToken bool
	// Revoker revokes the refresh tokens of sessions that end by a sign-out, a
	// revocation, a back-channel logout or MaxSessionsPerUser (RFC 7009), and of sign-ins
	// that fail. It is called in the background, after the request's handler has
	// returned. Nil means that refresh tokens are not revoked.
	Revoker TokenRevoker
	// TokenTimeout bounds each step of a refresh separately: asking the provider and
	// writing the new tokens. It also bounds each revocation. Together with StoreTimeout
	// it is the time for which other hosts wait for the host that refreshes. It must be
	// the same on all hosts. The default is [DefaultTokenTimeout].
	TokenTimeout time.Duration

	// StoreTimeout is one deadline for everything that an entry point asks of the Store:
	// the middleware, a sign-in with all its steps, a sign-out, a revocation, each step of
	// a refresh. It must be the same on all hosts. The default is [DefaultStoreTimeout].
	StoreTimeout time.Duration

	// TicketEncoding is the encoding in which tickets are sealed; every encoding opens. Set it
	// to [ticket.EncodingV2], which is faster, once every host runs a release
	// that has it: on an older host, a session with such a ticket is signed out. The default
	// is [ticket.DefaultEncoding].
	TicketEncoding ticket.Encoding
	// TicketCacheSize is the number of sessions whose opened tickets this process remembers.
	// Every request reads its row from the Store all the same: a remembered ticket serves
	// only a row with the same sealed bytes and the same identities, so that each change of
	// a row is seen at once. The sealed bytes of the remembered tickets are limited to 16 kB
	// for each session on average, and the opened tickets take a multiple of that. A sealed
	// ticket of more than 128 kB is not remembered.
	//
	// The default is [DefaultTicketCacheSize] if the Protector is a [ticket.KeyRing]. With
	// any other Protector the default is to remember nothing, because the Protector may stop
	// opening tickets while the process runs (if a key is disabled, for example): set a
	// positive number only if it never does so. A negative number means that nothing is
	// remembered.
	TicketCacheSize int

	// ErrorHandler answers a request whose session cannot be read because the store or the
	// Protector fails; err is for the log, not for the browser. The default answers with
	// status 503 and no details. The response is never cached.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// Metrics counts sessions. Nil means that they are not counted.
	Metrics Metrics
	// Logger logs the start and the end of sessions, and failures. It never gets a key,
	// a ticket, a token or a cookie. Nil means [slog.Default].
	Logger *slog.Logger
	// Clock returns the current time. Nil means [time.Now].
	Clock func() time.Time
}

// Sessions manages the sessions of one partition: it signs users in and out, and loads,
// renews and revokes sessions. Make it with [New]. It is safe for concurrent use.
type Sessions struct {
	cfg Config // with the defaults; never changed after New
	*process
	tx *transaction // nil outside of a transaction, see WithStore
}

// A process has the state that a Sessions shares with the Sessions of its transactions.
type process struct {
	background    background
	refreshes     refreshGroup
	refusedTokens refusedTokens
	apiRefusals   apiRefusals
	revocations   revocations
	tickets       *ticketCache // nil: nothing is remembered
	unusable      unusableWarnings
}

// New checks the configuration and sets the defaults. It does no I/O and starts no
// goroutine: background work is done by [Sessions.Run].
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
	setDefault(&c.StoreTimeout, DefaultStoreTimeout)
	setDefault(&c.TicketEncoding, ticket.DefaultEncoding)
	if _, ok := c.Protector.(*ticket.KeyRing); ok { // immutable
		setDefault(&c.TicketCacheSize, DefaultTicketCacheSize)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		}
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
		return nil, errors.New("serverside: EnableSessionCleanup is set, but the Store does not implement bff.UserSessionStoreCleanup")
	}
	s := &Sessions{cfg: c, process: &process{
		revocations: revocations{slots: make(chan struct{}, maxRevocations)}, tickets: newTicketCache(c),
	}}
	s.refreshes.background = &s.background
	return s, nil
}

// Config returns the configuration with the defaults, for a package that completes the BFF,
// such as relyingparty.
func (s *Sessions) Config() Config { return s.cfg }

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func (c Config) checkCookie() error {
	if c.CookieName != "" && (!strings.HasPrefix(c.CookieName, "__Host-") ||
		(&http.Cookie{Name: c.CookieName, Value: "v"}).Valid() != nil) {
		return errors.New("CookieName must be a valid cookie name that begins with __Host-")
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
		"TokenTimeout": c.TokenTimeout, "StoreTimeout": c.StoreTimeout, "SessionCleanupInterval": c.SessionCleanupInterval,
	} {
		if d < 0 {
			return fmt.Errorf("%s is negative", name)
		}
	}
	return nil
}

func (c Config) checkRest() error {
	if err := ticket.CheckProtector(c.Protector); err != nil {
		return err
	}
	if c.MaxSessionsPerUser < 0 {
		return errors.New("MaxSessionsPerUser is negative")
	}
	if c.TicketEncoding > ticket.EncodingV2 {
		return fmt.Errorf("the TicketEncoding %d does not exist: use ticket.EncodingV1 or ticket.EncodingV2", c.TicketEncoding)
	}
	if c.Partition == logoutnote.Partition {
		return errors.New("the Partition is reserved for the notes of back-channel logouts")
	}
	if err := (bff.UserSessionKey{PartitionKey: c.Partition, Key: "k"}).Validate(); err != nil {
		return fmt.Errorf("the Partition is not usable: %w", err)
	}
	return nil
}
