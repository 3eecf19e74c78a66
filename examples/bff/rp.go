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
	// clockSkew is the accepted difference between the provider's clock and this one.
	clockSkew = time.Minute
)

// errProvider means that the provider did not answer or answered with an unexpected
// error. A later attempt may succeed.
var errProvider = errors.New("the identity provider cannot be reached or has failed")

// relyingParty is this program in the role of the provider's client. It discovers the
// provider at first use, so that either may start before the other. It is safe for
// concurrent use.
type relyingParty struct {
	issuer, clientID, clientSecret, redirectURI, scopes string

	http   *http.Client
	tokens *http.Client // of the token endpoint

	mu     sync.Mutex
	found  *discovered // nil until a discovery has succeeded
	failed time.Time   // when the last discovery failed
}

// discovered is the result of the discovery: the provider's metadata, and the clients and
// verifiers that are made from it. It does not change.
type discovered struct {
	oauth2.Config
	provider     *oidc.Provider
	idTokens     *oidc.IDTokenVerifier
	logoutTokens *oidcverify.Verifier
	metadata
}

// metadata has the fields of OpenID Connect Discovery 1.0, section 3, that go-oidc does
// not read.
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
		http:   &http.Client{Timeout: providerTimeout},
		tokens: &http.Client{Timeout: providerTimeout, Transport: wholeSeconds{}},
	}
}

// discover returns the remembered discovery, or fetches it. Concurrent callers wait for
// the same fetch. After a failed fetch, discover returns errProvider without another fetch
// for retryDiscovery. Cancelling ctx does not end a fetch; the HTTP client's timeout does.
func (p *relyingParty) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if time.Since(p.failed) < retryDiscovery {
		return nil, errProvider
	}
	found, err := p.fetch(context.WithoutCancel(ctx)) // other callers wait for it too
	if err != nil {
		p.failed = time.Now()
		return nil, errors.Join(errProvider, err)
	}
	p.found = found
	return found, nil
}

func (p *relyingParty) fetch(ctx context.Context) (*discovered, error) {
	found := &discovered{}
	var err error
	if found.provider, err = oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.issuer); err != nil {
		return nil, err
	}
	if err := found.provider.Claims(&found.metadata); err != nil {
		return nil, err
	}
	late := func() time.Time { return time.Now().Add(-clockSkew) } // go-oidc has no clock skew for exp
	found.idTokens = found.provider.Verifier(&oidc.Config{ClientID: p.clientID, Now: late})
	found.logoutTokens, err = oidcverify.New(found.provider, oidcverify.Config{ClientID: p.clientID, ClockSkew: clockSkew})
	if err != nil {
		return nil, err
	}
	found.Config = oauth2.Config{
		ClientID: p.clientID, ClientSecret: p.clientSecret, RedirectURL: p.redirectURI,
		Endpoint: found.provider.Endpoint(), Scopes: p.scopesFor(found.metadata),
	}
	// The oauth2 package would otherwise try both styles, and a code can be used only once.
	found.Endpoint.AuthStyle = p.authStyle(found.AuthMethods)
	return found, nil
}

// authStyle returns how the client authenticates: with client_secret_basic if the provider
// supports it or lists neither, otherwise with client_secret_post. A client without a
// secret sends its id in the form.
func (p *relyingParty) authStyle(methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic")
	if p.clientSecret != "" && (basic || !slices.Contains(methods, "client_secret_post")) {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// scopesFor returns the scopes to request: the scopes in -scopes, or openid together with
// profile, email and offline_access as far as the provider lists them. From a provider
// without a list it requests openid, profile and email.
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

// authCodeURL returns the authorization request of an attempt.
func (d *discovered) authCodeURL(attempt attempt) string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(attempt.Nonce), oauth2.S256ChallengeOption(attempt.Verifier)}
	if slices.Contains(d.Config.Scopes, oidc.ScopeOfflineAccess) {
		// Without consent a provider may ignore the scope: OpenID Connect Core 1.0, section 11.
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return d.AuthCodeURL(attempt.State, options...)
}

// client returns a context that carries the HTTP client with the timeout.
func (p *relyingParty) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.http)
}

// tokenClient is client for a request to the token endpoint.
func (p *relyingParty) tokenClient(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.tokens)
}

// notOfTheToken are error codes with which a provider refuses every refresh, or this one for a
// moment (RFC 6749, section 5.2): the user's sign-in is not the reason.
var notOfTheToken = []string{"", "invalid_client", "unauthorized_client", "server_error", "temporarily_unavailable", "slow_down"}

// RefreshTokens implements [serverside.TokenRefresher]. It returns no ID token, so the
// session keeps the ID token of the sign-in, which the sign-out needs.
func (p *relyingParty) RefreshTokens(ctx context.Context, refreshToken string) (serverside.Tokens, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return serverside.Tokens{}, err
	}
	token, err := found.TokenSource(p.tokenClient(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		switch {
		case refused.ErrorCode == "invalid_grant":
			return serverside.Tokens{}, serverside.ErrRefreshTokenRefused
		case refused.Response.StatusCode == http.StatusBadRequest && !slices.Contains(notOfTheToken, refused.ErrorCode):
			return serverside.Tokens{}, serverside.ErrRefreshRequestRefused
		}
		return serverside.Tokens{}, fmt.Errorf("%w: status %d", errProvider, refused.Response.StatusCode) // refused quotes the response
	}
	if err != nil {
		return serverside.Tokens{}, errProvider
	}
	return serverside.Tokens{AccessToken: token.AccessToken, AccessTokenExpires: token.Expiry, RefreshToken: token.RefreshToken}, nil
}

// RevokeRefreshToken implements [serverside.TokenRevoker]. It does nothing if the provider
// has no revocation endpoint.
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
