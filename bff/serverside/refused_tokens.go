package serverside

import (
	"crypto/sha256"
	"sync"
)

// refusedTokensKept is the minimum number of refused refresh tokens that are remembered,
// and half of the maximum.
const refusedTokensKept = 4096

// refusedTokens remembers the refresh tokens that the provider refused most recently, as
// hashes and only in this process. The provider is not asked again with such a token, and
// requests do not wait again for another host that may have used it. The zero value is
// ready to use.
type refusedTokens struct {
	mu            sync.Mutex
	recent, older map[[sha256.Size]byte]struct{}
}

func (r *refusedTokens) has(token string) bool {
	hash := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	_, recent := r.recent[hash]
	_, older := r.older[hash]
	return recent || older
}

func (r *refusedTokens) add(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent == nil || len(r.recent) == refusedTokensKept {
		r.recent, r.older = map[[sha256.Size]byte]struct{}{}, r.recent
	}
	r.recent[sha256.Sum256([]byte(token))] = struct{}{}
}
