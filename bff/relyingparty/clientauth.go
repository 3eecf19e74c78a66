package relyingparty

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// assertionLife is how long a client assertion is valid.
const assertionLife = time.Minute

// authMethod returns how the client authenticates at an endpoint that supports the methods.
func (c Config) authMethod(supported []string) string {
	switch {
	case c.ClientAuthentication != "":
		return c.ClientAuthentication
	case c.ClientKey != nil:
		return PrivateKeyJWT
	case c.ClientSecret == "":
		return PublicClient
	case !slices.Contains(supported, ClientSecretBasic) && slices.Contains(supported, ClientSecretPost):
		return ClientSecretPost
	default:
		return ClientSecretBasic // the default of the specifications
	}
}

// clientAuth is a transport that authenticates the client of the posted forms. The forms have
// its client_id.
type clientAuth struct {
	base          http.RoundTripper
	cfg           Config
	method        string
	tokenEndpoint string
}

// RoundTrip implements http.RoundTripper.
func (t clientAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	var assertion string
	if t.method == PrivateKeyJWT {
		var err error
		if assertion, err = t.assertion(); err != nil {
			return nil, err
		}
	}
	next, err := editForm(r, func(form url.Values) {
		switch t.method {
		case ClientSecretBasic:
			form.Del("client_id")
		case ClientSecretPost:
			form.Set("client_secret", t.cfg.ClientSecret)
		case PrivateKeyJWT:
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", assertion)
		}
	})
	if err != nil {
		return nil, err
	}
	if t.method == ClientSecretBasic { // RFC 6749, section 2.3.1, requires the encoding
		next.SetBasicAuth(url.QueryEscape(t.cfg.ClientID), url.QueryEscape(t.cfg.ClientSecret))
	}
	return t.base.RoundTrip(next)
}

// assertion returns a client assertion (RFC 7523, section 3). Its audience is the token
// endpoint, also at the revocation endpoint.
func (t clientAuth) assertion() (string, error) {
	signer, err := assertionSigner(t.cfg.ClientKey, t.cfg.ClientKeyID)
	if err != nil {
		return "", err
	}
	audience := t.tokenEndpoint
	if t.cfg.AssertionAudience != "" {
		audience = t.cfg.AssertionAudience
	}
	now := t.cfg.Clock()
	claims, err := json.Marshal(map[string]any{
		"iss": t.cfg.ClientID, "sub": t.cfg.ClientID, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", errors.New("relyingparty: the client's key cannot sign")
	}
	return signed.CompactSerialize()
}

// assertionSigner returns the signer for a client's key.
func assertionSigner(key crypto.Signer, id string) (jose.Signer, error) {
	rsaKey, isRSA := key.(*rsa.PrivateKey)
	ecKey, isEC := key.(*ecdsa.PrivateKey)
	edKey, isEd := key.(ed25519.PrivateKey)
	if isRSA && (rsaKey == nil || rsaKey.N == nil) || isEC && (ecKey == nil || ecKey.Curve == nil) || isEd && len(edKey) != ed25519.PrivateKeySize {
		return nil, errors.New("ClientKey is nil or incomplete") // its methods would panic
	}
	var algorithm jose.SignatureAlgorithm
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		algorithm = jose.RS256
	case ed25519.PublicKey:
		algorithm = jose.EdDSA
	case *ecdsa.PublicKey:
		algorithm = map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}[public.Curve.Params().BitSize]
	}
	if algorithm == "" {
		return nil, errors.New("ClientKey must be an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key")
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: cryptosigner.Opaque(key)}, options)
}
