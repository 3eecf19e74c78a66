package provider

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
	id, redirectURI, state, nonce string
	created                       time.Time
	responseType                  oidc.ResponseType
	responseMode                  oidc.ResponseMode
	challenge                     oidc.CodeChallenge
}

func (r *request) GetID() string                         { return r.id }
func (r *request) GetACR() string                        { return "" }
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

// client implements op.Client for the BFF.
type client struct{ Client }

func (c client) GetID() string                     { return c.ID }
func (c client) RedirectURIs() []string            { return []string{c.RedirectURI} }
func (c client) PostLogoutRedirectURIs() []string  { return []string{c.PostLogoutRedirectURI} }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) LoginURL(id string) string           { return "/signin?request=" + id }
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

// setUser fills in the claims that the scopes ask for.
func setUser(info *oidc.UserInfo, subject string, scopes []string) error {
	i := slices.IndexFunc(users, func(u User) bool { return u.Subject == subject })
	if i < 0 {
		return errors.New("unknown user")
	}
	info.Subject = subject
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name, info.PreferredUsername = users[i].Name, subject
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = subject+"@example.com", true
	}
	return nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != s.cfg.Client.ID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.cfg.Client.Secret)) != 1 {
		return errors.New("wrong client id or secret")
	}
	return nil
}

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

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotSupported
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotSupported
}

func (s *storage) TerminateSession(context.Context, string, string) error {
	return errNotSupported // TerminateSessionFromRequest is called instead
}
