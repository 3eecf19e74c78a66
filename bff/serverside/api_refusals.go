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
	// apiRefusalsKept is the minimum number of such access tokens that are remembered, and
	// half of the maximum.
	apiRefusalsKept = 4096
)

// apiRefusals remembers the access tokens that an API has refused although a refresh had just
// given them: the API has another reason than the token's age, and another refresh would not
// help. It remembers hashes and only in this process. The zero value is ready to use.
type apiRefusals struct {
	mu            sync.Mutex
	recent, older map[[sha256.Size]byte]time.Time // until when
}

func (r *apiRefusals) has(token string, now time.Time) bool {
	hash := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.recent[hash]) || now.Before(r.older[hash])
}

func (r *apiRefusals) add(token string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent == nil || len(r.recent) == apiRefusalsKept {
		r.recent, r.older = make(map[[sha256.Size]byte]time.Time), r.recent
	}
	r.recent[sha256.Sum256([]byte(token))] = now.Add(apiRefusalLife)
}
