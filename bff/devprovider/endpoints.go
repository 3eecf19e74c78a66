package devprovider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// discovery sends the metadata of package op, without the features that this provider does not
// support and with the features that it adds.
func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	ctx := op.ContextWithIssuer(r.Context(), p.cfg.Issuer)
	found := op.CreateDiscoveryConfig(ctx, p.protocol, p.storage)
	found.IntrospectionEndpoint, found.DeviceAuthorizationEndpoint, found.CheckSessionIframe = "", "", ""
	found.IntrospectionEndpointAuthMethodsSupported, found.IntrospectionEndpointAuthSigningAlgValuesSupported = nil, nil
	found.ResponseTypesSupported = []string{string(oidc.ResponseTypeCode)}
	found.ResponseModesSupported = []string{string(oidc.ResponseModeQuery)}
	found.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
	assertions := []string{string(jose.RS256), string(jose.PS256), string(jose.ES256)}
	found.TokenEndpointAuthSigningAlgValuesSupported, found.RevocationEndpointAuthSigningAlgValuesSupported = assertions, assertions
	answer(w, http.StatusOK, struct {
		*oidc.DiscoveryConfiguration
		Iss                 bool     `json:"authorization_response_iss_parameter_supported"`
		FrontchannelLogout  bool     `json:"frontchannel_logout_supported"`
		FrontchannelSession bool     `json:"frontchannel_logout_session_supported"`
		Prompts             []string `json:"prompt_values_supported"`
	}{found, true, true, true, []string{oidc.PromptNone, oidc.PromptLogin, oidc.PromptSelectAccount}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the client has gone
}

// authenticated serves the token and revocation endpoints to clients that authenticate by
// their own method. Package op checks only the secret: it takes client_secret_post for
// client_secret_basic, and reports an unknown client as an error of the server.
func (p *Provider) authenticated(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, oidc.ErrInvalidRequest().WithDescription("the method is not POST"))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		answer(w, http.StatusBadRequest, oidc.ErrInvalidRequest().WithDescription("the body is not a form"))
		return
	}
	if reason := p.authenticate(r); reason != "" {
		if _, _, basic := r.BasicAuth(); basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="devprovider"`)
		}
		answer(w, http.StatusUnauthorized, oidc.ErrInvalidClient().WithDescription("%s", reason))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	p.protocol.ServeHTTP(w, r)
}

// authenticate returns why the client is refused, or "".
func (p *Provider) authenticate(r *http.Request) string {
	method, id, ok := credentials(r)
	if !ok {
		return "the Basic credentials are not form-urlencoded"
	}
	if method == AuthMethodPrivateKeyJWT {
		ctx := op.ContextWithIssuer(r.Context(), p.cfg.Issuer)
		claims, err := op.VerifyJWTAssertion(ctx, r.PostFormValue("client_assertion"), p.protocol.JWTProfileVerifier(ctx))
		if err != nil {
			return "the client_assertion is not valid: its audience is the issuer, its iss and sub are the client_id"
		}
		if id != "" && id != claims.Issuer {
			return "the client_id is not that of the client_assertion"
		}
		id = claims.Issuer
	}
	client, ok := p.storage.client(id)
	switch {
	case !ok:
		return "unknown client_id"
	case client.AuthMethod != method:
		return "the client is registered for " + string(client.AuthMethod) + " and has used " + string(method)
	}
	return ""
}

// credentials returns the method that a request uses, and the client that it names.
func credentials(r *http.Request) (method AuthMethod, id string, ok bool) {
	if id, _, basic := r.BasicAuth(); basic {
		id, err := url.QueryUnescape(id)
		return AuthMethodBasic, id, err == nil
	}
	id = r.PostFormValue("client_id")
	switch {
	case r.PostFormValue("client_assertion_type") == oidc.ClientAssertionTypeJWTAssertion:
		return AuthMethodPrivateKeyJWT, id, true
	case r.PostFormValue("client_secret") != "":
		return AuthMethodPost, id, true
	}
	return AuthMethodNone, id, true
}

// GetKeyByIDAndClientID returns the key that verifies the assertions of a client.
func (s *storage) GetKeyByIDAndClientID(_ context.Context, keyID, clientID string) (*jose.JSONWebKey, error) {
	c, ok := s.client(clientID)
	if !ok || c.PublicKey == nil {
		return nil, errNotSupported
	}
	return &jose.JSONWebKey{Key: c.PublicKey, KeyID: keyID}, nil
}

// userinfo serves the userinfo endpoint. Package op answers 403 to an access token that has
// expired or is revoked, where RFC 6750 wants 401.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p.protocol.ServeHTTP(bearerWriter{w}, r)
}

type bearerWriter struct{ http.ResponseWriter }

func (w bearerWriter) WriteHeader(status int) {
	if status == http.StatusForbidden || status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		status = http.StatusUnauthorized
	}
	w.ResponseWriter.WriteHeader(status)
}
