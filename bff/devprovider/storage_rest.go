package devprovider

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A grant is a user's permission to a client, which its tokens carry. It implements
// op.RefreshTokenRequest.
type grant struct {
	clientID, subject, sid string
	scopes                 []string
	authTime               time.Time
}

func (g *grant) sessionID() string           { return g.sid }
func (g *grant) GetAMR() []string            { return []string{"user"} }
func (g *grant) GetAudience() []string       { return []string{g.clientID} }
func (g *grant) GetAuthTime() time.Time      { return g.authTime }
func (g *grant) GetClientID() string         { return g.clientID }
func (g *grant) GetScopes() []string         { return g.scopes }
func (g *grant) GetSubject() string          { return g.subject }
func (g *grant) SetCurrentScopes(s []string) { g.scopes = s }

// A request is a sign-in from the authorization request to the exchange of its code. It
// implements op.AuthRequest.
type request struct {
	grant
	id, redirectURI, state, nonce, acr string
	created                            time.Time
	responseType                       oidc.ResponseType
	responseMode                       oidc.ResponseMode
	challenge                          oidc.CodeChallenge
	refused                            bool // prompt=none, and the user would have to sign in
}

func (r *request) GetID() string                         { return r.id }
func (r *request) GetACR() string                        { return r.acr }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge { return &r.challenge }
func (r *request) GetNonce() string                      { return r.nonce }
func (r *request) GetRedirectURI() string                { return r.redirectURI }
func (r *request) GetResponseType() oidc.ResponseType    { return r.responseType }
func (r *request) GetResponseMode() oidc.ResponseMode    { return r.responseMode }
func (r *request) GetState() string                      { return r.state }
func (r *request) Done() bool                            { return r.subject != "" }

// grantOf returns the grant of a token request, or false for a kind of request that this
// provider does not support.
func grantOf(r op.TokenRequest) (grant, bool) {
	switch r := r.(type) {
	case *request:
		return r.grant, true
	case *grant:
		return *r, true
	default:
		return grant{}, false
	}
}

// client implements op.Client.
type client struct{ Client }

func (c client) GetID() string                     { return c.ID }
func (c client) RedirectURIs() []string            { return c.Client.RedirectURIs }
func (c client) PostLogoutRedirectURIs() []string  { return c.Client.PostLogoutRedirectURIs }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod       { return oidc.AuthMethod(c.Client.AuthMethod) }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) LoginURL(id string) string           { return signInPath + "?request=" + id }
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (client) IDTokenLifetime() time.Duration      { return 10 * time.Minute }
func (client) DevMode() bool                       { return true } // redirects to http on this machine
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}
func (client) IsScopeAllowed(string) bool           { return false }
func (client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (client) ClockSkew() time.Duration             { return 0 }
func (client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

// client returns the client with that id.
func (s *storage) client(id string) (Client, bool) {
	i := slices.IndexFunc(s.cfg.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return s.cfg.Clients[i], true
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c, ok := s.client(id)
	if !ok {
		return nil, errors.New("unknown client")
	}
	return client{c}, nil
}

// AuthorizeClientIDSecret checks a secret. Provider.authenticate has checked the method.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, ok := s.client(id)
	if !ok || c.Secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) != 1 {
		return errors.New("wrong client id or secret")
	}
	return nil
}

// user returns the user with that subject.
func (s *storage) user(subject string) (User, bool) {
	i := slices.IndexFunc(s.cfg.Users, func(u User) bool { return u.Subject == subject })
	if i < 0 {
		return User{}, false
	}
	return s.cfg.Users[i], true
}

// setUser fills in the claims that the scopes ask for, and the user's own.
func (s *storage) setUser(info *oidc.UserInfo, subject string, scopes []string) error {
	user, ok := s.user(subject)
	if !ok {
		return errors.New("unknown user")
	}
	info.Subject = subject
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.AppendClaims("name", user.Name)
		info.AppendClaims("preferred_username", subject)
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.AppendClaims("email", subject+"@example.com")
		info.AppendClaims("email_verified", true)
	}
	for name, value := range user.Claims {
		info.AppendClaims(name, value)
	}
	return nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.key.SignatureAlgorithm()}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{s.key}}, nil }

// op.Storage requires the following methods too. This provider has no use for them.

var errNotSupported = errors.New("not supported")

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil // SetUserinfoFromRequest is called instead
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotSupported
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil //nolint:nilnil // no claims and no error
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotSupported
}

func (s *storage) TerminateSession(context.Context, string, string) error {
	return errNotSupported // Provider.endSession ends it
}
