package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
	"example.com/usersession/bff/serverside"
)

const (
	providerTimeout = 5 * time.Second
	retryDiscovery  = time.Second
	// clockSkew is how far the provider's clock may be off.
	clockSkew = time.Minute
)

// errProvider means that the provider could not be asked, or did not answer as it should:
// that passes.
var errProvider = errors.New("the identity provider cannot be reached, or has a fault")

// relyingParty is this program as the provider's client. It discovers the provider when
// it first needs it, so that either may start before the other.
type relyingParty struct {
	issuer, clientID, clientSecret, redirectURI, scopes string

	http *http.Client

	mu     sync.Mutex
	found  *discovered
	failed time.Time
}

// discovered is what the provider says of itself.
type discovered struct {
	oauth2.Config
	provider     *oidc.Provider
	idTokens     *oidc.IDTokenVerifier
	logoutTokens *oidcverify.Verifier
	metadata
}

// metadata is OpenID Connect Discovery 1.0, section 3, beyond what go-oidc reads.
type metadata struct {
	EndSession        string   `json:"end_session_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	UserInfo          string   `json:"userinfo_endpoint"`
	Scopes            []string `json:"scopes_supported"`
	AuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	RevocationMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	ResponseIssuer    bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

func newRelyingParty(o options) *relyingParty {
	return &relyingParty{
		issuer: o.issuer, clientID: o.clientID, clientSecret: o.clientSecret, redirectURI: o.redirectURI(), scopes: o.scopes,
		http: &http.Client{Timeout: providerTimeout},
	}
}

// discover returns what it knows already, or asks. Requests that come meanwhile wait for
// the same answer; after a failure they get that for a second.
func (p *relyingParty) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if time.Since(p.failed) < retryDiscovery {
		return nil, errProvider
	}
	found, err := p.ask(context.WithoutCancel(ctx)) // the client has its own timeout
	if err != nil {
		p.failed = time.Now()
		return nil, errors.Join(errProvider, err)
	}
	p.found = found
	return found, nil
}

func (p *relyingParty) ask(ctx context.Context) (*discovered, error) {
	found := &discovered{}
	var err error
	if found.provider, err = oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.issuer); err != nil {
		return nil, err
	}
	if err := found.provider.Claims(&found.metadata); err != nil {
		return nil, err
	}
	late := func() time.Time { return time.Now().Add(-clockSkew) } // go-oidc itself allows for none
	found.idTokens = found.provider.Verifier(&oidc.Config{ClientID: p.clientID, Now: late})
	found.logoutTokens, err = oidcverify.New(found.provider, oidcverify.Config{ClientID: p.clientID, ClockSkew: clockSkew})
	if err != nil {
		return nil, err
	}
	found.Config = oauth2.Config{
		ClientID: p.clientID, ClientSecret: p.clientSecret, RedirectURL: p.redirectURI,
		Endpoint: found.provider.Endpoint(), Scopes: p.scopesFor(found.metadata),
	}
	// Never left to trying out: a code is good once.
	found.Endpoint.AuthStyle = p.authStyle(found.AuthMethods)
	return found, nil
}

// authStyle chooses client_secret_basic, which a provider that names nothing has, or
// else client_secret_post. A client without a secret only has its id to send.
func (p *relyingParty) authStyle(methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic")
	if p.clientSecret != "" && (basic || !slices.Contains(methods, "client_secret_post")) {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

func (p *relyingParty) scopesFor(m metadata) []string {
	if p.scopes != "" {
		return strings.Fields(p.scopes)
	}
	scopes := []string{oidc.ScopeOpenID}
	for _, scope := range []string{"profile", "email", oidc.ScopeOfflineAccess} {
		if slices.Contains(m.Scopes, scope) || m.Scopes == nil && scope != oidc.ScopeOfflineAccess {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// authCodeURL is where a sign-in begins.
func (d *discovered) authCodeURL(attempt attempt) string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(attempt.Nonce), oauth2.S256ChallengeOption(attempt.Verifier)}
	if slices.Contains(d.Config.Scopes, oidc.ScopeOfflineAccess) {
		// OpenID Connect Core 1.0, section 11: without this the scope may be ignored.
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return d.AuthCodeURL(attempt.State, options...)
}

// client carries the HTTP client with the timeout.
func (p *relyingParty) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.http)
}

// RefreshTokens implements [serverside.TokenRefresher]. It leaves the ID token as it is:
// what a sign-out needs is the one of the sign-in.
func (p *relyingParty) RefreshTokens(ctx context.Context, refreshToken string) (serverside.Tokens, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return serverside.Tokens{}, err
	}
	token, err := found.TokenSource(p.client(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if refused.ErrorCode == "invalid_grant" {
			return serverside.Tokens{}, serverside.ErrRefreshTokenRefused
		}
		return serverside.Tokens{}, fmt.Errorf("%w: status %d", errProvider, refused.Response.StatusCode) // its text has the answer
	}
	if err != nil {
		return serverside.Tokens{}, errProvider
	}
	return serverside.Tokens{AccessToken: token.AccessToken, AccessTokenExpires: token.Expiry, RefreshToken: token.RefreshToken}, nil
}

// RevokeRefreshToken implements [serverside.TokenRevoker], with a provider that can.
func (p *relyingParty) RevokeRefreshToken(ctx context.Context, refreshToken string) error {
	found, err := p.discover(ctx)
	if err != nil || found.Revocation == "" {
		return err
	}
	methods := found.RevocationMethods
	if methods == nil {
		methods = found.AuthMethods
	}
	endpoint := serverside.RevocationEndpoint{URL: found.Revocation, ClientID: p.clientID, HTTPClient: p.http}
	if p.authStyle(methods) == oauth2.AuthStyleInHeader {
		endpoint.ClientSecret = p.clientSecret
	} else if p.clientSecret != "" {
		endpoint.HTTPClient = &http.Client{Timeout: providerTimeout, Transport: secretInForm{p.clientSecret}}
	}
	return endpoint.RevokeRefreshToken(ctx, refreshToken)
}

// Verify implements [backchannel.Verifier].
func (p *relyingParty) Verify(ctx context.Context, logoutToken string) (backchannel.VerifiedToken, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return backchannel.VerifiedToken{}, err
	}
	return found.logoutTokens.Verify(ctx, logoutToken)
}
