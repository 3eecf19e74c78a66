package relyingparty

import (
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/usersession/bff/internal/loopback"
	"example.com/usersession/bff/ticket"
)

// Defaults of [Config].
const (
	DefaultPath            = "/bff"
	DefaultPostLogoutPath  = "/"
	DefaultClockSkew       = time.Minute
	DefaultProviderTimeout = 5 * time.Second
)

// The methods with which the client authenticates itself (OpenID Connect Core 1.0, section 9).
const (
	ClientSecretBasic = "client_secret_basic"
	ClientSecretPost  = "client_secret_post"
	PrivateKeyJWT     = "private_key_jwt"
	PublicClient      = "none"
)

// Config configures a [RelyingParty]. Issuer, ClientID, BaseURL and Protector must be set.
type Config struct {
	// Issuer is the provider's issuer identifier, character for character as in its
	// discovery document, which is below it at /.well-known/openid-configuration. It must
	// be https, except on a loopback host.
	Issuer string
	// ClientID is the client's id at the provider.
	ClientID string
	// ClientSecret is the client's secret. A client with neither a secret nor a ClientKey is
	// public.
	ClientSecret string
	// ClientKey signs the assertions of [PrivateKeyJWT]: an RSA key (RS256), an ECDSA key
	// (ES256, ES384, ES512) or an Ed25519 key. ClientKeyID is its key id at the provider.
	ClientKey   crypto.Signer
	ClientKeyID string
	// ClientAuthentication is one of the methods above. The default is PrivateKeyJWT with a
	// ClientKey, PublicClient with neither key nor secret, and otherwise ClientSecretBasic,
	// or ClientSecretPost if the provider lists only that.
	ClientAuthentication string
	// AssertionAudience is the aud of the assertions of [PrivateKeyJWT]. The default is the
	// URL of the token endpoint; some providers require their issuer.
	AssertionAudience string

	// BaseURL is the application's address for the browser: a scheme and a host, such as
	// https://app.example. It must be https, except on a loopback host.
	BaseURL string
	// Path is the path of the endpoints. The default is [DefaultPath]. Register BaseURL +
	// Path + "/callback" at the provider as the redirect URI and BaseURL + Path +
	// "/backchannel" as the back-channel logout URI.
	Path string
	// PostLogoutPath is the page to which the provider redirects after a sign-out. The
	// default is [DefaultPostLogoutPath]. Register BaseURL + PostLogoutPath at the provider as
	// a post-logout redirect URI, and each page to which the parameter returnUrl of the logout
	// endpoint leads.
	PostLogoutPath string
	// Protector seals the sign-ins that have begun, usually the [ticket.KeyRing] of the
	// sessions. All hosts need the same keys.
	Protector ticket.Protector

	// Scopes are the scopes to request. The default is openid, together with profile, email
	// and offline_access as far as the provider's discovery document lists them.
	Scopes []string
	// AuthParameters returns more parameters for the authorization request of a sign-in, such
	// as prompt, acr_values, max_age, login_hint or ui_locales; r is the request to the login
	// endpoint. Of several values of a parameter the first is sent. It must not set a
	// parameter of the protocol, such as state. With max_age the
	// ID token must have a recent auth_time, and a max_age that is not a number of seconds
	// refuses the sign-in. Whether acr is sufficient is for the application to check: the
	// claim is in the session. Nil means no more parameters.
	AuthParameters func(r *http.Request) url.Values
	// SkipUserInfo leaves out the request to the userinfo endpoint, whose claims otherwise
	// complete those of the ID token.
	SkipUserInfo bool
	// PrepareTicket may change the ticket of a sign-in before the session begins, for example
	// to remove claims or to set properties; r is the request to the callback. An error
	// refuses the sign-in. Nil means no change.
	PrepareTicket func(r *http.Request, t *ticket.Ticket) error

	// ListProperties are the names of the ticket's properties that the list of sessions
	// shows to the user. The default is none.
	ListProperties []string
	// DuendeUser makes the user endpoint answer as Duende.BFF does: an array of objects with
	// type and value. The default is a JSON object.
	DuendeUser bool
	// AnonymousUserNull makes the user endpoint answer with status 200 and null, in place of
	// 401, if the request is signed out.
	AnonymousUserNull bool
	// InsecureLogoutWithoutSID lets a GET request sign out without the session's sid. Any page
	// of this site, and with a cookie that is not SameSite=Strict any other site, can then
	// sign users out.
	InsecureLogoutWithoutSID bool
	// FrontchannelLogout adds the endpoint Path + "/frontchannel" (OpenID Connect
	// Front-Channel Logout 1.0). It ends the session that the request names by its sid.
	// The request is not authenticated: a third party that knows a sid can send it.
	FrontchannelLogout bool
	// BackchannelLogoutAllUserSessions makes a back-channel logout end all sessions of the
	// user, and not only the session that the logout token names.
	BackchannelLogoutAllUserSessions bool
	// InsecureAcceptUntypedLogoutTokens accepts logout tokens whose typ is not logout+jwt, as
	// some providers send them.
	InsecureAcceptUntypedLogoutTokens bool
	// InsecureAllowHTTP permits http URLs of hosts other than loopback for the provider.
	InsecureAllowHTTP bool

	// ClockSkew is the tolerated difference between the provider's clock and the host's. The
	// default is [DefaultClockSkew].
	ClockSkew time.Duration
	// ProviderTimeout bounds each request to the provider. The default is
	// [DefaultProviderTimeout].
	ProviderTimeout time.Duration
	// Transport sends the requests to the provider. Nil means [http.DefaultTransport].
	Transport http.RoundTripper

	// ErrorHandler answers a request of the browser that has failed. Nil means a plain page.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, f Failure)
	// Logger logs failures. It never gets a token, a code or a cookie, nor an answer of the
	// provider. Nil means [slog.Default].
	Logger *slog.Logger
	// Clock returns the current time. Nil means [time.Now].
	Clock func() time.Time
}

// RelyingParty is a BFF in the role of an OpenID Connect client of one provider. Make it with
// [New] and mount its endpoints with [RelyingParty.Register]. It is the TokenRefresher and the
// TokenRevoker of its [example.com/usersession/bff/serverside.Sessions]. It is safe for
// concurrent use.
type RelyingParty struct {
	cfg      Config
	provider *provider
	attempts attempts
}

// New checks the configuration and sets the defaults. It does no I/O: the provider is asked
// when a request first needs it, so that the application may start before the provider.
func New(c Config) (*RelyingParty, error) {
	for _, check := range []func() error{c.checkURLs, c.checkClient, c.checkRest} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("relyingparty: %w", err)
		}
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	setDefault(&c.Path, DefaultPath)
	setDefault(&c.PostLogoutPath, DefaultPostLogoutPath)
	setDefault(&c.ClockSkew, DefaultClockSkew)
	setDefault(&c.ProviderTimeout, DefaultProviderTimeout)
	c.Scopes, c.ListProperties = slices.Clone(c.Scopes), slices.Clone(c.ListProperties)
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = plainPage
	}
	return &RelyingParty{cfg: c, provider: newProvider(c), attempts: newAttempts(c)}, nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func (c Config) checkURLs() error {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || !hasHost(issuer) || issuer.User != nil || strings.ContainsAny(c.Issuer, "?#") {
		return errors.New("Issuer must be a URL such as https://id.example, without query and fragment")
	}
	if !c.allowed(issuer) {
		return errors.New("Issuer must be https, except on a loopback host; InsecureAllowHTTP permits http")
	}
	base, err := url.Parse(strings.TrimSuffix(c.BaseURL, "/"))
	if err != nil || !hasHost(base) || base.User != nil || base.Path != "" || strings.ContainsAny(c.BaseURL, "?#") {
		return errors.New("BaseURL must be a scheme and a host, such as https://app.example")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback.Is(base.Hostname())) {
		return errors.New("BaseURL must be https, except on a loopback host: over http a browser takes the session cookie only there")
	}
	for name, p := range map[string]string{"Path": c.Path, "PostLogoutPath": c.PostLogoutPath} {
		if p != "" && (!mayReturnTo(p) || strings.ContainsAny(p, "?#{}\"<>")) {
			return fmt.Errorf("%s must be a path that begins with a slash", name)
		}
	}
	notASCII := func(r rune) bool { return r >= utf8.RuneSelf }
	if c.Path != "" && (path.Clean(c.Path) != c.Path || c.Path == "/" || strings.Contains(c.Path, "%") || strings.ContainsFunc(c.Path, notASCII)) {
		return errors.New("the Path must be clean, such as /bff: without a slash at its end, empty segments, dots, escapes and non-ASCII letters")
	}
	return nil
}

// named reports whether a URL has the name of a host, and a port if it has a colon.
// hasHost reports whether u has a host, and a port if it has a colon.
func hasHost(u *url.URL) bool { return u.Hostname() != "" && !strings.HasSuffix(u.Host, ":") }

// allowed reports whether a URL of the provider may be used. A provider with https does not send
// the application to http servers of its own machine.
func (c Config) allowed(u *url.URL) bool {
	ownMachine := strings.HasPrefix(c.Issuer, "http:") && loopback.Is(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (c.InsecureAllowHTTP || ownMachine)
}

func (c Config) checkClient() error {
	if c.ClientID == "" {
		return errors.New("ClientID is empty")
	}
	switch c.ClientAuthentication {
	case "":
		if c.ClientKey != nil && c.ClientSecret != "" {
			return errors.New("ClientSecret and ClientKey are both set: choose with ClientAuthentication")
		}
	case ClientSecretBasic, ClientSecretPost:
		if c.ClientSecret == "" {
			return fmt.Errorf("ClientAuthentication is %s, but ClientSecret is empty", c.ClientAuthentication)
		}
	case PrivateKeyJWT:
		if c.ClientKey == nil {
			return errors.New("ClientAuthentication is private_key_jwt, but ClientKey is nil")
		}
	case PublicClient:
	default:
		return errors.New("ClientAuthentication must be one of the package's constants")
	}
	if c.ClientKey != nil {
		if _, err := assertionSigner(c.ClientKey, c.ClientKeyID); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkRest() error {
	if err := ticket.CheckProtector(c.Protector); err != nil {
		return err
	}
	if c.ClockSkew < 0 || c.ProviderTimeout < 0 {
		return errors.New("ClockSkew or ProviderTimeout is negative")
	}
	if len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "openid") {
		return errors.New("the Scopes must contain openid")
	}
	for _, scope := range c.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \"\\") {
			return errors.New("each element of Scopes must be one scope")
		}
	}
	return nil
}

// Issuer returns [Config.Issuer], for the Config of the sessions.
func (p *RelyingParty) Issuer() string { return p.cfg.Issuer }
