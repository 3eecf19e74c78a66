// Package oidcverify verifies OpenID Connect logout tokens with coreos/go-oidc, for package
// [example.com/usersession/bff/backchannel]. It is a module of its own, so that only programs
// that use it depend on go-oidc.
//
//	provider, err := oidc.NewProvider(ctx, issuer)
//	...
//	verifier, err := oidcverify.New(provider, oidcverify.Config{ClientID: clientID})
package oidcverify

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/backchannel"
)

// Config configures a [Verifier]. ClientID must be set.
type Config struct {
	// ClientID must be in a token's aud.
	ClientID string
	// SupportedSigningAlgs are the accepted algorithms. The default is the list in the
	// provider's discovery document, or RS256 if there is none. The algorithm none and
	// symmetric algorithms are refused by [New] and [NewWithKeySet].
	SupportedSigningAlgs []string
	// ClockSkew is how long after its exp a token is accepted, since the provider's clock
	// may differ from the host's. The default is [backchannel.DefaultClockSkew]. Set it
	// to the same value as in [backchannel.Config]: the smaller value decides.
	ClockSkew time.Duration
	// HTTPClient fetches the provider's keys. Nil means a client with the defaults of
	// net/http.
	HTTPClient *http.Client
	// Clock returns the current time. Nil means [time.Now].
	Clock func() time.Time
}

// Verifier is a [backchannel.Verifier]. It is safe for concurrent use.
type Verifier struct {
	verifier *oidc.IDTokenVerifier
	keys     oidc.KeySet // of verifier; nil if the provider has no discovery document
	clientID string
}

// New returns a verifier with the provider's issuer and keys. It returns an error if the
// provider is nil or the configuration is not valid. The verifier fetches the keys as
// [KeySet] does.
func New(provider *oidc.Provider, c Config) (*Verifier, error) {
	if provider == nil {
		return nil, errors.New("oidcverify: the provider is nil")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	var found struct {
		Issuer     string   `json:"issuer"`
		Keys       string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&found); err != nil || found.Keys == "" { // made by oidc.ProviderConfig
		return &Verifier{provider.Verifier(c.oidc()), nil, c.ClientID}, nil
	}
	if len(c.SupportedSigningAlgs) == 0 {
		c.SupportedSigningAlgs = asymmetric(found.Algorithms)
	}
	return NewWithKeySet(found.Issuer, NewKeySet(found.Keys, c.HTTPClient, c.Clock), c)
}

// asymmetric returns the algorithms that [KeySet] supports, in their order.
func asymmetric(algorithms []string) []string {
	return slices.DeleteFunc(slices.Clone(algorithms), func(name string) bool {
		return !slices.Contains(signingAlgorithms, jose.SignatureAlgorithm(name))
	})
}

// NewWithKeySet returns a verifier for an issuer without a discovery document. It returns an
// error if the issuer is empty, keys is nil or the configuration is not valid.
func NewWithKeySet(issuer string, keys oidc.KeySet, c Config) (*Verifier, error) {
	if issuer == "" || keys == nil {
		return nil, errors.New("oidcverify: the issuer is empty or the key set is nil")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Verifier{oidc.NewVerifier(issuer, keys, c.oidc()), keys, c.ClientID}, nil
}

func (c Config) check() error {
	if c.ClientID == "" {
		return errors.New("oidcverify: the ClientID is empty")
	}
	if c.ClockSkew < 0 {
		return errors.New("oidcverify: the ClockSkew is negative")
	}
	for _, alg := range c.SupportedSigningAlgs {
		if alg == "" || strings.EqualFold(alg, "none") || strings.HasPrefix(alg, "HS") {
			return errors.New("oidcverify: SupportedSigningAlgs may only name asymmetric algorithms")
		}
	}
	return nil
}

func (c Config) oidc() *oidc.Config {
	now, skew := c.Clock, cmp.Or(c.ClockSkew, backchannel.DefaultClockSkew)
	if now == nil {
		now = time.Now
	}
	// For a logout token, go-oidc compares only exp with the time, and tolerates no
	// difference between the clocks.
	late := func() time.Time { return now().Add(-skew) }
	return &oidc.Config{ClientID: c.ClientID, SupportedSigningAlgs: c.SupportedSigningAlgs, Now: late}
}

// Verify implements [backchannel.Verifier]. It checks the signature, the algorithm, iss, aud
// and exp, and the other claims that go-oidc checks in a logout token. An error wraps
// [backchannel.ErrProviderUnavailable] if the provider's keys could not be fetched. No error
// quotes the token.
func (v *Verifier) Verify(ctx context.Context, logoutToken string) (backchannel.VerifiedToken, error) {
	var verified backchannel.VerifiedToken
	// go-jose also accepts the JSON serialization, whose header may be unprotected.
	parts := strings.Split(logoutToken, ".")
	if len(parts) != 3 {
		return verified, errors.New("oidcverify: the token is not in compact serialization")
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return verified, errors.New("oidcverify: the token's header is not base64url")
	}
	if v.keys != nil { // go-oidc's error would not wrap the error of the key set
		if _, err := v.keys.VerifySignature(ctx, logoutToken); err != nil {
			return verified, classify(ctx, err)
		}
	}
	token, err := v.verifier.VerifyLogout(ctx, logoutToken)
	if err != nil {
		return verified, classify(ctx, err)
	}
	var claims json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return verified, errors.New("oidcverify: the token's payload is not JSON")
	}
	if !forClient(claims, v.clientID) {
		return verified, errors.New("oidcverify: the token is not for this client")
	}
	return backchannel.VerifiedToken{Header: header, Claims: claims}, nil
}

// classify returns an error that quotes nothing of the token or of the provider's response.
// It recognizes most of go-oidc's errors by their texts, since they have no types.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
		return errors.New("oidcverify: the token has expired")
	}
	if errors.Is(err, backchannel.ErrProviderUnavailable) || errors.Is(err, errSignature) {
		return err
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "fetching keys"): // go-oidc's own key set
		return fmt.Errorf("oidcverify: the keys could not be fetched: %w", backchannel.ErrProviderUnavailable)
	case strings.Contains(text, "signature"):
		return errSignature
	case strings.Contains(text, "different provider"):
		return errors.New("oidcverify: the token is from another issuer")
	case strings.Contains(text, "audience"):
		return errors.New("oidcverify: the token is not for this client")
	default:
		return errors.New("oidcverify: the token is not a valid logout token")
	}
}

// forClient repeats the check of aud with the member's exact name: go-oidc also accepts AUD.
func forClient(claims json.RawMessage, clientID string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(claims, &members) != nil {
		return false
	}
	var one string
	if json.Unmarshal(members["aud"], &one) == nil {
		return one == clientID
	}
	var many []string
	return json.Unmarshal(members["aud"], &many) == nil && slices.Contains(many, clientID)
}
