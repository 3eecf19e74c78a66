package relyingparty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
	"example.com/usersession/bff/internal/httperror"
)

const (
	// maxMetadataAge is the age at which the discovery document is fetched again.
	maxMetadataAge = time.Hour
	// retryDiscovery is the minimum time between a failed fetch of the document and the next fetch.
	retryDiscovery = time.Second
)

// errProvider means that the provider did not answer, or that its answer does not follow the
// specifications. A later attempt may succeed.
var errProvider = backchannel.ErrProviderUnavailable

// metadata is a discovery document (OpenID Connect Discovery 1.0, section 3).
type metadata struct {
	Issuer            string   `json:"issuer"`
	Authorization     string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	Keys              string   `json:"jwks_uri"`
	UserInfo          string   `json:"userinfo_endpoint"`
	EndSession        string   `json:"end_session_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	Scopes            []string `json:"scopes_supported"`
	Algorithms        []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	RevocationMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	ResponseIssuer    bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// discovered is the result of a discovery. It does not change.
type discovered struct {
	metadata
	keys         *oidcverify.KeySet // of ID tokens, which come from the token endpoint
	logoutKeys   *oidcverify.KeySet // of logout tokens, which any client can send, so that their fetches have limits of their own
	idTokens     *oidc.IDTokenVerifier
	logoutTokens *oidcverify.Verifier
}

// provider fetches and remembers the provider's metadata. It is safe for concurrent use.
type provider struct {
	cfg  Config
	http *http.Client

	mu       sync.Mutex
	found    *discovered // nil until a discovery has succeeded
	fetched  time.Time
	failed   time.Time     // when the last discovery failed; zero after one that succeeded
	fetching chan struct{} // closed when the discovery in progress ends; nil if there is none
}

func newProvider(c Config) *provider {
	return &provider{cfg: c, http: newHTTPClient(c)}
}

// discover returns the metadata. If there are none, it fetches them; concurrent callers share one
// fetch. Metadata that are older than maxMetadataAge are fetched again in the background; until
// that fetch succeeds, discover returns the old metadata. The error wraps errProvider or is the
// context's error. The end of the context does not end a fetch.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	now := p.cfg.Clock()
	old := p.found == nil || now.Sub(p.fetched) >= maxMetadataAge
	if old && p.fetching == nil && (p.failed.IsZero() || now.Sub(p.failed) >= retryDiscovery) {
		p.fetching = make(chan struct{})
		go p.fetch(context.WithoutCancel(ctx), p.found, p.fetching)
	}
	found, fetching := p.found, p.fetching
	p.mu.Unlock()

	if found == nil && fetching != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-fetching:
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		found = p.found
	}
	if found == nil {
		return nil, fmt.Errorf("relyingparty: the discovery failed: %w", errProvider)
	}
	return found, nil
}

// fetch replaces the metadata and closes done.
func (p *provider) fetch(ctx context.Context, old *discovered, done chan struct{}) {
	found, err := p.get(ctx, old)
	if err != nil {
		p.cfg.Logger.LogAttrs(ctx, slog.LevelError, "relyingparty: the discovery of the identity provider failed",
			slog.String("issuer", p.cfg.Issuer), slog.String("error", err.Error()))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed = p.cfg.Clock()
	} else {
		p.found, p.fetched, p.failed = found, p.cfg.Clock(), time.Time{}
	}
	p.fetching = nil
	close(done)
}

// get fetches the discovery document. Its errors do not quote the document.
func (p *provider) get(ctx context.Context, old *discovered) (*discovered, error) {
	found := &discovered{}
	address := strings.TrimSuffix(p.cfg.Issuer, "/") + "/.well-known/openid-configuration"
	if err := p.getJSON(ctx, address, "", &found.metadata); err != nil {
		return nil, err
	}
	if err := p.check(found.metadata); err != nil {
		return nil, err
	}
	if old != nil && old.Keys == found.Keys { // keeps the limits on fetches
		found.keys, found.logoutKeys = old.keys, old.logoutKeys
	} else {
		found.keys = oidcverify.NewKeySet(found.Keys, p.http, p.cfg.Clock)
		found.logoutKeys = oidcverify.NewKeySet(found.Keys, p.http, p.cfg.Clock)
	}
	late := func() time.Time { return p.cfg.Clock().Add(-p.cfg.ClockSkew) } // go-oidc tolerates no difference for exp
	algorithms := slices.DeleteFunc(slices.Clone(found.Algorithms), func(name string) bool {
		return name == "" || strings.EqualFold(name, "none") || strings.HasPrefix(name, "HS")
	})
	found.idTokens = oidc.NewVerifier(p.cfg.Issuer, found.keys,
		&oidc.Config{ClientID: p.cfg.ClientID, SupportedSigningAlgs: algorithms, Now: late})
	var err error
	found.logoutTokens, err = oidcverify.NewWithKeySet(p.cfg.Issuer, found.logoutKeys, oidcverify.Config{
		ClientID: p.cfg.ClientID, SupportedSigningAlgs: algorithms, ClockSkew: p.cfg.ClockSkew, Clock: p.cfg.Clock,
	})
	return found, err
}

// check refuses a document of another issuer (OpenID Connect Discovery 1.0, section 4.3), and
// one without the endpoints of the code flow, or with endpoints that are not https or have a
// fragment (RFC 6749, section 3.1), in which the parameters would be lost.
func (p *provider) check(m metadata) error {
	if m.Issuer != p.cfg.Issuer {
		return errors.New("the document names another issuer")
	}
	for _, endpoint := range []struct {
		name, url string
		required  bool
	}{
		{"authorization_endpoint", m.Authorization, true}, {"token_endpoint", m.Token, true}, {"jwks_uri", m.Keys, true},
		{"userinfo_endpoint", m.UserInfo, false}, {"end_session_endpoint", m.EndSession, false},
		{"revocation_endpoint", m.Revocation, false},
	} {
		if endpoint.url == "" && !endpoint.required {
			continue
		}
		u, err := url.Parse(endpoint.url)
		if err != nil || u.Host == "" || !p.cfg.allowed(u) || strings.Contains(endpoint.url, "#") {
			return fmt.Errorf("the document's %s is missing, not https or has a fragment", endpoint.name)
		}
		if endpoint.name == "authorization_endpoint" {
			for _, parameter := range protocolParameters { // each may appear once: RFC 6749, section 3.1
				if u.Query().Has(parameter) {
					return errors.New("the document's authorization_endpoint has a parameter of the protocol")
				}
			}
		}
	}
	return nil
}

// getJSON decodes the answer to a GET request, with a bearer token if it is not empty. Its
// errors do not quote the answer.
func (p *provider) getJSON(ctx context.Context, address, bearer string, v any) error {
	body, _, err := p.getBody(ctx, address, bearer)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, v) != nil {
		return errors.New("the answer is not the expected JSON")
	}
	return nil
}

// getBody returns the body of the answer to a GET request, and its content type. With a bearer
// token it follows no redirect.
func (p *provider) getBody(ctx context.Context, address, bearer string) ([]byte, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", errors.New("the address is not valid")
	}
	r.Header.Set("Accept", "application/json, application/jwt")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	client := *p.http
	if bearer != "" {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, "", httperror.Redacted(err)
	}
	defer response.Body.Close() //nolint:errcheck // the body is only read
	if response.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("the answer has status %d", response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, "", errors.New("the answer cannot be read or is too large")
	}
	return body, response.Header.Get("Content-Type"), nil
}

// scopes returns the scopes to request: those of the configuration, or openid together with
// profile, email and offline_access as far as the provider lists them. From a provider without
// a list it requests openid, profile and email.
func (d *discovered) scopes(c Config) []string {
	if len(c.Scopes) > 0 {
		return c.Scopes
	}
	scopes := []string{oidc.ScopeOpenID}
	for _, scope := range []string{"profile", "email", oidc.ScopeOfflineAccess} {
		if slices.Contains(d.Scopes, scope) || d.Scopes == nil && scope != oidc.ScopeOfflineAccess {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// UserInfoEndpoint returns the URL of the provider's userinfo endpoint, "" if it has none, for
// calls of the application's own. The error wraps
// [example.com/usersession/bff/backchannel.ErrProviderUnavailable].
func (p *RelyingParty) UserInfoEndpoint(ctx context.Context) (string, error) {
	found, err := p.provider.discover(ctx)
	if err != nil {
		return "", err
	}
	return found.UserInfo, nil
}
