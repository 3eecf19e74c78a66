package serverside

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// apiRefusalLife is the time for which no refresh follows when an API has refused an access
	// token that was new.
	apiRefusalLife = time.Minute
	// apiRefusalsKept is the maximum number of such access tokens that are remembered.
	apiRefusalsKept = 4096
)

// apiRefusals remembers the access tokens that an API has refused although a refresh had just
// given them: the API has another reason than the token's age, and another refresh would not
// help. It remembers hashes and only in this process. The zero value is ready to use.
type apiRefusals struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

func (r *apiRefusals) has(token string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.until[sha256.Sum256([]byte(token))])
}

func (r *apiRefusals) add(token string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.until) >= apiRefusalsKept {
		for hash, until := range r.until {
			if !now.Before(until) {
				delete(r.until, hash)
			}
		}
	}
	if r.until == nil || len(r.until) >= apiRefusalsKept { // without its memory, calls refresh again
		r.until = make(map[[sha256.Size]byte]time.Time)
	}
	r.until[sha256.Sum256([]byte(token))] = now.Add(apiRefusalLife)
}
