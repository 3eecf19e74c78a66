package devprovider

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config configures a [Provider]. Its zero value is a provider with three users and without
// a client, for [Start].
type Config struct {
	// Issuer is the provider's URL, a scheme and a loopback host: "http://127.0.0.1:9000".
	// New requires it. Start listens on its port and takes http only; if Issuer is empty,
	// Start chooses a free port of 127.0.0.1.
	//
	// A relying party on localhost and an issuer on 127.0.0.1 are two sites to a browser, as
	// they are with a real provider.
	Issuer string
	// Clients are the relying parties.
	Clients []Client
	// Users are the accounts. The default accounts are alice, bob and carol.
	Users []User
	// KeyFile is the file with the key that signs ID tokens and logout tokens. If there is no
	// such file, New makes the key and writes it with mode 0600. If KeyFile is empty, the key
	// is in memory: after a restart the provider does not accept the ID tokens that it issued
	// before, which clients send when they sign out.
	KeyFile string
	// AccessTokenLifetime is 5 minutes if it is 0.
	AccessTokenLifetime time.Duration
	// DeviceName returns a readable name for a browser's User-Agent, for the list of sessions.
	// If it is nil, the sessions have no device names.
	DeviceName func(userAgent string) string
}

// AuthMethod is how a client authenticates at the token and revocation endpoints.
type AuthMethod string

// The methods of OpenID Connect Core 1.0, section 9, that the provider supports.
const (
	AuthMethodBasic         AuthMethod = "client_secret_basic"
	AuthMethodPost          AuthMethod = "client_secret_post"
	AuthMethodPrivateKeyJWT AuthMethod = "private_key_jwt"
	AuthMethodNone          AuthMethod = "none"
)

// A Client is a relying party that is registered with the provider. Its addresses are
// absolute URLs on this machine.
type Client struct {
	ID string
	// Secret is the client's secret. A public client has neither a Secret nor a PublicKey.
	Secret string
	// PublicKey verifies the assertions of private_key_jwt: an *rsa.PublicKey (RS256, PS256)
	// or an *ecdsa.PublicKey on P-256 (ES256). The audience of an assertion is the issuer.
	PublicKey crypto.PublicKey
	// AuthMethod is the client's method. The default is client_secret_basic for a client with
	// a Secret, private_key_jwt for a client with a PublicKey, and none for others.
	AuthMethod AuthMethod
	// RedirectURIs are the addresses of the callback. The redirect_uri of a request must be
	// equal to one of these addresses.
	RedirectURIs []string
	// PostLogoutRedirectURIs are the addresses to which a sign-out may return.
	PostLogoutRedirectURIs []string
	// BackchannelLogoutURI receives logout tokens, unless it is empty.
	BackchannelLogoutURI string
	// FrontchannelLogoutURI is loaded in a frame with the parameters iss and sid when the
	// browser signs out, unless it is empty.
	FrontchannelLogoutURI string
}

// A User is an account at the provider.
type User struct {
	// Subject identifies the user. It has no colon.
	Subject string
	// Name is the claim name. It is the Subject if it is empty.
	Name string
	// About is shown on the sign-in page.
	About string
	// Claims are further claims of the ID token and the userinfo response, in any scope. They
	// replace the claims that the scopes profile (name, preferred_username) and email (email,
	// which is the Subject at example.com, and email_verified) have otherwise.
	Claims map[string]any
}

func defaultUsers() []User {
	return []User{
		{Subject: "alice", Name: "Alice Archer", About: "an operator of the application"},
		{Subject: "bob", Name: "Bob Baker", About: "an ordinary user"},
		{Subject: "carol", Name: "Carol Carter", About: "an ordinary user"},
	}
}

// complete checks the configuration and returns a copy with the defaults.
func (c Config) complete() (Config, error) {
	if err := checkIssuer(c.Issuer); err != nil {
		return c, err
	}
	c.AccessTokenLifetime = cmp.Or(c.AccessTokenLifetime, 5*time.Minute)
	if c.AccessTokenLifetime < 0 {
		return c, errors.New("devprovider: the AccessTokenLifetime is negative")
	}
	c.Users = slices.Clone(c.Users)
	if len(c.Users) == 0 {
		c.Users = defaultUsers()
	}
	c.Clients = slices.Clone(c.Clients)
	known := make(map[string]bool)
	for i := range c.Users {
		u := &c.Users[i]
		if err := u.check(); err != nil {
			return c, err
		}
		if known[u.Subject] {
			return c, fmt.Errorf("devprovider: two users have the Subject %q", u.Subject)
		}
		known[u.Subject] = true
		u.Name = cmp.Or(u.Name, u.Subject)
	}
	clear(known)
	for i := range c.Clients {
		client := &c.Clients[i]
		if err := client.complete(); err != nil {
			return c, err
		}
		if known[client.ID] {
			return c, fmt.Errorf("devprovider: two clients have the ID %q", client.ID)
		}
		known[client.ID] = true
	}
	return c, nil
}

// protocolClaims are set by the provider.
var protocolClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "auth_time", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash",
	"sid", "client_id", "act", "events",
}

func (u *User) check() error {
	if u.Subject == "" || strings.Contains(u.Subject, ":") {
		return fmt.Errorf("devprovider: the user %q has no Subject, or one with a colon", u.Name)
	}
	for name := range u.Claims {
		if slices.Contains(protocolClaims, name) {
			return fmt.Errorf("devprovider: the claim %s of user %q is set by the provider", name, u.Subject)
		}
	}
	return nil
}

// complete checks the client and sets its AuthMethod. Errors do not show the secret.
func (c *Client) complete() error {
	if c.ID == "" {
		return errors.New("devprovider: a client has no ID")
	}
	c.RedirectURIs, c.PostLogoutRedirectURIs = slices.Clone(c.RedirectURIs), slices.Clone(c.PostLogoutRedirectURIs)
	if len(c.RedirectURIs) == 0 {
		return fmt.Errorf("devprovider: the client %q has no RedirectURIs", c.ID)
	}
	addresses := slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs)
	for _, optional := range []string{c.BackchannelLogoutURI, c.FrontchannelLogoutURI} {
		if optional != "" {
			addresses = append(addresses, optional)
		}
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return fmt.Errorf("devprovider: an address of client %q is not an http or https URL without a fragment", c.ID)
		}
		if !loopback(u.Hostname()) {
			return fmt.Errorf("devprovider: the client %q has an address on %q, which is not this machine: %s", c.ID, u.Hostname(), notThisMachine)
		}
	}
	return c.completeMethod()
}

func (c *Client) completeMethod() error {
	natural := AuthMethodNone
	switch {
	case c.Secret != "" && c.PublicKey != nil:
		return fmt.Errorf("devprovider: the client %q has a Secret and a PublicKey", c.ID)
	case c.Secret != "":
		natural = AuthMethodBasic
	case c.PublicKey != nil:
		natural = AuthMethodPrivateKeyJWT
	}
	c.AuthMethod = cmp.Or(c.AuthMethod, natural)
	if c.AuthMethod != natural && (natural != AuthMethodBasic || c.AuthMethod != AuthMethodPost) {
		return fmt.Errorf("devprovider: the AuthMethod of client %q does not fit its Secret or PublicKey", c.ID)
	}
	switch key := c.PublicKey.(type) {
	case nil, *rsa.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return fmt.Errorf("devprovider: the PublicKey of client %q is not on the curve P-256", c.ID)
		}
	default:
		return fmt.Errorf("devprovider: the PublicKey of client %q is neither an *rsa.PublicKey nor an *ecdsa.PublicKey", c.ID)
	}
	return nil
}
