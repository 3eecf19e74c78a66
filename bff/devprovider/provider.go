package devprovider

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Provider is the http.Handler of an OpenID Provider. Make it with [New] or [Start]. It is
// safe for concurrent use.
type Provider struct {
	cfg      Config
	storage  *storage
	protocol *op.Provider
	handler  http.Handler
}

// New returns a provider without sessions. It reads the key file or makes it. The caller
// serves the provider at the root of its Issuer.
//
// A request counts as local by its remote address: serve the provider with a server of its
// own that listens on loopback.
func New(c Config) (*Provider, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	key, err := keyFile(c.KeyFile)
	if err != nil {
		return nil, err
	}
	p := &Provider{cfg: c, storage: newStorage(c, key)}
	var cryptoKey [32]byte // encrypts codes and access tokens, which end with the process
	_, _ = rand.Read(cryptoKey[:])
	p.protocol, err = op.NewProvider(&op.Config{
		CryptoKey:                         cryptoKey,
		CryptoKeyId:                       rand.Text(),
		DefaultLogoutRedirectURI:          "/",
		CodeMethodS256:                    true,
		AuthMethodPost:                    true,
		AuthMethodPrivateKeyJWT:           true,
		GrantTypeRefreshToken:             true,
		SupportedScopes:                   []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
		BackChannelLogoutSupported:        true,
		BackChannelLogoutSessionSupported: true,
	}, p.storage, op.StaticIssuer(c.Issuer),
		op.WithAllowInsecure(), // http on this machine
		op.WithCORSOptions(nil),
		op.WithIDTokenHintVerifierOpts(op.WithSupportedIDTokenHintSigningAlgorithms(string(key.SignatureAlgorithm()))))
	if err != nil {
		return nil, fmt.Errorf("devprovider: %w", err)
	}
	p.handler = onlyLoopback(p.headers(p.routes()))
	return p, nil
}

// Issuer returns the provider's URL.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Sessions returns the sessions, newest first.
func (p *Provider) Sessions() []Session { return p.storage.list() }

// EndSession ends a session and its tokens, as an administrator of a provider does. It sends
// logout tokens to the session's clients and returns when they have answered. It returns
// false if there is no such session.
func (p *Provider) EndSession(ctx context.Context, sid string) bool {
	_, ok := p.storage.end(ctx, sid)
	return ok
}

func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	// The provider's own forms: another site cannot send them.
	sameOrigin := http.NewCrossOriginProtection()
	form := func(pattern string, f http.HandlerFunc) { mux.Handle(pattern, sameOrigin.Handler(f)) }
	mux.HandleFunc("GET /{$}", p.front)
	mux.HandleFunc("GET /provider.css", p.css)
	mux.HandleFunc("GET "+signInPath, p.choose)
	form("POST "+signInPath, p.chosen)
	form("POST /end", p.endOne)
	form("POST /signout", p.confirmed)
	mux.HandleFunc("GET "+oidc.DiscoveryEndpoint, p.discovery)
	mux.HandleFunc(p.protocol.AuthorizationEndpoint().Relative(), p.authorize)
	mux.HandleFunc(p.protocol.AuthorizationEndpoint().Relative()+"/callback", p.authorize)
	mux.HandleFunc(p.protocol.EndSessionEndpoint().Relative(), p.endSession)
	mux.HandleFunc(p.protocol.TokenEndpoint().Relative(), p.authenticated)
	mux.HandleFunc(p.protocol.RevocationEndpoint().Relative(), p.authenticated)
	mux.HandleFunc(p.protocol.UserinfoEndpoint().Relative(), p.userinfo)
	mux.Handle(p.protocol.KeysEndpoint().Relative(), p.protocol)
	return mux
}

// headers sets the security headers. The pages have no script, but for the one that waits
// for front-channel logout.
func (p *Provider) headers(next http.Handler) http.Handler {
	// form-action also applies to redirects of the form's request, here to the clients.
	actions := []string{"'self'"}
	for _, c := range p.cfg.Clients {
		for _, address := range slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs) {
			if origin := originOf(address); !slices.Contains(actions, origin) {
				actions = append(actions, origin)
			}
		}
	}
	policy := "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.Join(actions, " ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// originOf returns the origin of an address that Config.complete has checked.
func originOf(address string) string {
	u, _ := url.Parse(address)
	return u.Scheme + "://" + u.Host
}
