// Package oidcverify verifies OpenID Connect logout tokens with coreos/go-oidc, for
// package [example.com/usersession/bff/backchannel]. It is a module of its own, so that
// go-oidc reaches nobody who does not use it.
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
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/usersession/bff/backchannel"
)

// Config says for whom tokens must be. ClientID must be set.
type Config struct {
	// ClientID must be in a token's aud.
	ClientID string
	// SupportedSigningAlgs are the algorithms to accept. The default is what the
	// provider's discovery document names, or else RS256. None and the symmetric ones
	// are never accepted.
	SupportedSigningAlgs []string
	// ClockSkew is how long after its exp a token is still good, since the provider's
	// clock may be off. The default is [backchannel.DefaultClockSkew]. Set it together
	// with that of [backchannel.Config]: the smaller one counts.
	ClockSkew time.Duration
	// Clock is what time it is. Nil means [time.Now].
	Clock func() time.Time
}

// Verifier is a [backchannel.Verifier]. It is safe for concurrent use.
type Verifier struct {
	verifier *oidc.IDTokenVerifier
	clientID string
}

// New makes a verifier with the provider's issuer and keys. The keys are fetched when
// they are first needed, and again when a token has a key id that is not known, over the
// HTTP client of the context that the provider was made with.
func New(provider *oidc.Provider, c Config) (*Verifier, error) {
	if provider == nil {
		return nil, errors.New("oidcverify: the provider is nil")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Verifier{provider.Verifier(c.oidc()), c.ClientID}, nil
}

// NewWithKeySet makes a verifier for an issuer without discovery.
func NewWithKeySet(issuer string, keys oidc.KeySet, c Config) (*Verifier, error) {
	if issuer == "" || keys == nil {
		return nil, errors.New("oidcverify: the issuer is empty or the key set is nil")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Verifier{oidc.NewVerifier(issuer, keys, c.oidc()), c.ClientID}, nil
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
	// Of a logout token go-oidc compares only exp with the time, and allows for no skew.
	late := func() time.Time { return now().Add(-skew) }
	return &oidc.Config{ClientID: c.ClientID, SupportedSigningAlgs: c.SupportedSigningAlgs, Now: late}
}

// Verify implements [backchannel.Verifier]: signature, algorithm, iss, aud and exp, and
// whatever else go-oidc checks of a logout token. Its errors do not quote the token.
func (v *Verifier) Verify(ctx context.Context, logoutToken string) (backchannel.VerifiedToken, error) {
	var verified backchannel.VerifiedToken
	// go-jose takes the JSON serialization too, whose header may be unprotected.
	parts := strings.Split(logoutToken, ".")
	if len(parts) != 3 {
		return verified, errors.New("oidcverify: the token is not in compact serialization")
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return verified, errors.New("oidcverify: the token's header is not base64url")
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

// classify says what is wrong without quoting what came from outside.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
		return errors.New("oidcverify: the token has expired")
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "fetching keys"):
		return errors.New("oidcverify: the identity provider's keys could not be fetched")
	case strings.Contains(text, "signature"):
		return errors.New("oidcverify: the token's signature is not the identity provider's")
	case strings.Contains(text, "different provider"):
		return errors.New("oidcverify: the token is of another issuer")
	case strings.Contains(text, "audience"):
		return errors.New("oidcverify: the token is not for this client")
	default:
		return errors.New("oidcverify: the token is not a valid logout token")
	}
}

// forClient repeats the check of aud with the member's exact name: go-oidc takes AUD too.
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
