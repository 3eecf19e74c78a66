package oidcverify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/backchannel"
)

const (
	// keyFetchInterval is the period in which tokens cause at most keyFetchBurst fetches of
	// the keys: any client can send tokens with false signatures.
	keyFetchInterval = 30 * time.Second
	keyFetchBurst    = 4
	// keyFetchRetry is the time after which a failed fetch is repeated in any case.
	keyFetchRetry = time.Second
	// keyFetchTimeout bounds a fetch whose HTTP client has no timeout.
	keyFetchTimeout = 10 * time.Second
	// maxKeyAge is the age at which keys are fetched again, so that a key which the
	// provider has withdrawn is not accepted for ever.
	maxKeyAge = time.Hour
	maxKeySet = 1 << 20
)

// KeySet is an [oidc.KeySet] with the keys of a provider's jwks_uri. It fetches the keys when it
// first needs them, when they are an hour old, and for a token that none of them has signed, but
// not more than four times in half a minute. A key that it does not understand, such as a key on
// an unknown curve, does not affect the others.
//
// It differs from go-oidc's RemoteKeySet, which fetches the keys for every token with a
// false signature. It is safe for concurrent use.
type KeySet struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	keys     []jose.JSONWebKey
	fetched  time.Time                // when keys were fetched
	attempts [keyFetchBurst]time.Time // the last fetches, oldest first
	failed   bool                     // the last fetch failed
	fetching chan struct{}            // closed when the fetch in progress ends; nil if there is none
}

// NewKeySet returns the key set at the URL. A nil client means a client with the defaults of
// net/http. A nil clock means [time.Now].
func NewKeySet(url string, client *http.Client, clock func() time.Time) *KeySet {
	if client == nil {
		client = &http.Client{}
	}
	if clock == nil {
		clock = time.Now
	}
	return &KeySet{url: url, client: client, now: clock}
}

var _ oidc.KeySet = (*KeySet)(nil)

// signingAlgorithms are the algorithms that a key of a provider can have. No symmetric algorithm
// and not the algorithm "none" is among them.
var signingAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

var errSignature = errors.New("oidcverify: the token's signature is not the identity provider's")

// VerifySignature returns the payload of a signed token in compact serialization. It does not
// check the claims; an [oidc.IDTokenVerifier] does. If the keys cannot be fetched, so that the
// token may be valid, the error wraps [backchannel.ErrProviderUnavailable]. No error quotes the
// token or the provider's answer.
func (s *KeySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, signingAlgorithms)
	if err != nil {
		return nil, errors.New("oidcverify: the token is not signed with an algorithm for the keys of a provider")
	}
	known, current := s.current()
	if current {
		if payload, ok := verifyWith(known, signed); ok {
			return payload, nil
		}
	}
	keys, err := s.refresh(ctx)
	if err != nil && !current { // an outage of the provider does not withdraw its keys
		if payload, ok := verifyWith(known, signed); ok {
			return payload, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if payload, ok := verifyWith(keys, signed); ok {
		return payload, nil
	}
	return nil, errSignature
}

// Fetch fetches the keys if none are known yet. Call it before a request that cannot be repeated
// and whose answer is signed, such as the exchange of a code. It returns the same errors as
// [KeySet.VerifySignature].
func (s *KeySet) Fetch(ctx context.Context) error {
	if known, _ := s.current(); known != nil {
		return nil
	}
	_, err := s.refresh(ctx)
	return err
}

func verifyWith(keys []jose.JSONWebKey, signed *jose.JSONWebSignature) ([]byte, bool) {
	id := signed.Signatures[0].Header.KeyID
	for _, key := range keys {
		if id != "" && key.KeyID != id {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// current returns the known keys, or nil before the first fetch. It reports whether to use them
// before another fetch: because they are young enough, or because a fetch would exceed the limits.
func (s *KeySet) current() ([]jose.JSONWebKey, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.keys != nil && (s.now().Sub(s.fetched) < maxKeyAge || !s.mayFetch())
}

// mayFetch reports whether another fetch is within the limits. The caller holds the lock.
func (s *KeySet) mayFetch() bool {
	now := s.now()
	return now.Sub(s.attempts[0]) >= keyFetchInterval ||
		s.failed && now.Sub(s.attempts[keyFetchBurst-1]) >= keyFetchRetry
}

// refresh fetches the keys and returns them. Concurrent calls share one fetch, which goes on
// if a caller gives up. If a fetch would exceed the limits, refresh returns the keys that are
// known, or an error if the last fetch failed.
func (s *KeySet) refresh(ctx context.Context) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	if s.fetching == nil {
		if !s.mayFetch() {
			defer s.mu.Unlock()
			return s.known()
		}
		copy(s.attempts[:], s.attempts[1:])
		s.attempts[keyFetchBurst-1] = s.now()
		s.fetching = make(chan struct{})
		go s.fetch(context.WithoutCancel(ctx), s.fetching)
	}
	fetching := s.fetching
	s.mu.Unlock()

	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-fetching:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.known()
	}
}

// known returns the keys, or an error if the last fetch failed. The caller holds the lock.
func (s *KeySet) known() ([]jose.JSONWebKey, error) {
	if s.failed {
		return nil, fmt.Errorf("oidcverify: the keys could not be fetched: %w", backchannel.ErrProviderUnavailable)
	}
	return s.keys, nil
}

// fetch gets the keys, keeps them or the failure, and closes done for the callers that wait.
func (s *KeySet) fetch(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, keyFetchTimeout)
	defer cancel()
	keys, err := s.get(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed = err != nil; !s.failed {
		s.keys, s.fetched = keys, s.now()
	}
	s.fetching = nil
	close(done)
}

// get returns the public signing keys at the URL. It leaves out keys that it cannot use, as RFC
// 7517, section 5, tells clients to do.
func (s *KeySet) get(ctx context.Context) ([]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	r.Header.Set("Cache-Control", "no-cache")
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // the body is only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the response has status %d", response.StatusCode)
	}
	if len(body) > maxKeySet {
		return nil, errors.New("the response is too large")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("the response is not a JSON Web Key Set")
	}
	keys := []jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
