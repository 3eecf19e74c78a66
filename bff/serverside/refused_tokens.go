package serverside

import (
	"crypto/sha256"
	"sync"
)

const (
	// refusedTokensKept is the minimum number of refused refresh tokens that are
	// remembered, and half of the maximum.
	refusedTokensKept = 4096
	// maxDoubtful is the number of doubtful refusals (see [ErrRefreshRequestRefused])
	// after which a refresh token counts as refused.
	maxDoubtful = 3
)

// refusedTokens remembers the refresh tokens that the provider refused most recently, as
// hashes and only in this process. The provider is not asked again with such a token, and
// requests get the refusal at once. The zero value is ready to use.
type refusedTokens struct {
	mu            sync.Mutex
	recent, older map[[sha256.Size]byte]int // the number of doubtful refusals, or maxDoubtful
}

func (r *refusedTokens) has(token string) bool {
	hash := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.recent[hash], r.older[hash]) >= maxDoubtful
}

// add remembers a token that the provider has refused.
func (r *refusedTokens) add(token string) { r.count(token, maxDoubtful) }

// addDoubtful counts a doubtful refusal. It reports whether the token now counts as refused.
func (r *refusedTokens) addDoubtful(token string) bool { return r.count(token, 1) >= maxDoubtful }

// count adds refusals to the number of the token, and returns the sum. When recent is full, it becomes
// older, and the former older numbers are forgotten.
func (r *refusedTokens) count(token string, refusals int) int {
	hash := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	total := max(r.recent[hash], r.older[hash]) + refusals
	if _, known := r.recent[hash]; !known && (r.recent == nil || len(r.recent) == refusedTokensKept) {
		r.recent, r.older = make(map[[sha256.Size]byte]int), r.recent
	}
	r.recent[hash] = total
	return total
}
